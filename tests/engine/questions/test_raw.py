"""One record of a question file."""

from __future__ import annotations

import pytest

from engine.errors import QuestionError
from engine.questions.raw import RawQuestion, from_record, from_squad


@pytest.mark.parametrize("question", ["question", "Query", " prompt "])
@pytest.mark.parametrize("answer", ["answer", "RESPONSE", "output"])
def test_fields_go_by_several_names(question: str, answer: str) -> None:
    assert from_record({question: " Why? ", answer: "Because."}) == RawQuestion("Why?", ("Because.",))


def test_the_right_answer_comes_before_one_that_was_tested() -> None:
    record = {"question": "Why?", "answer": "No idea.", "contexts": ["One.", "Two."], "ground_truth": "Because."}
    assert from_record(record) == RawQuestion("Why?", ("Because.",), context="One.\n\nTwo.")


def test_a_context_of_passages_with_titles_is_their_text() -> None:
    record = {"question": "Why?", "passages": [{"title": "A", "text": "One."}, ["Two.", "Three."]]}
    assert from_record(record).context == "One.\n\nTwo.\n\nThree."


def test_a_context_of_titles_and_sentences_is_its_sentences() -> None:
    nested = {"title": ["A", "B"], "sentences": [["One.", "Two."], ["Three."]]}
    assert from_record({"question": "Why?", "context": nested}).context == "One.\n\nTwo.\n\nThree."
    inner = {"paragraphs": [{"title": "A", "sentences": ["One."]}, {"title": "B", "text": "Two."}]}
    assert from_record({"question": "Why?", "context": inner}).context == "One.\n\nTwo."


def test_answers_are_a_list_without_repeats() -> None:
    assert from_record({"question": "q", "answers": ["a", "b", "a", "", None]}).answers == ("a", "b")
    assert from_record({"question": "q", "answer": 5}).answers == ("5",)


def test_both_forms_of_squad_answers_keep_where_the_first_stands() -> None:
    nested = {"question": "q", "answers": [{"text": "a", "answer_start": 3}, {"text": "b", "answer_start": 9}]}
    flat = {"question": "q", "answers": {"text": ["a", "b"], "answer_start": [3, 9]}}
    for record in (nested, flat):
        raw = from_record(record)
        assert (raw.answers, raw.answer_start) == (("a", "b"), 3)


def test_a_question_whose_flat_list_of_answers_is_empty_has_none() -> None:
    flat = {"question": "q", "context": "c", "answers": {"text": [], "answer_start": []}}
    assert from_record(flat) == RawQuestion("q", context="c", unanswerable=True)
    assert from_record(flat | {"context": ""}).unanswerable
    assert not from_record(flat | {"is_impossible": False}).unanswerable
    assert not from_record({"question": "q", "context": "c", "answers": []}).unanswerable


def test_named_documents_come_best_first() -> None:
    raw = from_record({"question": "q", "context_ids": ["x", "y"], "context_id": "y", "document": "z.pdf"})
    assert raw.documents == ("y", "x", "z.pdf")


def test_the_split_is_understood_or_refused() -> None:
    assert from_record({"question": "q", "answer": "a", "split": "Dev"}).split == "validation"
    with pytest.raises(QuestionError, match="its split is 'holdout'"):
        from_record({"question": "q", "answer": "a", "split": "holdout"})


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"id": 1, "answer": "a"}, r"no question \(fields found: id, answer\)"),
        ({"Question": "  ", "answer": "a"}, "no question: its field 'Question' is empty$"),
        ({"question": None, "answer": "a"}, "no question: its field 'question' is empty$"),
        ({"question": "q", "answer": "a", "context": {"page": 3}}, r"context is not text \(fields found: page\)"),
        ({"question": "q"}, "neither an answer nor a context"),
        ({"question": "q" * 20_001, "answer": "a"}, "20,001 characters"),
    ],
)
def test_what_cannot_be_used_says_why(record: dict[str, object], reason: str) -> None:
    with pytest.raises(QuestionError, match=reason):
        from_record(record)


def test_an_unanswerable_question_has_no_answers() -> None:
    raw = from_record({"question": "q", "answers": ["plausible"], "context": "c", "is_impossible": True})
    assert raw.unanswerable and raw.answers == ()


def test_squad_articles_are_groups() -> None:
    article = {
        "title": "Asthma",
        "paragraphs": [
            {"context": "one", "qas": [{"id": 1, "question": "q1", "answers": [{"text": "o", "answer_start": 0}]}]},
            {"context": "two", "qas": [{"id": 2, "question": "q2", "is_impossible": True}, {"id": 3, "question": " "}]},
        ],
    }
    questions, problems = from_squad(article, number=1, stem="file")
    assert [(raw.id, raw.context, raw.title, raw.group, raw.unanswerable) for raw in questions] == [
        ("1", "one", "Asthma", "Asthma", False),
        ("2", "two", "Asthma", "Asthma", True),
    ]
    (problem,) = problems
    assert problem.startswith("question 2 of paragraph 2 (3): it has no question: its field 'question' is empty. ")
    untitled, _ = from_squad({**article, "title": ""}, number=4, stem="file")
    assert {raw.context_group for raw in untitled} == {"file#4"}
