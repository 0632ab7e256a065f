"""A tiny DPR and BART (or T5) as facebook/rag-sequence-nq lies on a disk, written with save_pretrained."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    DPRConfig,
    DPRContextEncoder,
    DPRQuestionEncoder,
    PreTrainedTokenizerFast,
    RagConfig,
    RagSequenceForGeneration,
    RagTokenForGeneration,
    RagTokenizer,
)

FAMILIES = {"sequence": RagSequenceForGeneration, "token": RagTokenForGeneration}
WIDTH = 32


def make_published(folder: Path, *, texts: list[str], reading: str = "sequence", context: bool = True) -> Path:
    """Write the checkpoint into `folder` and, beside it, its context encoder; return `folder`."""
    question_tokenizer, generator_tokenizer = word_pieces(texts), byte_pieces(texts)
    shape = {"hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    dpr = DPRConfig(vocab_size=len(question_tokenizer), max_position_embeddings=96, **shape)
    bart = BartConfig(
        vocab_size=len(generator_tokenizer), d_model=WIDTH, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        max_position_embeddings=160,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = FAMILIES[reading](
            config=RagConfig.from_question_encoder_generator_configs(
                dpr, bart, n_docs=3, retrieval_vector_size=WIDTH, max_combined_length=128
            ),
            question_encoder=DPRQuestionEncoder(dpr),
            generator=BartForConditionalGeneration(bart),
        )
        passages = DPRContextEncoder(dpr)
    model.save_pretrained(folder)
    RagTokenizer(question_tokenizer, generator_tokenizer).save_pretrained(folder)
    if context:
        passages.save_pretrained(folder.with_name(f"{folder.name}-ctx"))
    return folder


def word_pieces(texts: list[str]) -> PreTrainedTokenizerFast:
    """A BERT tokenizer of the texts' words."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a token, no password
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=400, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def byte_pieces(texts: list[str]) -> PreTrainedTokenizerFast:
    """A BART tokenizer of the texts' bytes and words."""
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=alphabet)
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    named = dict(zip(("bos_token", "pad_token", "eos_token", "unk_token", "mask_token"), special, strict=True))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def change_config(folder: Path, **changes: object) -> None:
    """Change entries of the folder's config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")
