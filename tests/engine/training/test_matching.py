"""Learning the lexical score: phrases and near words count when the evidence is told apart by them, else not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.records import Matching, Question
from engine.retrieval.lexical import PLAIN, LexicalIndex, near_expression, phrase_expression
from engine.session import Session
from engine.training.matching import learn_matching

WORDS = ("renal", "dose", "limit", "daily", "adult", "infusion", "rate", "acute", "failure", "weight")
FILLER = "It was last looked at by the board in spring, which had no remark to make on it."


@pytest.fixture
def questions(session: Session, tmp_path: Path) -> list[Question]:
    """Forty questions of two words: their evidence has them side by side, a shorter passage has them apart."""
    choose = random.Random(0)
    folder = tmp_path / "files"
    folder.mkdir()
    asked: list[Question] = []
    for number in range(40):
        one, other = choose.sample(WORDS, 2)
        (folder / f"right{number}.txt").write_text(
            f"Item {number}: the {one} {other} is stated in annex c. {FILLER}", "utf-8"
        )
        apart = f"Item {number}: {one} as chapter nine says of many things and so {other}."
        (folder / f"wrong{number}.txt").write_text(apart, "utf-8")
        asked.append(Question(str(number), f"item {number} {one} {other}", ("annex c",)))
    ImportFiles((str(folder),)).run(session, Monitor())
    ids = {document.title: document.id for document in session.workspace.documents.list()}
    passage_of = {passage.document_id: passage.id for passage in session.workspace.documents.passages()}
    return [Question(one.id, one.question, one.answers, (passage_of[ids[f"right{one.id}"]],)) for one in asked]


def test_phrases_gain_weight_and_the_evidence_comes_first(session: Session, questions: list[Question]) -> None:
    lexical = LexicalIndex(session.workspace)
    matching = learn_matching(questions, lexical, Monitor())
    assert matching.phrase + matching.near > 0.05

    def first(how: Matching) -> int:
        found = [lexical.search(one.question, top_k=10, matching=how)[0][0] for one in questions]
        ids = session.workspace.documents.passage_ids(found)
        return sum(ids[row] in one.evidence for row, one in zip(found, questions, strict=True))

    assert first(PLAIN) < len(questions) / 2
    assert first(matching) == len(questions)


def test_few_questions_leave_plain_bm25(session: Session, questions: list[Question]) -> None:
    assert learn_matching(questions[:29], LexicalIndex(session.workspace), Monitor()) == PLAIN


def test_expressions_quote_every_word_and_skip_what_says_nothing() -> None:
    words = ["what", "is", "the", "renal", "dose"]
    assert phrase_expression(words, ["renal", "dose"]) == '"the renal" OR "renal dose"'
    assert near_expression(["renal", "dose"]) == 'NEAR("renal" "dose", 12)'
    assert phrase_expression([], []) == near_expression(["dose"]) == ""
