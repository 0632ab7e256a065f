"""Divides questions into train, validation and test, so that no document's questions fall on both sides."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.questions.near_duplicates import near_duplicates
from engine.questions.raw import split_named
from engine.questions.shares import DEFAULT_SHARES, Shares
from engine.records import SPLITS, Question, Split

_ROUNDS = 20
_ROUNDING = 1e-9
HELD_OUT_MAX = 150  # more validation questions cost time at every validation and say little more

_STEM_SPLIT = re.compile(r"(?:^|[^a-z])(train|training|validation|valid|val|dev|test)$")
_NEEDED: tuple[Split, ...] = ("train", "test")  # validation questions are held out of the training ones if need be
_LEAST_DIVIDED = 10  # questions: fewer tell nothing, whatever is done with them
_SHARED_MAX = 3  # documents: evidence that stands in more is a clause that contracts repeat, and would tie them all
_MOST = 0.5  # of the questions: near-duplicates that tie more than this together leave nothing to test with


def split_of_file(path: str) -> Split | None:
    """Return the split a file's name gives its questions: `train.jsonl`, `covid_test.csv`; None when it names none."""
    match = _STEM_SPLIT.search(Path(path).stem.lower())
    return split_named(match.group(1)) if match else None


def group_of(question: Question) -> str:
    """What keeps a question together with others: its group, else its document, else its own words."""
    return question.group or question.document_id or _words(question)


def part_of(question: Question) -> str:
    """What keeps a question together with others of its group: the passage its evidence begins in, else its words."""
    return f"{group_of(question)}\n{question.evidence[0] if question.evidence else _words(question)}"


def document_groups(documents: Mapping[str, str]) -> frozenset[str]:
    """Return, of documents' groups by id, what is a document or what several are parts of: `assign` may divide it."""
    return frozenset({*documents, *documents.values()} - {""})


def assign(
    questions: Sequence[Question],
    *,
    given: Mapping[str, Split],
    settled: Sequence[Question] = (),
    divisible: Collection[str] = (),
    copies: Iterable[tuple[str, str]] = (),
    shares: Shares = DEFAULT_SHARES,
    seed: int = 0,
    check: Callable[[], None] = lambda: None,
) -> tuple[Question, ...]:
    """Return `questions` with their split. `check` may raise to give up at any time.

    `given` holds, by question id, what a record or its file's name says: it is obeyed. `settled` are the questions that
    have their split already. Questions of one group stay together, those without one with the groups that ask about
    their document, and so do groups that hold near-duplicates of each other, have evidence in each other's documents
    (in few of them), or are about documents that are nearly the same: `copies`, by their ids. What has a side keeps it;
    the others are drawn with `seed`, whole, so that `shares` are met as well as the groups allow. The same questions
    give the same split, in whatever order they come.

    Where nothing would be left to train on or to test with, as most questions are about one document, the `divisible`
    groups (documents, not what a person called a group) that hold more than half are divided by their passages, and
    stay so when more questions come.
    """
    every = sorted([*settled, *questions], key=lambda question: (question.question, question.id))
    like = [(every[one], every[other]) for one, other in near_duplicates([one.question for one in every], check)]
    about = {question.document_id: question for question in reversed(every)}
    alike = _about_copies(about, copies)
    sizes = Counter(map(group_of, every))
    stood: defaultdict[str, set[Split]] = defaultdict(set)
    for question in settled:
        stood[group_of(question)].add(question.split)
    divided = {group for group, splits in stood.items() if group in divisible and len(splits) > 1}

    def divide(parted: Collection[str]) -> tuple[Question, ...]:
        units = {one.id: part_of(one) if group_of(one) in parted else group_of(one) for one in every}
        joined = [*alike, *_about_grouped(every, frozenset(divisible) - frozenset(parted))]
        shared = _sharing_evidence([one for one in every if group_of(one) not in parted])
        ties = _tied(every, units, [*like, *shared], joined)
        return _assigned(questions, settled, units, ties, given=given, shares=shares, seed=seed)

    found = divide(divided)
    wanted = {split for split in _NEEDED if shares.of(split, 1)}
    large = {group for group, size in sizes.items() if group in divisible and size > _MOST * len(every)}
    if large <= divided or len(every) < _LEAST_DIVIDED or wanted <= {one.split for one in (*settled, *found)}:
        return found
    return divide(divided | large)


