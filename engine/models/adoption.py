"""What is written anew when a folder is adopted into the library: configuration, special tokens, its licence."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.models.architectures import SPECIAL_TOKEN_KEYS, UNREAD_KEYS
from engine.models.safety import MAX_CONFIG_INTEGER, TOKENIZER_CONFIG, parse_object, read_token
from engine.models.sentence import read_max_tokens

_LICENCE_FILES = ("LICENSE", "LICENCE", "LICENSE.txt", "LICENCE.txt", "LICENSE.md", "LICENCE.md")
_MOST_LICENCE_CHARACTERS = 200_000


def plain_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the checked config, loaded as float32 whatever the weights are stored in.

    Half precision is a choice of the device that runs the model, probed there, not of the folder.
    """
    dropped = UNREAD_KEYS | {"_name_or_path", "torch_dtype"}
    kept = {key: value for key, value in config.items() if key not in dropped}
    return kept | {"dtype": "float32"}


def describe_tokenizer(source: Path, tokenizer_path: Path, *, pad_token_id: Any) -> dict[str, Any]:
    """Return the tokenizer_config.json we write: special tokens and length from the folder's own files.

    Its chat template is a program and is not taken over. Raises ModelError on a token that isn't one.
    """
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    given = _read(source / "special_tokens_map.json") | _read(source / TOKENIZER_CONFIG)
    config: dict[str, Any] = {"tokenizer_class": "PreTrainedTokenizerFast"}
    for key in SPECIAL_TOKEN_KEYS:
        text = read_token(given.get(key))
        if text is None:
            continue
        if text not in vocabulary:
            raise ModelError(
                f"The {key.replace('_', ' ')} {text!r} is not in the tokenizer.",
                hint="tokenizer.json and tokenizer_config.json are of different models: copy both from one source.",
            )
        config[key] = text
    if "pad_token" not in config:  # batches need one
        has_id = type(pad_token_id) is int and 0 <= pad_token_id < len(vocabulary)  # some say −1 for none
        by_id = tokenizer.id_to_token(pad_token_id) if has_id else None
        padding = by_id or config.get("eos_token") or config.get("unk_token")
        if padding is not None:
            config["pad_token"] = padding
    lengths = (given.get("model_max_length"), read_max_tokens(source))
    known = [length for length in lengths if type(length) is int and 0 < length <= MAX_CONFIG_INTEGER]
    config["model_max_length"] = min(known, default=512)
    return config


def find_licence(folder: Path) -> str:
    """Return the licence a folder names in its README's front matter or its licence file; "not stated" otherwise."""
    readme = folder / "README.md"
    if readme.is_file():
        front = readme.read_text("utf-8", errors="replace")[:10_000]
        stated = re.search(r"^license:\s*([\w.+-]+)\s*$", front, flags=re.MULTILINE)
        if front.startswith("---") and stated:
            return stated.group(1)
    for name in _LICENCE_FILES:
        if (folder / name).is_file():
            lines = (folder / name).read_text("utf-8", errors="replace")[:2_000].split("\n")
            return next((line.strip()[:80] for line in lines if line.strip()), "not stated")
    return "not stated"


def licence_text(folder: Path) -> str:
    """Return the text of the folder's licence file, "" where it has none."""
    for name in _LICENCE_FILES:
        if (folder / name).is_file():
            return (folder / name).read_text("utf-8", errors="replace")[:_MOST_LICENCE_CHARACTERS]
    return ""


def _read(path: Path) -> dict[str, Any]:
    """Read one of the folder's optional JSON files; they passed the size check with the folder."""
    if not path.is_file():
        return {}
    return parse_object(path, path.read_bytes())
