"""The parts every model folder has: JSON written one way, and a tokenizer that neither cuts nor pads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` so that the same content is always the same bytes: the manifest pins them."""
    path.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def plain_tokenizer(source: bytes) -> bytes:
    """Take truncation and padding out of a tokenizer.json.

    The published ones cut at 48 or 128 tokens, which would silently shorten passages and prompts.
    """
    tokenizer = json.loads(source)
    tokenizer["truncation"] = None
    tokenizer["padding"] = None
    return json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