def _about_copies(about: Mapping[str, Question], copies: Iterable[tuple[str, str]]) -> list[tuple[Question, Question]]:
    """Pair the questions about documents that are nearly the same, also by way of one that no question is about."""
    pairs = list(copies)
    ties = {document: document for pair in pairs for document in pair}
    for one, other in pairs:
        _join(ties, one, other)
    first: dict[str, Question] = {}
    return [
        (first.setdefault(_root(ties, document), question), question)
        for document, question in about.items()
        if document in ties
    ]


def _about_grouped(questions: Sequence[Question], documents: Collection[str]) -> list[tuple[Question, Question]]:
    """Pair the questions that have no group but their document (one of `documents`) with the others about it."""
    without = {one.document_id: one for one in questions if one.document_id and group_of(one) in documents}
    return [(without[one.document_id], one) for one in questions if one.document_id in without]


def _sharing_evidence(questions: Sequence[Question]) -> list[tuple[Question, Question]]:
    """Pair questions with evidence in several documents, though few, with one about each of the others of these."""
    about = {question.document_id: question for question in reversed(questions)}
    pairs: list[tuple[Question, Question]] = []
    for question in questions:
        documents = {passage.rsplit(":", 1)[0] for passage in question.evidence}
        if len(documents) <= _SHARED_MAX:
            others = sorted(documents - {question.document_id})
            pairs += [(about.setdefault(document, question), question) for document in others]
    return pairs


def _assigned(
    questions: Sequence[Question],
    settled: Sequence[Question],
    units: Mapping[str, str],
    ties: Mapping[str, str],
    *,
    given: Mapping[str, Split],
    shares: Shares,
    seed: int,
) -> tuple[Question, ...]:
    """Give each question the split of its unit, else of what that is tied to, both by the question's id."""
    homes: dict[str, Split] = {}  # of units: those tied to each other only now may have two
    sides: dict[str, Split] = {}
    for question in sorted(settled, key=lambda question: question.id):
        homes.setdefault(units[question.id], question.split)
        sides.setdefault(ties[question.id], question.split)
    for question in sorted(questions, key=lambda question: question.id):
        if question.id in given:
            sides.setdefault(ties[question.id], given[question.id])
    sizes: Counter[str] = Counter()
    for question in questions:
        tie = ties[question.id]
        if question.id not in given and tie not in sides:
            sizes[tie] += 1
    sides |= _draw(sizes, shares=shares, seed=seed)
    return tuple(
        replace(
            question,
            split=given.get(question.id) or homes.get(units[question.id]) or sides[ties[question.id]],
            split_given=question.id in given,
        )
        for question in questions
    )


def _tied(
    questions: Sequence[Question],
    units: Mapping[str, str],
    like: Sequence[tuple[Question, Question]],
    alike: Sequence[tuple[Question, Question]],
) -> dict[str, str]:
    """Return, by question id, the name of what it is tied to, the first of these units: by near-duplicate questions and
    shared evidence (`like`), and by documents that are the same or nearly so (`alike`: a question about each).

    Where that ties more than half of all questions together (the same questions asked of every contract), only those
    with the same answer tie, and where that is still too much (contracts from one template), nothing does: the
    documents alone are kept apart then.
    """
    names = sorted(set(units.values()))
    sizes = Counter(units[question.id] for question in questions)
    loose: set[str] = set()  # units whose ties are cut down
    for is_tie in (lambda one, other: True, lambda one, other: one.answers == other.answers):
        ties = {name: name for name in names}
        for one, other in alike:
            _join(ties, units[one.id], units[other.id])
        for one, other in like:
            first, second = units[one.id], units[other.id]
            if first not in loose or is_tie(one, other):
                _join(ties, first, second)
        named = {name: _root(ties, name) for name in names}
        weights: Counter[str] = Counter()
        members: Counter[str] = Counter(named.values())
        for name in names:
            weights[named[name]] += sizes[name]
        large = {name for name, weight in weights.items() if weight > _MOST * len(questions) and members[name] > 2}
        if not large:
            break
        loose = {name for name in names if named[name] in large}
    else:
        named = {name: name if name in loose else named[name] for name in names}
    return {question.id: named[units[question.id]] for question in questions}


