"""The questions of one file, held in memory as Arrow tables by `datasets`: no cache on disk, and several passes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from engine.questions.raw import RawQuestion

if TYPE_CHECKING:
    from datasets import Dataset

_BATCH = 1000
_FIELDS = tuple(one.name for one in dataclasses.fields(RawQuestion))


class QuestionTable:
    """Questions in the order of their file. A row costs its text; Python's objects live only for a batch."""

    def __init__(self) -> None:
        self._parts: list[Dataset] = []
        self._waiting: list[dict[str, Any]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, raw: RawQuestion) -> None:
        """Take a question in, after the others."""
        self._waiting.append({name: getattr(raw, name) for name in _FIELDS})
        self._count += 1
        if len(self._waiting) >= _BATCH:
            self._settle()

    def __iter__(self) -> Iterator[RawQuestion]:
        self._settle()
        for part in self._parts:
            rows = part[:]
            for values in zip(*(rows[name] for name in _FIELDS), strict=True):
                fields = dict(zip(_FIELDS, values, strict=True))
                fields["answers"], fields["documents"] = tuple(fields["answers"]), tuple(fields["documents"])
                yield RawQuestion(**fields)

    def _settle(self) -> None:
        if not self._waiting:
            return
        from datasets import Dataset, Features, List, Value  # late: it takes a second, and only this needs it

        text, texts, whole = Value("string"), List(Value("string")), Value("int32")
        kinds = {
            "answers": texts,
            "documents": texts,
            "answer_start": whole,
            "line": whole,
            "unanswerable": Value("bool"),
        }
        features = Features({name: kinds.get(name, text) for name in _FIELDS})
        columns = {name: [row[name] for row in self._waiting] for name in _FIELDS}
        self._parts.append(Dataset.from_dict(columns, features=features))
        self._waiting = []
