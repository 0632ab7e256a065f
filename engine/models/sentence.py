"""How an encoder makes one vector of a text: pooling and prefixes, as its folder's sentence-transformers files say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from engine.errors import ModelError
from engine.models.safety import CONFIG, MAX_CONFIG_BYTES, read_object

SENTENCE = "sentence.json"  # our own file in the library: what is read here, in one place
MODULES = "modules.json"
PROMPTS = "config_sentence_transformers.json"
LENGTH = "sentence_bert_config.json"
MAX_PREFIX_CHARACTERS = 500

_PASSAGE_NAMES = ("passage", "document", "corpus")
_MODULES = ("Transformer", "Pooling", "Normalize")
_MODE = "pooling_mode"  # sentence-transformers' key since 6; before, the beginning of one key for each way
_POOLINGS: dict[str, Literal["mean", "cls"]] = {"mean": "mean", "mean_tokens": "mean", "cls": "cls", "cls_token": "cls"}


@dataclass(frozen=True, slots=True)
class SentenceSettings:
    """What a BERT-type encoder was trained with; its vectors are always scaled to unit length."""

    pooling: Literal["mean", "cls"] = "mean"
    question_prefix: str = ""
    passage_prefix: str = ""

    def to_bytes(self) -> bytes:
        """The content of sentence.json."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_bytes(cls, content: bytes) -> SentenceSettings:
        """Read what `to_bytes` wrote."""
        return msgspec.json.decode(content, type=cls)


def read_sentence_settings(folder: Path) -> SentenceSettings:
    """Read a folder's pooling and prompts; the mean without prefixes where it names none.

    Raises ModelError where the vectors would be wrong without a word: other modules, other pooling.
    """
    pooling = _object(folder / _pooling_folder(folder) / CONFIG)
    prompts = _object(folder / PROMPTS).get("prompts")
    named = cast("dict[str, Any]", prompts) if isinstance(prompts, dict) else {}
    passage = next((named[name] for name in _PASSAGE_NAMES if name in named), "")
    settings = SentenceSettings(
        _pooling(folder, pooling), _prefix(folder, named.get("query", "")), _prefix(folder, passage)
    )
    if pooling.get("include_prompt") is False and (settings.question_prefix or settings.passage_prefix):
        raise ModelError(
            f"{folder.name} leaves its prompts out when it pools its tokens, which this program does not.",
            hint="Choose an encoder that includes them, such as gte, bge or e5.",
        )
    return settings


def read_max_tokens(folder: Path) -> int | None:
    """Return the length sentence-transformers cuts at, None where the folder doesn't say."""
    length = _object(folder / LENGTH).get("max_seq_length")
    return length if type(length) is int and length > 0 else None


def _pooling_folder(folder: Path) -> str:
    """Return the folder of the pooling module. Raises ModelError for a module this program doesn't have."""
    path = folder / MODULES
    if not path.is_file():
        return "1_Pooling"
    try:
        modules = msgspec.json.decode(path.read_bytes()[:MAX_CONFIG_BYTES], type=list[dict[str, Any]])
    except msgspec.DecodeError as error:
        raise ModelError(f"{MODULES} can't be read.", hint="Copy the model's folder again from its source.") from error
    found = "1_Pooling"
    for module in modules:
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind not in _MODULES:
            raise ModelError(
                f"{folder.name} has a module {kind[:60]!r} after its encoder, which this program does not know.",
                hint=f"Choose an encoder of {', '.join(_MODULES)} only, such as all-MiniLM, all-mpnet, gte, bge or e5.",
            )
        if kind == "Pooling":
            found = Path(str(module.get("path", found))).name
    return found


def _pooling(folder: Path, config: dict[str, Any]) -> Literal["mean", "cls"]:
    given = config.get(_MODE)
    if given is None:
        ways = {key.removeprefix(f"{_MODE}_"): value for key, value in config.items() if key.startswith(f"{_MODE}_")}
        modes = [way for way, value in ways.items() if value] if ways else ["mean"]
    else:
        modes = [str(mode) for mode in cast("list[Any]", given if isinstance(given, list) else [given])]
    if len(modes) == 1 and modes[0] in _POOLINGS:
        return _POOLINGS[modes[0]]
    raise ModelError(
        f"{folder.name} pools its tokens in a way this program does not ({', '.join(sorted(modes))[:100] or 'none'}).",
        hint="Choose an encoder that takes their mean or the first one, such as all-MiniLM, all-mpnet, gte, bge or e5.",
    )


def _prefix(folder: Path, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_PREFIX_CHARACTERS:
        raise ModelError(f"A prompt in {PROMPTS} of {folder.name} is no short text.", hint="Copy the folder again.")
    return value


def _object(path: Path) -> dict[str, Any]:
    return read_object(path, limit_bytes=MAX_CONFIG_BYTES) if path.is_file() else {}
