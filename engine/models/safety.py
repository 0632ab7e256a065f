"""Is a model folder safe to load? Regular files, known extensions, known configuration, safetensors only.

Nothing of the folder is executed or handed to a model library before every check here has passed.
"""

from __future__ import annotations

import json
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from engine.errors import Cancelled, ModelError
from engine.models.architectures import ARCHITECTURES, CONFIG_KEYS, SPECIAL_TOKEN_KEYS, UNREAD_KEYS
from engine.models.packing import count_packed

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
REQUIRED = (CONFIG, WEIGHTS, TOKENIZER)

MEBIBYTE = 1024**2
MAX_WEIGHTS_BYTES = 20 * 1024 * MEBIBYTE
MAX_TEXT_BYTES = 64 * MEBIBYTE  # the largest tokenizer.json seen is 33 MB
MAX_CONFIG_BYTES = MEBIBYTE
MAX_HEADER_BYTES = 25 * MEBIBYTE
MAX_FILES = 64
MAX_CONFIG_INTEGER = 10_000_000  # a million tokens of vocabulary or context is allowed, a billion is an attack

TEXT_SUFFIXES = frozenset({".json", ".txt", ".model", ".md", ".jinja", ""})
PICKLE_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".dill"})
CODE_SUFFIXES = frozenset({".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".exe"})
ELEMENT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1}
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """What a folder that passed every check holds."""

    kind: Literal["encoder", "reranker", "seq2seq", "causal"]
    parameters: int
    files: tuple[str, ...]  # the ones the program reads, to be copied
    config: dict[str, Any]


def check_folder(folder: Path) -> CheckedFolder:
    """Return what `folder` holds, or raise ModelError naming the first thing that is wrong with it."""
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder.", hint="Choose the folder that holds the model's config.json.")
    names = check_entries(folder)
    for name in REQUIRED:
        if name not in names:
            raise _missing(folder, name, names)
    config = read_object(folder / CONFIG, limit_bytes=MAX_CONFIG_BYTES)
    kind = _check_config(folder, config)
    parameters = check_weights(folder / WEIGHTS)
    _check_tokenizer(folder, vocabulary=config.get("vocab_size"))
    if TOKENIZER_CONFIG in names:
        check_tokenizer_config(folder)
    return CheckedFolder(kind=kind, parameters=parameters, files=REQUIRED, config=config)


def check_weights(path: Path) -> int:
    """Check a safetensors file by its header alone and count its parameters, those of packed matrices included.

    Layout: an 8-byte little-endian header length, a JSON header, then the tensors without gaps or overlaps.
    """
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(MAX_HEADER_BYTES, size_bytes - 8):
            raise _bad_weights(path, "its header is not one of a safetensors file")
        header = parse_object(path, file.read(length))
    header.pop("__metadata__", None)
    spans: list[tuple[int, int]] = []
    parameters = 0
    for name, tensor in header.items():
        count, begin, end = _check_tensor(path, name, tensor)
        spans.append((begin, end))
        parameters += count
    position = 0
    for begin, end in sorted(spans):
        if begin != position:
            raise _bad_weights(path, "its tensors overlap or leave gaps")
        position = end
    if position != size_bytes - 8 - length:
        raise _bad_weights(path, "it is shorter or longer than its header says")
    try:
        parameters += count_packed(header)
    except ValueError as error:
        raise _bad_weights(path, str(error)) from error
    if parameters == 0:
        raise _bad_weights(path, "it holds no weights")
    return parameters


def _check_tensor(path: Path, name: str, tensor: Any) -> tuple[int, int, int]:
    """Return (float parameters, begin, end) of one header entry."""
    try:
        dtype, shape, (begin, end) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
        whole = all(type(number) is int and number >= 0 for number in (*shape, begin, end))
    except (TypeError, KeyError, ValueError) as error:
        raise _bad_weights(path, f"the entry of {name!r} can't be read") from error
    if dtype not in ELEMENT_BYTES:
        raise ModelError(
            f"{path.name} stores {name!r} as {dtype}, which can't be trained.",
            hint="Use the model in float32, float16 or bfloat16, not a quantised copy of it.",
        )
    count = 1
    for side in shape if whole else ():
        count *= side
    if not whole or end - begin != count * ELEMENT_BYTES[dtype]:
        raise _bad_weights(path, f"the size of {name!r} is not the one of its shape")
    return (count if dtype in FLOATS else 0), begin, end


def check_entries(folder: Path) -> set[str]:
    """Check kind, extension and size of everything in the folder; return the names at its top."""
    if folder.is_symlink():
        raise _linked(folder)
    entries = sorted(folder.rglob("*"))
    if len(entries) > MAX_FILES:
        raise ModelError(f"{folder.name} holds more than {MAX_FILES} files.", hint="Choose the model's own folder.")
    for path in entries:
        status = path.lstat()
        if stat.S_ISLNK(status.st_mode):
            raise _linked(path)
        if stat.S_ISDIR(status.st_mode):
            continue
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path.name} is not a regular file.", hint="A model folder holds plain files only.")
        _check_suffix(path)
        _check_size(path, status.st_size)
    return {path.name for path in entries if path.parent == folder and path.is_file()}


