"""RAG checkpoints in the layout of facebook/rag-sequence-nq, checked and taken apart into plain model folders.

One folder holds the weights of a DPR question encoder and of a BART or T5 generator, and their tokenizers in
sub-folders; a DPR context encoder may lie in it or beside it. Of its configuration only shapes and separators are kept:
every path, dataset and index that it names is left behind, because the workspace's own passages are what is searched.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from engine.errors import ModelError
from engine.models.architectures import CONFIG_KEYS
from engine.models.safety import (
    CONFIG,
    MAX_CONFIG_BYTES,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
    check_entries,
    check_tokenizer_config,
    check_weights,
    parse_object,
    read_object,
)

LAYOUT = "rag.json"  # beside a generator's weights: how its inputs are written
QUESTION, CONTEXT, GENERATOR = "question_encoder", "context_encoder", "generator"
PARTS = (QUESTION, CONTEXT, GENERATOR)
TOKENIZERS = {QUESTION: "question_encoder_tokenizer", GENERATOR: "generator_tokenizer"}

_READINGS = {"RagSequenceForGeneration": "sequence", "RagTokenForGeneration": "token"}
_GENERATORS = {"bart": "BartForConditionalGeneration", "t5": "T5ForConditionalGeneration"}
_PREFIXES = {QUESTION: "rag.question_encoder.", GENERATOR: "rag.generator."}
_DEFAULT_DATASET = "wiki_dpr"  # what RagConfig names when nobody chose an index
_OWN_KEYS_WORDS = """
    question_encoder generator title_sep doc_sep prefix n_docs max_combined_length retrieval_vector_size
    retrieval_batch_size dataset dataset_split dataset_revision index_name index_path passages_path use_dummy_dataset
    reduce_loss label_smoothing do_deduplication exclude_bos_score do_marginalize output_retrieved
"""
_OWN_KEYS = frozenset(_OWN_KEYS_WORDS.split())
# What configurations of these years also hold: settings of generation and of training. Known, and not taken over.
_HISTORY_WORDS = """
    bad_words_ids begin_suppress_tokens chunk_size_feed_forward cross_attention_hidden_size diversity_penalty do_sample
    encoder_no_repeat_ngram_size exponential_decay_length_penalty extra_pos_embeddings
    force_bos_token_to_be_generated min_length no_repeat_ngram_size num_beam_groups num_beams num_return_sequences
    output_scores problem_type pruned_heads remove_invalid_values repetition_penalty return_dict
    return_dict_in_generate save_step static_position_embeddings suppress_tokens temperature tf_legacy_loss
    tie_encoder_decoder top_k top_p torchscript typical_p use_bfloat16 xla_device