def _join(ties: dict[str, str], one: str, other: str) -> None:
    first, second = sorted((_root(ties, one), _root(ties, other)))
    ties[second] = first


def _root(ties: dict[str, str], group: str) -> str:
    while ties[group] != group:
        ties[group] = ties[ties[group]]
        group = ties[group]
    return group


def _draw(sizes: Mapping[str, int], *, shares: Shares, seed: int) -> dict[str, Split]:
    """Put each group into the split that lacks most, in an order drawn with `seed`; then move those that fit better."""
    groups = sorted(sizes)
    random.Random(seed).shuffle(groups)  # noqa: S311 - a reproducible draw, not a secret
    total = sum(sizes.values())
    lacking = {split: shares.of(split, total) for split in SPLITS}
    wanted = [split for split in SPLITS if lacking[split] > 0]
    sides: dict[str, Split] = {}
    for group in groups:
        sides[group] = max(wanted, key=lambda split: lacking[split])
        lacking[sides[group]] -= sizes[group]
    for _ in range(_ROUNDS):
        moved = sum(_moved(group, sizes[group], sides, lacking, wanted) for group in groups)
        if not moved:
            break
    return sides


def _moved(
    group: str, size: int, sides: dict[str, Split], lacking: dict[Split, float], wanted: Sequence[Split]
) -> bool:
    """Move a group to where the sizes asked for are met better, if there is such a split."""
    here = sides[group]

    def off(there: Split) -> float:
        """How far both splits are from their sizes after the move, less how far they are now."""
        before = abs(lacking[here]) + abs(lacking[there])
        return abs(lacking[here] + size) + abs(lacking[there] - size) - before

    best = min((split for split in wanted if split != here), key=off, default=here)
    if best == here or off(best) >= -_ROUNDING:
        return False
    sides[group] = best
    lacking[here] += size
    lacking[best] -= size
    return True


def lesson(
    training: Sequence[Question], validation: Sequence[Question]
) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Return what is trained on and what is validated with, of the questions marked so.

    Where there are only such to train on, some are held out; where only a `dev.json` came, it is divided as they are.
    Of more than 150 to validate with that many are drawn, always the same.
    """
    if not training or not validation:
        return hold_out(training or validation)
    drawn = sorted(validation, key=lambda question: question.id)
    random.Random(0).shuffle(drawn)  # noqa: S311 - a reproducible draw, not a secret
    return tuple(training), tuple(drawn[:HELD_OUT_MAX])


def hold_out(
    questions: Sequence[Question], *, share: float = 0.1, seed: int = 0
) -> tuple[tuple[Question, ...], tuple[Question, ...]]:
    """Divide training questions into (training, validation) for a workspace without validation questions.

    Whole groups are held out, the same for the same questions and seed, about `share` of the questions and at most
    150. With a single group its passages are: a leak within a document, but better than training blind.
    """
    wanted = min(round(len(questions) * share), HELD_OUT_MAX)
    if len(questions) < 2 or wanted < 1:
        wanted = min(1, len(questions) - 1)
    if wanted < 1:
        return tuple(questions), ()
    grouped = _by_group(questions, key=group_of)
    if len(grouped) < 2:
        grouped = _by_group(questions, key=part_of)
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


def _words(question: Question) -> str:
    return " ".join(question.question.lower().split())