def _check_suffix(path: Path) -> None:
    suffix = path.suffix.lower()
    if suffix in PICKLE_SUFFIXES:
        raise ModelError(
            f"{path.name} may hold a pickle, which can run any program when it is opened.",
            hint="Delete it if model.safetensors lies beside it; otherwise ask for the model as safetensors.",
        )
    if suffix in CODE_SUFFIXES:
        raise ModelError(f"{path.name} is program code.", hint="Models that need their own code are not loaded.")
    if suffix != ".safetensors" and suffix not in TEXT_SUFFIXES:
        raise ModelError(
            f"{path.name} is of a kind that model folders don't need.",
            hint="Delete it from a copy of the folder and import that.",
        )


def _check_size(path: Path, size_bytes: int) -> None:
    limit_bytes = MAX_WEIGHTS_BYTES if path.suffix.lower() == ".safetensors" else MAX_TEXT_BYTES
    if size_bytes > limit_bytes:
        raise ModelError(
            f"{path.name} has {size_bytes // MEBIBYTE:,} MiB; at most {limit_bytes // MEBIBYTE:,} are read.",
            hint="Choose a smaller model.",
        )


def _check_config(folder: Path, config: dict[str, Any]) -> Literal["encoder", "reranker", "seq2seq", "causal"]:
    if "auto_map" in config:
        raise ModelError(
            f"{folder.name} wants to bring its own program code (auto_map in config.json).",
            hint="Such models are not loaded. Choose one of an architecture that is built in.",
        )
    if "quantization_config" in config:
        raise ModelError(
            f"{folder.name} is a quantised copy.", hint="Choose the model in float32, float16 or bfloat16."
        )
    names = config.get("architectures")
    architecture = next((name for name in ARCHITECTURES if names == [name]), "")
    known = ARCHITECTURES.get(architecture)
    if known is None or known.model_type != config.get("model_type"):
        raise ModelError(
            f"The architecture of {folder.name} ({_shown(names)}) is not one this program knows.",
            hint=f"It knows {', '.join(sorted(ARCHITECTURES))}.",
        )
    if known.kind == "reranker" and _labels(config) != 1:
        raise ModelError(
            f"{folder.name} sorts texts into {_labels(config)} kinds: as a reranker it must give one score.",
            hint="Choose a cross-encoder with a single label, such as those trained on MS MARCO.",
        )
    unknown = sorted(config.keys() - CONFIG_KEYS - UNREAD_KEYS)
    if unknown:
        raise ModelError(
            f"config.json of {folder.name} has settings this program does not know: {', '.join(unknown)[:200]}.",
            hint="Remove them from a copy of the folder if the model works without them.",
        )
    for number in _integers(config):
        if abs(number) > MAX_CONFIG_INTEGER:
            raise ModelError(
                f"config.json of {folder.name} asks for the size {number:,}.", hint="Choose another model."
            )
    return known.kind