"""
_HISTORY = frozenset(_HISTORY_WORDS.split())
_INDEX_HINT = (
    'Take the index out of a copy of its config.json (index_name "custom", no paths); the workspace\'s own passages '
    "are indexed with it. Passages of your own come in as JSONL, CSV, Parquet or a datasets folder."
)


@dataclass(frozen=True, slots=True)
class Part:
    """One of the models a checkpoint consists of."""

    name: str  # of PARTS
    kind: Literal["encoder", "seq2seq"]
    config: dict[str, Any]
    weights: Path
    prefix: str  # of its tensors' names in the weights
    tokenizer: Path  # folder
    layout: dict[str, Any] | None = None


def is_published_rag(folder: Path) -> bool:
    """Tell whether a folder says that it is a RAG checkpoint; nothing of it is trusted yet."""
    path = folder / CONFIG
    if folder.is_symlink() or path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_CONFIG_BYTES:
        return False
    try:
        return json.loads(path.read_bytes()).get("model_type") == "rag"
    except (ValueError, RecursionError, AttributeError):
        return False


def check_published(folder: Path) -> list[Part]:
    """Return the parts of a checkpoint, or raise ModelError naming the first thing that is wrong with it."""
    check_entries(folder)
    config = read_object(folder / CONFIG, limit_bytes=MAX_CONFIG_BYTES)
    names = config.get("architectures")
    reading = _READINGS.get(str(cast("list[Any]", names)[0])) if isinstance(names, list) and names else None
    if reading is None:
        raise ModelError(
            f"{folder.name} is neither a RagSequenceForGeneration nor a RagTokenForGeneration.",
            hint="Save the whole model with its save_pretrained.",
        )
    _check_keys(folder, config, allowed=CONFIG_KEYS | _OWN_KEYS | _HISTORY)
    _check_index(folder, config)
    if not (folder / WEIGHTS).is_file():
        raise ModelError(
            f"{folder.name} has no {WEIGHTS}.",
            hint="Open it once where it came from and save it with save_pretrained: that writes safetensors.",
        )
    check_weights(folder / WEIGHTS)
    question = _nested(folder, config, QUESTION, known={"dpr": "DPRQuestionEncoder"})
    generator = _nested(folder, config, GENERATOR, known=_GENERATORS)
    layout = {
        "reading": reading,
        "title_sep": _text(folder, config, "title_sep", " / "),
        "doc_sep": _text(folder, config, "doc_sep", " // "),
        "prefix": _text(folder, config, "prefix", "") or _text(folder, config.get(GENERATOR, {}), "prefix", ""),
        "passages": _count(folder, config, "n_docs", 5, most=50),
        "tokens": _count(folder, config, "max_combined_length", 300, most=4096),
    }
    tokenizers = {part: folder / name for part, name in TOKENIZERS.items()}
    for path in tokenizers.values():
        if not path.is_dir():
            raise ModelError(
                f"{folder.name} has no folder {path.name}.", hint="Save its RagTokenizer into the folder too."
            )
        if (path / TOKENIZER_CONFIG).is_file():
            check_tokenizer_config(path)
    parts = [
        Part(QUESTION, "encoder", question, folder / WEIGHTS, _PREFIXES[QUESTION], tokenizers[QUESTION]),
        Part(GENERATOR, "seq2seq", generator, folder / WEIGHTS, _PREFIXES[GENERATOR], tokenizers[GENERATOR], layout),
    ]
    context = _context_encoder(folder, dimension=question.get("projection_dim") or question.get("hidden_size"))
    if context is not None:
        read = _filtered(context, read_object(context / CONFIG, limit_bytes=MAX_CONFIG_BYTES))
        tokenizer = context if _has_tokenizer(context) else tokenizers[QUESTION]
        parts.append(Part(CONTEXT, "encoder", read, context / WEIGHTS, "", tokenizer))
    return parts


def write_part(part: Part, target: Path) -> None:
    """Write a part as a plain model folder: configuration, weights under their own names, tokenizer, layout."""
    (target / CONFIG).write_text(json.dumps(part.config), encoding="utf-8")
    _write_weights(part.weights, target / WEIGHTS, prefix=part.prefix)
    (target / TOKENIZER).write_bytes(_tokenizer(part.tokenizer))
    if part.layout is not None:
        (target / LAYOUT).write_text(json.dumps(part.layout), encoding="utf-8")


def _check_keys(folder: Path, config: Mapping[str, Any], *, allowed: frozenset[str]) -> None:
    if "auto_map" in config:
        raise ModelError(
            f"{folder.name} wants to bring its own program code (auto_map in config.json).",
            hint="Such models are not loaded. Choose one of an architecture that is built in.",
        )
    unknown = sorted(config.keys() - allowed)
    if unknown:
        raise ModelError(
            f"config.json of {folder.name} has settings this program does not know: {', '.join(unknown)[:200]}.",
            hint="Remove them from a copy of the folder if the model works without them.",
        )


def _check_index(folder: Path, config: Mapping[str, Any]) -> None:
    """Refuse a checkpoint that brings an index or passages by name: a path may lead anywhere, a pickle run anything.

    The index every RagConfig names by itself (Wikipedia's, exact or compressed, without a path) is left behind.
    """
    name = config.get("index_name", "compressed")
    if name == "legacy":
        raise ModelError(
            f'{folder.name} uses the index "legacy", which is a pickle and can run any program when it is opened.',
            hint=_INDEX_HINT,
        )
    for key in ("index_path", "passages_path"):
        if config.get(key) is not None:
            raise ModelError(
                f"config.json of {folder.name} names {key} {str(config[key])[:100]!r}: nothing is opened that a "
                "checkpoint names.",
                hint=_INDEX_HINT,
            )
    if name not in ("custom", "exact", "compressed") or config.get("dataset", _DEFAULT_DATASET) != _DEFAULT_DATASET:
        raise ModelError(
            f"config.json of {folder.name} names a remote index ({str(name)[:40]} of "
            f"{str(config.get('dataset'))[:60]}).",
            hint=_INDEX_HINT,
        )
    if config.get("dataset_revision") is not None:
        raise ModelError(f"config.json of {folder.name} names a revision of a remote index.", hint=_INDEX_HINT)


def _nested(folder: Path, config: Mapping[str, Any], part: str, *, known: Mapping[str, str]) -> dict[str, Any]:
    inner = config.get(part)
    if not isinstance(inner, dict):
        raise ModelError(f"config.json of {folder.name} doesn't describe its {part}.", hint="Save the model again.")
    given = cast("dict[str, Any]", inner)
    architecture = known.get(str(given.get("model_type")))
    if architecture is None:
        raise ModelError(
            f"The {part.replace('_', ' ')} of {folder.name} is a {str(given.get('model_type'))[:40]}.",
            hint=f"Published RAG models have {' or '.join(known).upper()} there; import other models on their own.",
        )
    return _filtered(folder, given) | {"architectures": [architecture]}


def _filtered(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    _check_keys(folder, config, allowed=CONFIG_KEYS | _HISTORY)
    return {key: value for key, value in config.items() if key not in _HISTORY and value is not None}


def _text(folder: Path, config: Mapping[str, Any], key: str, default: str) -> str:
    value = config.get(key, default)
    if value is None:
        return default
    if not isinstance(value, str) or len(value) > 200:
        raise ModelError(f"{key} in config.json of {folder.name} is no short text.", hint="Save the model again.")
    return value


def _count(folder: Path, config: Mapping[str, Any], key: str, default: int, *, most: int) -> int:
    value = config.get(key, default)
    if type(value) is not int or not 1 <= value <= most:
        raise ModelError(f"{key} in config.json of {folder.name} is not 1 to {most}.", hint="Save the model again.")
    return value


def _context_encoder(folder: Path, *, dimension: Any) -> Path | None:
    """Return the folder of the DPR context encoder in or beside `folder`, checked; None where there is none."""
    found: list[Path] = []
    for place in (*sorted(folder.iterdir()), *sorted(folder.parent.iterdir())):
        path = place / CONFIG
        if place == folder or place.is_symlink() or not place.is_dir() or path.is_symlink() or not path.is_file():
            continue
        if path.stat().st_size > MAX_CONFIG_BYTES:
            continue
        try:
            if json.loads(path.read_bytes()).get("architectures") == ["DPRContextEncoder"]:
                found.append(place)
        except (ValueError, RecursionError, AttributeError):
            continue
    if len(found) > 1:
        raise ModelError(
            f"Several context encoders lie beside {folder.name}: {', '.join(place.name for place in found)[:200]}.",
            hint="Leave the one that belongs to it.",
        )
    if not found:
        return None
    (place,) = found
    check_entries(place)
    config = read_object(place / CONFIG, limit_bytes=MAX_CONFIG_BYTES)
    if config.get("model_type") != "dpr" or (config.get("projection_dim") or config.get("hidden_size")) != dimension:
        raise ModelError(
            f"The context encoder {place.name} makes other vectors than the question encoder of {folder.name}.",
            hint="Leave the one that belongs to it.",
        )
    if not (place / WEIGHTS).is_file():
        raise ModelError(f"{place.name} has no {WEIGHTS}.", hint="Save it again with save_pretrained.")
    check_weights(place / WEIGHTS)
    return place


def _write_weights(source: Path, target: Path, *, prefix: str) -> None:
    """Copy the tensors whose names begin with `prefix`, without it, byte for byte into a safetensors file."""
    with source.open("rb") as reading:
        (length,) = struct.unpack("<Q", reading.read(8))
        header = parse_object(source, reading.read(length))
        chosen = {
            name.removeprefix(prefix): entry
            for name, entry in header.items()
            if name != "__metadata__"
            and name.startswith(prefix)
            and not name.endswith(("position_ids", "loss.weight"))
            and ".bert_model.pooler." not in name
        }
        if not chosen:
            raise ModelError(
                f"{source.parent.name}/{source.name} holds no weights named {prefix}….",
                hint="Save the whole model with its save_pretrained.",
            )
        offset = 0
        written: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        for name, entry in chosen.items():
            begin, end = entry["data_offsets"]
            written[name] = {**entry, "data_offsets": [offset, offset + end - begin]}
            offset += end - begin
        encoded = json.dumps(written).encode("utf-8")
        encoded += b" " * (-len(encoded) % 8)
        with target.open("wb") as writing:
            writing.write(struct.pack("<Q", len(encoded)) + encoded)
            for entry in chosen.values():
                begin, end = entry["data_offsets"]
                reading.seek(8 + length + begin)
                left = end - begin
                while left:
                    block = reading.read(min(left, 1 << 20))
                    writing.write(block)
                    left -= len(block)


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (TOKENIZER, "vocab.txt"))


def _tokenizer(folder: Path) -> bytes:
    """Return the folder's tokenizer.json, or one made of the older files of a BERT or BART tokenizer."""
    if (folder / TOKENIZER).is_file():
        return (folder / TOKENIZER).read_bytes()
    from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer, processors

    path = folder / TOKENIZER_CONFIG
    given = read_object(path, limit_bytes=MAX_CONFIG_BYTES) if path.is_file() else {}
    try:
        if (folder / "vocab.txt").is_file():
            lower = given.get("do_lower_case", True) is not False
            return BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lower).to_str().encode("utf-8")
        if (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
            tokenizer = ByteLevelBPETokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
            tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
            first, last = tokenizer.token_to_id("<s>"), tokenizer.token_to_id("</s>")
            tokenizer.post_processor = processors.RobertaProcessing(("</s>", last), ("<s>", first))
            return tokenizer.to_str().encode("utf-8")
    except ModelError:
        raise
    except Exception as error:  # the Rust library raises nothing narrower
        raise ModelError(f"The tokenizer in {folder.name} can't be read.", hint="Copy it again.") from error
    raise ModelError(
        f"{folder.name} holds neither tokenizer.json nor the files of a BERT or BART tokenizer.",
        hint="Save the tokenizer again with save_pretrained: that writes tokenizer.json.",
    )
