"""How much of the questions each split gets: asked for once, kept in the workspace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.errors import QuestionError
from engine.records import Split

if TYPE_CHECKING:
    from engine.workspace.workspace import Workspace

_SETTING = "split_shares"


@dataclass(frozen=True, slots=True)
class Shares:
    """How much of the questions each split gets, as parts of a whole."""

    train: float = 70
    validation: float = 10
    test: float = 20

    def of(self, split: Split, total: int) -> float:
        """Return how many of `total` questions the split is to get."""
        return total * getattr(self, split) / (self.train + self.validation + self.test)


DEFAULT_SHARES = Shares()


def parse_shares(text: str) -> Shares:
    """Return the shares that `text` gives: "80/10/10" (training, validation, test) or "80/20". Raises QuestionError."""
    try:
        parts = [float(part) for part in text.split("/")]
    except ValueError:
        parts = []
    if len(parts) == 2:
        parts.insert(1, 0.0)
    if len(parts) != 3 or not all(0 <= part < 1e6 for part in parts) or not parts[0]:
        raise QuestionError(
            f"{text!r} is no split.", hint="Write training/validation/test as 80/10/10, or training/test as 80/20."
        )
    return Shares(*parts)


def kept_shares(workspace: Workspace, asked: Shares | None = None) -> Shares:
    """Return the workspace's shares; those `asked` for are kept from now on."""
    if asked is not None:
        workspace.set_setting(_SETTING, msgspec.json.encode(asked).decode())
        return asked
    stored = workspace.setting(_SETTING)
    return msgspec.json.decode(stored, type=Shares) if stored else Shares()