def _labels(config: dict[str, Any]) -> int:
    """How many labels a classifier has: transformers' own number where the config doesn't say."""
    names = config.get("id2label")
    given = len(cast("dict[str, Any]", names)) if isinstance(names, dict) else config.get("num_labels")
    return given if type(given) is int else 2


def _shown(names: Any) -> str:
    """Return what a config calls its architecture, short enough for a sentence."""
    return str(cast("list[Any]", names)[0])[:60] if isinstance(names, list) and names else "not said"


def _integers(value: Any) -> list[int]:
    if isinstance(value, dict):
        return [number for inner in cast("dict[str, Any]", value).values() for number in _integers(inner)]
    if isinstance(value, list):
        return [number for inner in cast("list[Any]", value) for number in _integers(inner)]
    return [value] if type(value) is int else []


def _check_tokenizer(folder: Path, *, vocabulary: Any) -> None:
    """Check that tokenizer.json is one that works, and that no token lies outside the embedding matrix."""
    from tokenizers import Tokenizer

    content = (folder / TOKENIZER).read_bytes()
    parse_object(folder / TOKENIZER, content)
    try:
        tokenizer = Tokenizer.from_buffer(content)
        tokenizer.no_padding()
        tokenizer.encode("Is it?", "It is.")
    except (KeyboardInterrupt, Cancelled):
        raise
    except BaseException as error:  # the Rust library raises nothing narrower, and its panics are no Exception
        raise ModelError(
            f"tokenizer.json of {folder.name} can't be read.", hint="Copy the model's folder again from its source."
        ) from error
    highest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if type(vocabulary) is not int or not 0 <= highest < vocabulary:
        raise ModelError(
            f"The tokenizer of {folder.name} has more tokens than the model has embeddings.",
            hint="Tokenizer and weights are of different models: copy both from one source.",
        )


def check_tokenizer_config(folder: Path) -> None:
    config = read_object(folder / TOKENIZER_CONFIG, limit_bytes=MAX_TEXT_BYTES)
    if "auto_map" in config:
        raise ModelError(
            f"The tokenizer of {folder.name} wants to bring its own program code.", hint="Choose another model."
        )
    for key in SPECIAL_TOKEN_KEYS:
        read_token(config.get(key))


def read_object(path: Path, *, limit_bytes: int) -> dict[str, Any]:
    """Parse one JSON object of a bounded size."""
    if path.stat().st_size > limit_bytes:
        raise ModelError(f"{path.name} is too large.", hint="Choose another model.")
    return parse_object(path, path.read_bytes())


def read_token(token: Any) -> str | None:
    """Return the text of a special token, written plainly or as an object with its content; None for none."""
    text = cast("dict[str, Any]", token).get("content") if isinstance(token, dict) else token
    if text is not None and not isinstance(text, str):
        raise ModelError("A special token of the tokenizer is no text.", hint="Copy the model's folder again.")
    return text


def parse_object(path: Path, content: bytes) -> dict[str, Any]:
    """Parse one JSON object; `path` is what the sentence names."""
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path.name} is not valid JSON.", hint="Copy the model's folder again from its source."
        ) from error
    if not isinstance(parsed, dict):
        raise ModelError(f"{path.name} is not a JSON object.", hint="Copy the model's folder again from its source.")
    return cast("dict[str, Any]", parsed)  # JSON's keys are text


def _missing(folder: Path, name: str, names: set[str]) -> ModelError:
    if name == WEIGHTS and f"{WEIGHTS}.index.json" in names:
        return ModelError(
            f"The weights of {folder.name} are in several files.",
            hint="Save the model again in one: model.save_pretrained(folder, max_shard_size='100GB').",
        )
    return ModelError(f"{folder.name} has no {name}.", hint=f"A model folder needs {', '.join(REQUIRED)}.")


def _linked(path: Path) -> ModelError:
    return ModelError(
        f"{path.name} is a link, not a file of its own.",
        hint="Copy the folder with its links followed (cp -rL) and import the copy.",
    )


def _bad_weights(path: Path, reason: str) -> ModelError:
    return ModelError(f"{path.name} can't be trusted: {reason}.", hint="Copy the model's folder again from its source.")
