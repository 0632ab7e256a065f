"""What may stand in a model's config.json: the architectures and keys this program knows, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Architecture:
    """One architecture of transformers that is loaded without code of the model's own."""

    model_type: str
    kind: Literal["encoder", "reranker", "seq2seq", "causal"]


ARCHITECTURES = {
    "BertModel": Architecture("bert", "encoder"),
    "MPNetModel": Architecture("mpnet", "encoder"),
    "RobertaModel": Architecture("roberta", "encoder"),
    "XLMRobertaModel": Architecture("xlm-roberta", "encoder"),
    "DistilBertModel": Architecture("distilbert", "encoder"),
    "MPNetForMaskedLM": Architecture("mpnet", "encoder"),
    "BertForMaskedLM": Architecture("bert", "encoder"),
    "RobertaForMaskedLM": Architecture("roberta", "encoder"),
    "XLMRobertaForMaskedLM": Architecture("xlm-roberta", "encoder"),
    "DistilBertForMaskedLM": Architecture("distilbert", "encoder"),
    "DPRQuestionEncoder": Architecture("dpr", "encoder"),
    "DPRContextEncoder": Architecture("dpr", "encoder"),
    "BertForSequenceClassification": Architecture("bert", "reranker"),
    "RobertaForSequenceClassification": Architecture("roberta", "reranker"),
    "XLMRobertaForSequenceClassification": Architecture("xlm-roberta", "reranker"),
    "DistilBertForSequenceClassification": Architecture("distilbert", "reranker"),
    "T5ForConditionalGeneration": Architecture("t5", "seq2seq"),
    "MT5ForConditionalGeneration": Architecture("mt5", "seq2seq"),
    "BartForConditionalGeneration": Architecture("bart", "seq2seq"),
    "BartModel": Architecture("bart", "seq2seq"),  # as bart-base and bart-large call themselves; the head is tied
    "LlamaForCausalLM": Architecture("llama", "causal"),
    "MistralForCausalLM": Architecture("mistral", "causal"),
    "Qwen2ForCausalLM": Architecture("qwen2", "causal"),
    "Qwen3ForCausalLM": Architecture("qwen3", "causal"),
    "GemmaForCausalLM": Architecture("gemma", "causal"),
    "Gemma2ForCausalLM": Architecture("gemma2", "causal"),
    "Gemma3ForCausalLM": Architecture("gemma3_text", "causal"),
    "PhiForCausalLM": Architecture("phi", "causal"),
    "Phi3ForCausalLM": Architecture("phi3", "causal"),
    "SmolLM3ForCausalLM": Architecture("smollm3", "causal"),
}

_HISTORY = """
    _name_or_path transformers_version torch_dtype dtype architectures model_type id2label label2id finetuning_task
"""
_TOKENS = """
    vocab_size pad_token_id bos_token_id eos_token_id unk_token_id sep_token_id cls_token_id decoder_start_token_id
    forced_bos_token_id forced_eos_token_id type_vocab_size
"""
_SHAPE = """
    projection_dim
    hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim d_model d_ff d_kv
    num_layers num_decoder_layers num_heads encoder_layers decoder_layers encoder_attention_heads
    decoder_attention_heads encoder_ffn_dim decoder_ffn_dim dim hidden_dim n_heads n_layers embedding_size
    max_position_embeddings n_positions relative_attention_num_buckets relative_attention_max_distance is_decoder
    is_encoder_decoder add_cross_attention tie_word_embeddings scale_decoder_outputs scale_embedding
"""
_ATTENTION = """
    attention_bias mlp_bias sliding_window use_sliding_window max_window_layers layer_types sliding_window_pattern
    _sliding_window_pattern rope_theta rope_scaling rope_parameters rope_local_base_freq rope_interleaved
    position_embedding_type query_pre_attn_scalar attn_logit_softcapping final_logit_softcapping sinusoidal_pos_embds
    use_bidirectional_attention pretraining_tp is_llama_config original_max_position_embeddings partial_rotary_factor
    qk_layernorm no_rope_layers no_rope_layer_interval
"""
_ACTIVATION = """
    hidden_act hidden_activation activation activation_function feed_forward_proj dense_act_fn is_gated_act
    layer_norm_eps layer_norm_epsilon rms_norm_eps normalize_before normalize_embedding add_final_layer_norm
    add_bias_logits initializer_range initializer_factor init_std gradient_checkpointing use_cache
"""
_DROPOUT = """
    attention_probs_dropout_prob hidden_dropout_prob attention_dropout activation_dropout dropout dropout_rate
    embd_pdrop resid_pdrop classifier_dropout classif_dropout qa_dropout seq_classif_dropout encoder_layerdrop
    decoder_layerdrop
"""
_GENERATION = """
    output_past output_attentions output_hidden_states task_specific_params num_beams max_length min_length
    early_stopping length_penalty no_repeat_ngram_size prefix classifier_dropout_prob tokenizer_class num_labels
"""
# What published folders say besides, and nothing that loads these architectures reads: cross-encoders, DistilBERT,
# Google's BERTs, Qwen 2, Gemma 2 and 3, and those that browsers run too.
_UNREAD = """
    problem_type sbert_ce_default_activation_function sentence_transformers tie_weights_
    directionality pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type
    use_mrope cache_implementation transformers.js_config
"""
UNREAD_KEYS = frozenset(_UNREAD.split())
# A config's keys are an allow-list: an unknown one may mean another computation, or code to fetch.
CONFIG_KEYS = frozenset(" ".join((_HISTORY, _TOKENS, _SHAPE, _ATTENTION, _ACTIVATION, _DROPOUT, _GENERATION)).split())

SPECIAL_TOKEN_KEYS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
