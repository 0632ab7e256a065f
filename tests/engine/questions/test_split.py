"""Train, validation and test without leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import QuestionError
from engine.questions.near_duplicates import near_duplicates
from engine.questions.shares import Shares, parse_shares
from engine.questions.split import assign, group_of, hold_out, lesson, split_of_file
from engine.records import Question, Split


def _questions(*sizes: int) -> list[Question]:
    """One document for each of `sizes`, with that many questions."""
    return [
        Question(f"{document}/{number}", f"q {document} {number}", ("a",), document_id=f"d{document}")
        for document, size in enumerate(sizes)
        for number in range(size)
    ]


@given(sizes=st.lists(st.integers(min_value=1, max_value=9), min_size=1, max_size=60), seed=st.integers(0, 99))
def test_no_documents_questions_fall_on_both_sides(sizes: list[int], seed: int) -> None:
    questions = _questions(*sizes)
    sides: dict[str, set[Split]] = {}
    for question in assign(questions, given={}, seed=seed):
        sides.setdefault(group_of(question), set()).add(question.split)
    assert all(len(splits) == 1 for splits in sides.values())


def test_the_sizes_are_seventy_ten_and_twenty_per_cent() -> None:
    counts = Counter(question.split for question in assign(_questions(*[3] * 100), given={}))
    assert counts == {"train": 210, "validation": 30, "test": 60}


def test_the_draw_depends_on_the_seed_only() -> None:
    questions = _questions(*[2] * 30)
    first = {question.id: question.split for question in assign(questions, given={}, seed=1)}
    assert first == {question.id: question.split for question in assign(questions[::-1], given={}, seed=1)}
    assert first != {question.id: question.split for question in assign(questions, given={}, seed=2)}


@pytest.mark.parametrize("seed", range(5))
def test_questions_about_documents_that_are_nearly_the_same_stay_together(seed: int) -> None:
    copies = [("d1", "d0"), ("d2", "d1"), ("d4", "d3"), ("d5", "not asked about")]
    sides = {one.document_id: one.split for one in assign(_questions(*[2] * 30), given={}, copies=copies, seed=seed)}
    assert sides["d0"] == sides["d1"] == sides["d2"]
    assert sides["d3"] == sides["d4"]
    between = [("not asked about", "d0"), ("d1", "not asked about")]
    sides = {one.document_id: one.split for one in assign(_questions(*[2] * 30), given={}, copies=between, seed=seed)}
    assert sides["d0"] == sides["d1"]
    assert set(sides.values()) == {"train", "validation", "test"}
    earlier = Question("e", "asked before", ("a",), document_id="d0", split="test")
    assert {one.split for one in assign(_questions(0, 3), given={}, settled=[earlier], copies=copies)} == {"test"}


def _sharing(copies: int) -> list[Question]:
    """Twelve clauses that each stand in so many documents, asked about once; and a question about each document."""
    shared = [
        Question(f"s{n}", f"shared {n}", (f"s{n}",), tuple(f"d{n}.{copy}:0" for copy in range(copies)))
        for n in range(12)
    ]
    own = [
        Question(f"o{n}.{copy}", f"of {n} alone {copy}", (f"o{n}.{copy}",), (f"d{n}.{copy}:9",))
        for n in range(12)
        for copy in range(copies)
    ]
    return [replace(one, document_id=one.evidence[0].rsplit(":", 1)[0]) for one in (*shared, *own)]


def _documents_on_two_sides(questions: Sequence[Question]) -> int:
    sides: dict[str, set[Split]] = {}
    for question in questions:
        for passage in question.evidence:
            sides.setdefault(passage.rsplit(":", 1)[0], set()).add(question.split)
    return sum(len(splits) > 1 for splits in sides.values())


def test_documents_that_share_evidence_stay_together_where_they_are_few() -> None:
    few = assign(_sharing(3), given={})
    assert _documents_on_two_sides(few) == 0
    assert {question.split for question in few} == {"train", "validation", "test"}
    unasked = [question for question in _sharing(2) if question.id[0] == "s"]
    again = [replace(one, id="a" + one.id, question="again: " + one.id, document_id="e" + one.id) for one in unasked]
    assert _documents_on_two_sides(assign([*unasked, *again], given={})) == 0
    assert _documents_on_two_sides(assign(_sharing(4), given={})) > 0  # a clause that stands everywhere ties nothing


def test_documents_tied_only_now_keep_their_sides() -> None:
    held = [replace(one, split="test" if one.document_id == "d0" else "train") for one in _questions(1, 1)]
    tie = Question("t", "of both", ("t",), ("d0:0", "d1:0"), document_id="d0")
    more = [replace(one, id="more" + one.id, question="more" + one.question) for one in _questions(2, 2)]
    split = assign([tie, *more], given={}, settled=held)
    assert [one.split for one in split] == ["test", "test", "test", "train", "train"]


def test_documents_of_one_template_are_told_apart_or_nothing_were_left_to_test_with() -> None:
    copies = [(f"d{number + 1}", f"d{number}") for number in range(29)]
    counts = Counter(question.split for question in assign(_questions(*[2] * 30), given={}, copies=copies))
    assert counts == {"train": 42, "validation": 6, "test": 12}


def test_what_is_given_is_obeyed_and_its_group_follows() -> None:
    questions = _questions(3, 3)
    split = assign(questions, given={"0/1": "test"})
    assert {question.split for question in split if question.document_id == "d0"} == {"test"}
    assert assign(questions, given={question.id: "validation" for question in questions})[5].split == "validation"


def test_a_group_imported_earlier_keeps_its_side() -> None:
    for side in ("train", "validation", "test"):
        earlier = Question("e", "asked before", ("a",), document_id="d0", split=side)
        split = assign(_questions(4), given={}, settled=[earlier])
        assert {question.split for question in split} == {side}


def test_one_group_is_for_training() -> None:
    assert {question.split for question in assign(_questions(50), given={})} == {"train"}


def _of_one_document(*sizes: int, first: int = 0) -> list[Question]:
    """Questions on one document, so many of each of its passages."""
    return [
        replace(
            one,
            id=f"{first}:{one.id}",
            question=f"{first} {one.question}",
            document_id="d",
            evidence=(f"d:{first + int(one.document_id[1:])}",),
        )
        for one in _questions(*sizes)
    ]


def test_one_document_is_divided_by_its_passages() -> None:
    split = assign(_of_one_document(*[2] * 50), given={}, divisible={"d"})
    assert Counter(question.split for question in split) == {"train": 70, "validation": 10, "test": 20}
    sides: dict[str, set[str]] = {}
    for question in split:
        sides.setdefault(question.evidence[0], set()).add(question.split)
    assert all(len(splits) == 1 for splits in sides.values())


def test_a_divided_document_stays_so_when_more_is_asked_about_it() -> None:
    first = assign(_of_one_document(*[2] * 50), given={}, divisible={"d"})
    others = [replace(one, id=f"o{one.id}", question=f"other {one.question}") for one in _questions(*[1] * 200)]
    more = _of_one_document(*[1] * 50, first=25)  # half on passages that are known
    split = assign([*others, *more], given={}, settled=first, divisible={"d"})
    held = {question.evidence[0]: question.split for question in first}
    again = [question for question in split if question.evidence]
    assert all(held.get(question.evidence[0], question.split) == question.split for question in again)
    assert len({question.split for question in again if question.evidence[0] not in held}) > 1


def test_a_document_is_left_whole_where_another_can_be_tested_with() -> None:
    split = assign([*_of_one_document(*[1] * 60), *_questions(20)], given={}, divisible={"d", "d0"})
    assert {question.split for question in split if question.document_id == "d"} == {"train"}
    assert "train" not in {question.split for question in split if question.document_id == "d0"}


def test_what_a_person_called_a_group_is_never_divided() -> None:
    asked = [replace(question, group="cardiology") for question in _of_one_document(*[1] * 50)]
    assert {question.split for question in assign(asked, given={}, divisible={"d"})} == {"train"}


def test_questions_without_a_group_stay_with_those_that_have_one_about_their_document() -> None:
    asked = [replace(one, group="" if one.id.endswith("/0") else "g" + one.id) for one in _questions(*[3] * 30)]
    split = assign(asked, given={}, divisible={f"d{number}" for number in range(30)})
    assert len({(one.document_id, one.split) for one in split}) == 30
    split = assign([one for one in asked if one.group], given={}, divisible={f"d{number}" for number in range(30)})
    assert len({(one.document_id, one.split) for one in split}) > 30  # as their groups say


def test_few_questions_about_one_document_are_for_training() -> None:
    assert {question.split for question in assign(_of_one_document(*[1] * 9), given={}, divisible={"d"})} == {"train"}


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("/x/train.jsonl", "train"),
        ("covid_test.csv", "test"),
        ("my-dev.json", "validation"),
        ("q.valid.json", "validation"),
        ("Validation.csv", "validation"),
        ("contest.csv", None),
        ("questions.csv", None),
        ("test_data.csv", None),
    ],
)
def test_a_files_name_gives_its_split(path: str, split: Split | None) -> None:
    assert split_of_file(path) == split


def test_validation_questions_are_held_out_in_whole_groups() -> None:
    questions = _questions(*[3] * 40)
    training, validation = hold_out(questions, seed=3)
    assert len(validation) == 12 and len(training) == 108
    assert not {group_of(question) for question in training} & {group_of(question) for question in validation}
    assert hold_out(questions, seed=3) == (training, validation)
    assert hold_out(questions, seed=4) != (training, validation)


def test_at_most_150_are_held_out() -> None:
    assert len(hold_out(_questions(*[1] * 4000))[1]) == 150


def test_where_all_are_for_validation_they_are_divided_as_training_questions_are() -> None:
    questions = _questions(*[3] * 40)
    assert lesson([], questions) == lesson(questions, []) == hold_out(questions)
    assert lesson([], []) == ((), ())


def test_of_many_validation_questions_150_are_drawn_the_same_each_time() -> None:
    training, many = _questions(5), _questions(*[1] * 4000)[5:]
    kept, drawn = lesson(training, many)
    assert kept == tuple(training)
    assert len(drawn) == len({question.id for question in drawn} & {question.id for question in many}) == 150
    assert lesson(training, many[::-1])[1] == drawn
    assert set(lesson(training, many[:20])[1]) == set(many[:20])


def test_few_questions_or_one_document_still_give_validation() -> None:
    assert len(hold_out(_questions(20))[1]) == 2
    assert len(hold_out(_questions(10, 12))[1]) == 10
    training, validation = hold_out(_questions(1, 1, 1))
    assert (len(training), len(validation)) == (2, 1)
    assert hold_out(_questions(1)) == (tuple(_questions(1)), ())
    assert hold_out([]) == ((), ())


@given(
    sizes=st.lists(st.integers(min_value=1, max_value=12), min_size=1, max_size=80),
    parts=st.tuples(st.integers(1, 90), st.integers(0, 50), st.integers(0, 50)),
    seed=st.integers(0, 99),
)
def test_sizes_are_met_as_well_as_the_largest_group_allows(
    sizes: list[int], parts: tuple[int, int, int], seed: int
) -> None:
    shares = Shares(*parts)
    counts = Counter(question.split for question in assign(_questions(*sizes), given={}, shares=shares, seed=seed))
    for split in ("train", "validation", "test"):
        assert abs(counts[split] - shares.of(split, sum(sizes))) <= max(sizes)


WORDS = ("aspirin", "metformin", "heparin", "insulin", "digoxin", "lithium", "quinine", "codeine", "ketamine")


@given(st.permutations(WORDS), st.integers(0, 99), st.data())
def test_near_duplicates_are_never_on_two_sides(words: list[str], seed: int, data: st.DataObject) -> None:
    plain = [f"What is the highest dose of {word} for a patient on the ward?" for word in words]
    changes = (
        str.upper,
        lambda text: text.replace("highest", "higest"),
        lambda text: text.rstrip("?") + " , please ?",
        lambda text: text.replace("What is", "What's"),
    )
    copies = [data.draw(st.sampled_from(changes))(text) for text in plain]
    questions = [
        Question(f"{kind}{number}", text, ("a",), document_id=f"{kind}{number}")
        for kind, texts in (("p", plain), ("c", copies))
        for number, text in enumerate(texts)
    ]
    sides = {question.id: question.split for question in assign(questions, given={}, seed=seed)}
    assert all(sides[f"p{number}"] == sides[f"c{number}"] for number in range(len(words)))
    assert set(sides.values()) == {"train", "validation", "test"}  # the questions of other drugs are not tied


def test_questions_of_another_thing_are_no_duplicates() -> None:
    texts = ["What is the dose of aspirin?", "What is the dose of ibuprofen?", "what's the dose of Asprin"]
    assert sorted(map(sorted, near_duplicates(texts))) == [[0, 2]]


def test_a_question_like_an_earlier_one_goes_to_its_side() -> None:
    earlier = Question("e", "How long is the notice period?", ("a",), document_id="x", split="test")
    (new,) = assign(
        [Question("n", "How long is the notice period ?", ("a",), document_id="y")], given={}, settled=[earlier]
    )
    assert new.split == "test"


def test_the_same_questions_asked_of_every_contract_still_give_a_test() -> None:
    questions = [
        Question(
            f"{contract}/{number}", f"What does clause {word} say?", (f"{contract} {word}",), document_id=f"c{contract}"
        )
        for contract in range(20)
        for number, word in enumerate(("seven", "twelve", "nine"))
    ]
    split = assign(questions, given={})
    assert Counter(question.split for question in split) == {"train": 42, "validation": 6, "test": 12}


def test_shares_are_read_as_people_write_them() -> None:
    assert parse_shares("80/10/10") == Shares(80, 10, 10)
    assert parse_shares("80/20") == Shares(80, 0, 20)
    for wrong in ("80", "a/b/c", "0/50/50", "-1/50/50", "nan/1/1"):
        with pytest.raises(QuestionError, match="no split"):
            parse_shares(wrong)
