"""A clause that is repeated counts as evidence wherever it stands."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from engine.evaluation.job import Evaluate
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.questions.repeats import with_repeats
from engine.records import Question
from engine.session import Session

CLAUSE = "Either party may end the agreement in writing with a notice of 5.0 weeks to the end of a month."


def fill(session: Session, folder: Path) -> None:
    """A clause twice in one document, a question about it, and then more documents with it or nearly so."""
    folder.mkdir()
    (folder / "lease.md").write_text(f"# One\n\n{CLAUSE}\n\n# Two\n\nNothing.\n\n# Three\n\n{CLAUSE}", encoding="utf-8")
    row = {"id": "q", "question": "Qwx zyv?", "answer": "5.0 weeks", "document": "lease.md", "split": "test"}
    (folder / "q.jsonl").write_text(json.dumps(row), encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())
    later = folder / "later"
    later.mkdir()
    (later / "Qwx zyv.txt").write_text(CLAUSE.upper().replace(" MAY ", "\nmay "), encoding="utf-8")
    (later / "other.txt").write_text(CLAUSE.replace("5.0", "50"), encoding="utf-8")
    ImportFiles((str(later),)).run(session, Monitor())


def test_repeats_in_the_same_and_in_later_documents_are_evidence(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    (question,) = with_repeats(session.workspace.questions.every(), session.workspace, Monitor())
    held = session.workspace.documents.passages_by_id(question.evidence)
    assert question.evidence[0] == session.workspace.questions.get("q").evidence[0]
    assert sorted((held[one].title, held[one].section) for one in question.evidence) == [
        ("One", "One"),
        ("One", "Three"),
        ("Qwx zyv", ""),
    ]


def test_finding_a_repeated_clause_is_a_hit(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    report = Evaluate("base", against=None).run(session, Monitor())
    assert report.baselines["lexical"]["hit@1"] == 1.0


@pytest.mark.parametrize(
    "clause",
    [
        "Gemäß § 5 ist der Mieter verpflichtet, alle Schlüssel nach Ablauf der Frist unverzüglich zurückzugeben.",
        unicodedata.normalize("NFD", "Le négociant s'engage à rétrocéder tous les éléments dès la clôture du marché."),
        "承包方应当在合同期满后三十日内，向委托方归还全部文件和资料，不得保留任何副本。",
    ],
)
def test_a_repeat_is_found_in_every_script(clause: str, session: Session, tmp_path: Path) -> None:
    for name in ("lease", "other"):
        (tmp_path / f"{name}.md").write_text(f"# One\n\n{name}.\n\n# Two\n\n{clause}", encoding="utf-8")
    ImportFiles((str(tmp_path / "lease.md"), str(tmp_path / "other.md"))).run(session, Monitor())
    one, other = (passage.id for passage in session.workspace.documents.passages() if passage.section == "Two")
    asked = Question("q", "Qwx zyv?", ("x",), (one,))
    assert with_repeats([asked], session.workspace, Monitor())[0].evidence == (one, other)
