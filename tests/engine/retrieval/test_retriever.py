"""The retriever on a small workspace: incremental index, modes, and questions that are no words."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import QuestionError
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.retrieval.job import BuildIndex, Search, SearchMany
from engine.retrieval.lexical import match_expression
from engine.session import Session

TEXTS = {
    "dosage.txt": "Amoxicillin is given as 500 mg three times a day for seven days.",
    "notice.txt": "Either party may terminate the agreement with thirty days' written notice.",
    "masks.txt": "Surgical masks are worn by all visitors of the intensive care unit.",
}


@pytest.fixture
def filled(session: Session, tmp_path: Path) -> Session:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, text in TEXTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())
    return session


def test_adding_a_document_embeds_that_document_only(filled: Session, tmp_path: Path) -> None:
    first = BuildIndex().run(filled, Monitor())
    (tmp_path / "more.txt").write_text("Visiting hours end at eight in the evening.", encoding="utf-8")
    ImportFiles((str(tmp_path / "more.txt"),)).run(filled, Monitor())
    second = BuildIndex().run(filled, Monitor())
    assert (first.embedded, second.embedded, second.passages) == (3, 1, 4)


def test_a_search_sees_a_document_imported_after_the_last_search(filled: Session, tmp_path: Path) -> None:
    assert Search("visiting hours", mode="lexical").run(filled, Monitor()).hits == ()
    (tmp_path / "more.txt").write_text("Visiting hours end at eight.", encoding="utf-8")
    ImportFiles((str(tmp_path / "more.txt"),)).run(filled, Monitor())
    assert Search("visiting hours", mode="lexical").run(filled, Monitor()).hits[0].passage.title == "more"


def test_each_mode_gives_its_own_scores(filled: Session) -> None:
    hybrid = Search("terminate the agreement").run(filled, Monitor()).hits[0]
    dense = Search("terminate the agreement", mode="dense").run(filled, Monitor()).hits[0]
    lexical = Search("terminate the agreement", mode="lexical").run(filled, Monitor()).hits[0]
    assert lexical.passage.title == "notice"
    assert hybrid.dense is not None and hybrid.lexical is not None
    assert (dense.lexical, lexical.dense) == (None, None)
    assert dense.score == dense.dense


def test_many_questions_give_what_one_at_a_time_gives(filled: Session) -> None:
    questions = ("What is the dose of amoxicillin?", "Who wears masks?")
    together = SearchMany(questions).run(filled, Monitor())
    alone = [Search(question).run(filled, Monitor()) for question in questions]
    assert [[hit.passage.id for hit in one.hits] for one in together] == [
        [hit.passage.id for hit in one.hits] for one in alone
    ]


@pytest.mark.parametrize(
    "question", ['"', "NEAR(a b", "a AND OR", "*", "日本語", "col:word", "-", "word " * 10_000, "the of and"]
)
def test_no_question_is_read_as_syntax(filled: Session, question: str) -> None:
    assert len(Search(question).run(filled, Monitor()).hits) <= 5


def test_an_empty_question_is_a_sentence(filled: Session) -> None:
    with pytest.raises(QuestionError):
        Search("  ").run(filled, Monitor())


def test_an_empty_workspace_finds_nothing(session: Session) -> None:
    assert Search("anything").run(session, Monitor()).hits == ()


def test_question_words_are_left_out_of_the_match_unless_there_is_nothing_else() -> None:
    assert match_expression("What is the dose?") == '"dose"'
    assert match_expression("Who was he?").startswith('"')
