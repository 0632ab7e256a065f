"""Divides questions into train, validation and test, so that no document's questions fall on both sides."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.questions.raw import split_named
from engine.records import SPLITS, Question, Split

SHARES: dict[Split, float] = {"train": 0.7, "validation": 0.1, "test": 0.2}
HELD_OUT_MAX = 150  # more validation questions cost time at every validation and say little more

_STEM_SPLIT = re.compile(r"(?:^|[^a-z])(train|training|validation|valid|val|dev|test)$")
_FILL = 1.5  # how far a group may overfill a split before another takes it


def split_of_file(path: str) -> Split | None:
    """Return the split a file's name gives its questions: `train.jsonl`, `covid_test.csv`; None when it names none."""
    match = _STEM_SPLIT.search(Path(path).stem.lower())
    return split_named(match.group(1)) if match else None


def group_of(question: Question) -> str:
    """What keeps a question together with others: its group, else its document, else its own words."""
    return question.group or question.document_id or " ".join(question.question.lower().split())


def assign(
    questions: Sequence[Question],
    *,
    given: Mapping[str, Split],
    settled: Mapping[str, Split] | None = None,
    seed: int = 0,
) -> tuple[Question, ...]:
    """Return `questions` with their split.

    `given` holds, by question id, what a record or its file's name says: it is obeyed. `settled` holds, by group, where
    questions imported earlier are. A group that has a side already keeps it; the others are drawn with `seed`, whole,
    so that 70, 10 and 20 per cent are met as well as groups allow.
    """
    sides: dict[str, Split] = dict(settled or {})
    for question in questions:
        if question.id in given:
            sides.setdefault(group_of(question), given[question.id])
    free = [question for question in questions if question.id not in given]
    sizes: dict[str, int] = {}
    for question in free:
        sizes[group_of(question)] = sizes.get(group_of(question), 0) + 1
    sides |= _draw({group: size for group, size in sizes.items() if group not in sides}, seed=seed)
    return tuple(replace(question, split=given.get(question.id) or sides[group_of(question)]) for question in questions)


def _draw(sizes: Mapping[str, int], *, seed: int) -> dict[str, Split]:
    """Put each group into the split that lacks most, unless it would overfill it; training takes what fits nowhere."""
    groups = sorted(sizes)  # the same groups give the same split, in whatever order they came
    random.Random(seed).shuffle(groups)  # noqa: S311 - a reproducible draw, not a secret
    total = sum(sizes.values())
    lacking = {split: SHARES[split] * total for split in SPLITS}
    sides: dict[str, Split] = {}
    for group in groups:
        fitting = [split for split in SPLITS if sizes[group] <= max(lacking[split], 1) * _FILL and lacking[split] > 0]
        split = max(fitting, key=lambda name: lacking[name], default="train")
        sides[group] = split
        lacking[split] -= sizes[group]
    return sides


def hold_out(
    questions: Sequence[Question], *, share: float = 0.1, seed: int = 0
) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Divide training questions into (training, validation) for a workspace without validation questions.

    Whole groups are held out, the same for the same questions and seed, about `share` of the questions and at most
    150. With a single group single questions are: a leak within a document, but better than training blind.
    """
    wanted = min(round(len(questions) * share), HELD_OUT_MAX)
    if len(questions) < 2 or wanted < 1:
        wanted = min(1, len(questions) - 1)
    if wanted < 1:
        return tuple(questions), ()
    grouped = _by_group(questions, key=group_of)
    if len(grouped) < 2:
        grouped = _by_group(questions, key=lambda question: question.id)
    order = sorted(grouped)
    random.Random(seed).shuffle(order)  # noqa: S311 - a reproducible draw, not a secret
    held: set[str] = set()
    for group in order:
        size = len(grouped[group])
        if len(held) + size <= wanted:
            held.update(question.id for question in grouped[group])
    if not held:  # every group is larger than what is wanted: the smallest, unless it is most of the questions
        smallest = min(order, key=lambda group: (len(grouped[group]), group))
        if len(grouped[smallest]) * 2 <= len(questions):
            held.update(question.id for question in grouped[smallest][:HELD_OUT_MAX])
    training = tuple(question for question in questions if question.id not in held)
    return training, tuple(question for question in questions if question.id in held)


def _by_group(questions: Iterable[Question], *, key: Callable[[Question], str]) -> dict[str, list[Question]]:
    grouped: dict[str, list[Question]] = {}
    for question in questions:
        grouped.setdefault(key(question), []).append(question)
    return grouped
