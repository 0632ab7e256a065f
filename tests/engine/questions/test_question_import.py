"""Question files into a workspace: columns remembered, problems collected, what a person decided left alone."""

from __future__ import annotations

import json
import os
import unicodedata
from pathlib import Path

import pytest

from engine.errors import QuestionError
from engine.importing import ImportFiles, ImportReport
from engine.jobs import Monitor
from engine.questions.columns import ColumnMap
from engine.questions.job import AddQuestion, EditQuestion, JudgeQuestions, SplitQuestions
from engine.questions.shares import Shares
from engine.session import Session

TEXT = "The notice period is three months. It begins on the first day of a quarter, says the lease of flat {}. "


def _run(session: Session, *paths: Path, **options: object) -> ImportReport:
    return ImportFiles(tuple(str(path) for path in paths), "questions", **options).run(session, Monitor())  # type: ignore[arg-type]


def _file(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def test_a_map_is_remembered_for_the_next_file_with_the_same_columns(session: Session, tmp_path: Path) -> None:
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("Frage;Antwort\nWie hoch?;5 mg\n", encoding="utf-8")
    second.write_text("Antwort;Frage\n7 Tage;Wie lange?\n", encoding="utf-8")
    (unmapped,) = _run(session, first).unmapped
    assert unmapped.columns == ("Frage", "Antwort")
    _run(session, first, columns=ColumnMap({"question": "Frage", "answer": "Antwort"}))
    assert _run(session, second).unmapped == ()
    assert [question.question for question in session.workspace.questions.list()] == ["Wie hoch?", "Wie lange?"]


def test_every_problem_of_a_file_is_told_with_its_line(session: Session, tmp_path: Path) -> None:
    context = TEXT.format(1)
    path = _file(
        tmp_path / "q.jsonl",
        {"question": "How long is it?", "answer": "three months", "context": context, "split": "test"},
        {"question": "How long is it?", "answer": "three months", "context": context, "split": "test"},
        {"question": "How long is it?", "answer": "two years", "context": context, "split": "train"},
        {"answer": "nothing asked"},
        {"question": "Who?" * 600, "answer": "three months", "context": context},
        {"question": "Who lets it?", "answer": "somebody", "document": "gone.pdf"},
    )
    report = _run(session, path)
    assert [(problem.line, problem.kind, problem.left_out) for problem in report.problems] == [
        (1, "in training too", False),
        (2, "duplicate", True),
        (3, "other answers", False),
        (3, "answer not in context", False),
        (4, "empty", True),
        (5, "too long", False),
        (6, "unknown document", False),
        (6, "no evidence", False),
    ]
    assert [(skipped.item, skipped.reason[:7]) for skipped in report.skipped] == [(str(path), "Line 4:")]
    assert (report.questions_added, report.questions_without_evidence) == (4, 1)


def test_questions_about_a_copy_follow_those_about_the_document(session: Session, tmp_path: Path) -> None:
    text = " ".join(f"Clause {number} binds the tenant and the landlord alike." for number in range(40))
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "b.txt").write_text(text.replace("Clause 7", "Clause seven"), encoding="utf-8")
    ImportFiles((str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))).run(session, Monitor())
    asked = {"question": "Whom does it bind?", "answer": "the tenant and the landlord", "document": "a.txt"}
    _run(session, _file(tmp_path / "first.jsonl", asked | {"split": "test"}))
    others = ({"question": f"Which is clause {n}?", "answer": f"Clause {n}", "document": "b.txt"} for n in (20, 21, 22))
    _run(session, _file(tmp_path / "then.jsonl", *others))
    assert session.workspace.questions.counts()["test"] == 4
    added = AddQuestion("What is seven?", ("Clause seven",), document="b.txt").run(session, Monitor())
    SplitQuestions(Shares(100, 0, 0)).run(session, Monitor())
    assert added.split == "test"
    assert [question.split for question in session.workspace.questions.list()] == ["test"] * 5


@pytest.mark.parametrize("name", ["lease.txt", "2024/lease.txt", "2024\\lease.txt", "./2024/lease.txt"])
def test_a_file_name_that_two_documents_share_leads_to_the_one_with_the_answer(
    session: Session, tmp_path: Path, name: str
) -> None:
    for year, rent in ((2023, 900), (2024, 1100)):
        (tmp_path / str(year)).mkdir()
        (tmp_path / str(year) / "lease.txt").write_text(f"The monthly rent is {rent} euros.", encoding="utf-8")
    ImportFiles((str(tmp_path / "2023"), str(tmp_path / "2024"))).run(session, Monitor())
    asked = {"question": "What is the rent?", "answer": "1100 euros", "document": name}
    assert _run(session, _file(tmp_path / "q.jsonl", asked)).problems == ()
    (question,) = session.workspace.questions.list()
    (document,) = (row for row in session.workspace.documents.list() if row.id == question.document_id)
    assert (Path(document.path).parent.name, question.link, question.state) == ("2024", "exact", "")
    assert len(question.evidence) == 1


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_answer_is_found_however_its_accents_and_those_of_the_document_are_written(
    session: Session, tmp_path: Path, form: str
) -> None:
    written = {"NFC": "NFD", "NFD": "NFC"}[form]
    text = "Die Prüfärzte öffnen die Gefäße.\n\nНастоящий договор займа заключён.\n\nガイドラインがある。"
    (tmp_path / "d.txt").write_text(unicodedata.normalize(form, text), encoding="utf-8")
    ImportFiles((str(tmp_path / "d.txt"),)).run(session, Monitor())
    asked = (("Wer öffnet die Gefäße?", "Die Prüfärzte"), ("Какой договор?", "займа заключён"), ("ある？", "ガイド"))
    records = (
        {
            name: unicodedata.normalize(written, value)
            for name, value in {"question": question, "answer": answer}.items()
        }
        for question, answer in asked
    )
    report = _run(session, _file(tmp_path / "q.jsonl", *records))
    assert report.problems == ()
    assert [question.link for question in session.workspace.questions.list()] == ["answer"] * 3


def test_pieces_of_an_imported_document_become_no_document_of_their_own(session: Session, tmp_path: Path) -> None:
    first, last = "Clause ten binds the tenant of every house.", "Rent is due in advance, on the third of the month."
    between = "".join(TEXT.format(number) for number in range(40))
    (tmp_path / "long.txt").write_text("\n\n".join([first, between, last]), encoding="utf-8")
    ImportFiles((str(tmp_path / "long.txt"),)).run(session, Monitor())
    asked = {"question": "When is rent due?", "answer": "on the third", "context": [first, last]}
    report = _run(session, _file(tmp_path / "q.jsonl", asked))
    assert report.problems == ()
    assert len(session.workspace.documents.list()) == 1


def test_what_a_person_decided_survives_another_import(session: Session, tmp_path: Path) -> None:
    path = _file(
        tmp_path / "q.jsonl",
        *({"id": f"q{n}", "question": f"What of flat {n}?", "answer": "three months", "context": TEXT.format(n)}
          for n in range(4)),
    )  # fmt: skip
    _run(session, path)
    for job in (
        EditQuestion("q0", question="What of the first flat?", answers=("three months", "3 months"), split="test"),
        JudgeQuestions(("q1",), "exclude"),
        JudgeQuestions(("q2",), "drop"),
    ):
        job.run(session, Monitor())
    report = _run(session, path)
    assert (report.questions_added, report.questions_unchanged) == (0, 4)
    edited, excluded, dropped, other = session.workspace.questions.every()
    assert (edited.question, edited.answers, edited.split) == (
        "What of the first flat?", ("three months", "3 months"), "test",
    )  # fmt: skip
    assert edited.evidence and edited.edited
    assert excluded.excluded and not other.excluded
    assert (dropped.evidence, dropped.state) == ((), "dropped")
    assert [question.id for question in session.workspace.questions.list()] == ["q0", "q2", "q3"]
    recorded = {row[0] for row in session.workspace.connection().execute("SELECT action FROM audit").fetchall()}
    assert {"question edited", "questions: excluded", "questions: evidence dropped"} <= recorded


def test_a_question_added_by_hand_is_linked(session: Session, tmp_path: Path) -> None:
    (tmp_path / "lease.txt").write_text(TEXT.format(1), encoding="utf-8")
    ImportFiles((str(tmp_path / "lease.txt"),)).run(session, Monitor())
    added = AddQuestion("When does it begin?", ("first day of a quarter",), document="lease.txt", split="test")
    made = added.run(session, Monitor())
    assert (len(made.evidence), made.split, made.edited) == (1, "test", True)
    with pytest.raises(QuestionError, match="there already"):
        added.run(session, Monitor())
    with pytest.raises(QuestionError, match="no document"):
        AddQuestion("Why?", ("so",), document="gone.pdf").run(session, Monitor())


def test_a_question_without_an_answer_is_refused_unless_the_documents_do_not_answer_it(
    session: Session, tmp_path: Path
) -> None:
    # The generator learns to refuse where no answer is known: it must not see the evidence then.
    path = _file(tmp_path / "q.jsonl", {"id": "q", "question": "How long?", "answer": "three months", "context": TEXT})
    _run(session, path)
    for job in (EditQuestion("q", answers=(" ",)), AddQuestion("Who pays?"), AddQuestion("Who?", context=TEXT)):
        with pytest.raises(QuestionError, match="no answer"):
            job.run(session, Monitor())
    with pytest.raises(QuestionError, match="with an answer"):
        EditQuestion("q", answers=("a year",), unanswerable=True).run(session, Monitor())
    assert session.workspace.questions.get("q").evidence

    now = EditQuestion("q", unanswerable=True).run(session, Monitor())
    assert (now.answers, now.unanswerable, now.evidence, now.link) == ((), True, (), "")
    assert AddQuestion("Who pays?", unanswerable=True).run(session, Monitor()).unanswerable
    assert EditQuestion("q", question="How long is it?").run(session, Monitor()).unanswerable
    again = EditQuestion("q", answers=("three months",)).run(session, Monitor())
    assert (again.unanswerable, bool(again.evidence)) == (False, True)


def test_a_question_for_the_search_alone_is_edited_without_an_answer(session: Session, tmp_path: Path) -> None:
    _run(session, _file(tmp_path / "q.jsonl", {"id": "q", "question": "How long?", "context": TEXT}))
    edited = EditQuestion("q", question="How long is it?").run(session, Monitor())
    assert (edited.answers, edited.unanswerable, bool(edited.evidence)) == ((), False, True)


def test_a_new_division_obeys_what_files_say_unless_told_otherwise(session: Session, tmp_path: Path) -> None:
    records = [
        {"question": f"What is clause {word} for?", "answer": "three months", "context": f"For {word}, three months."}
        for word in ("apple", "birch", "cedar", "daisy", "elder", "fern", "grass", "hazel", "iris", "juniper")
    ]
    _run(session, _file(tmp_path / "test.jsonl", *records[:4]), _file(tmp_path / "q.jsonl", *records[4:]))
    report = SplitQuestions(Shares(100, 0, 0)).run(session, Monitor())
    assert report.sizes == {"train": 6, "validation": 0, "test": 4}
    report = SplitQuestions(Shares(50, 20, 30), also_given=True).run(session, Monitor())
    assert report.sizes == {"train": 5, "validation": 2, "test": 3}
    assert SplitQuestions(Shares(50, 20, 30), also_given=True).run(session, Monitor()).moved == 0


def test_an_unanswerable_question_belongs_to_the_document_of_its_context(session: Session, tmp_path: Path) -> None:
    impossible = {"answers": {"text": [], "answer_start": []}}
    records = [
        {"question": f"{word} {place}?", "context": TEXT.format(place)} | answer
        for place in ("Ulm", "Rom", "Oslo", "Kiel", "Bern", "Graz")
        for word, answer in (("How long in", {"answer": "three months"}), ("Who owns", impossible))
    ]
    _run(session, _file(tmp_path / "q.jsonl", *records, {"question": "Who?", "context": TEXT.format(9)} | impossible))
    asked = session.workspace.questions.list()
    sides = {(question.document_id, question.split) for question in asked}
    assert len(sides) == len({question.document_id for question in asked}) == 7
    assert [bool(question.evidence) for question in asked] == [True, False] * 6 + [False]
    assert session.workspace.documents.remove([asked[0].document_id]).questions == 2


def test_evidence_follows_a_context_that_left_its_document_in_the_same_import(session: Session, tmp_path: Path) -> None:
    lease = tmp_path / "lease.txt"
    lease.write_text(TEXT.format(1), encoding="utf-8")
    _file(tmp_path / "q.jsonl", {"id": "q", "question": "How long?", "answer": "three months", "context": TEXT[:34]})
    for text in (TEXT.format(1), "Nothing is said of giving notice."):
        lease.write_text(text, encoding="utf-8")
        report = ImportFiles((str(tmp_path),)).run(session, Monitor())
        assert report.questions_with_evidence == session.workspace.questions.with_evidence_count() == 1
    asked = session.workspace.questions.get("q")
    assert (session.workspace.documents.get(asked.document_id).kind, asked.split_given) == ("context", False)


def _asked(count: int, answer: str = "three months", **more: object) -> list[dict[str, object]]:
    """So many questions of different words about as many contexts."""
    names = ("Ulm", "Rom", "Oslo", "Kiel", "Bern", "Graz", "Linz", "Paris", "Riga", "Turin", "Wien", "York")[:count]
    return [
        {"id": name, "question": f"What of {name}?", "answer": answer, "context": TEXT.format(name)} | more
        for name in names
    ]


def _sides(session: Session) -> dict[str, str]:
    return {question.id: question.split for question in session.workspace.questions.every()}


def test_a_corrected_answer_moves_no_question_to_another_split(session: Session, tmp_path: Path) -> None:
    records = _asked(12)
    _run(session, _file(tmp_path / "q.jsonl", *records))
    drawn = _sides(session)
    JudgeQuestions(("Graz",), "exclude").run(session, Monitor())
    tested = [name for name, split in drawn.items() if split == "test"]
    assert len(tested) == 2
    again = [record | ({"answer": "3 months"} if record["id"] in [*tested, "Graz"] else {}) for record in records]
    report = _run(session, _file(tmp_path / "q.jsonl", *again))
    assert (_sides(session), report.questions_added) == (drawn, len({*tested, "Graz"}))
    changed = session.workspace.questions.get("Graz")
    assert (changed.answers, changed.excluded, changed.split_given) == (("3 months",), True, False)


def test_an_id_that_another_question_has_got_is_divided_anew(session: Session, tmp_path: Path) -> None:
    _run(session, _file(tmp_path / "q.jsonl", *(record | {"split": "test"} for record in _asked(2))))
    other = {"question": "Who heats the stable?", "answer": "the groom", "context": "The groom heats the stable."}
    report = _run(session, _file(tmp_path / "q.jsonl", _asked(1)[0], other | {"id": "Rom", "split": None}))
    assert (report.questions_added, _sides(session)) == (1, {"Ulm": "test", "Rom": "train"})


def test_a_split_that_a_file_says_later_is_obeyed(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    _run(session, _file(path, *_asked(12)))
    EditQuestion("Bern", split="validation").run(session, Monitor())
    report = _run(session, _file(path, *_asked(6, split="test"), *_asked(12, split="train")[6:]))
    assert [*_sides(session).values()] == ["test"] * 4 + ["validation", "test"] + ["train"] * 6
    assert all(question.split_given for question in session.workspace.questions.every())
    assert (report.questions_added, report.questions_unchanged, report.problems) == (0, 12, ())
    _run(session, _file(path, *_asked(12)), _file(tmp_path / "train.jsonl", *_asked(6)))
    assert [*_sides(session).values()].count("test") == 5  # one that is silent, and another file's copies


def test_documents_that_come_later_take_the_place_of_contexts(session: Session, tmp_path: Path) -> None:
    path = _file(tmp_path / "q.jsonl", *_asked(6), {"id": "no", "question": "Who?", "context": TEXT.format("Ulm"),
                 "unanswerable": True})  # fmt: skip
    _run(session, path)
    drawn = _sides(session)
    both = _file(tmp_path / "more.jsonl", {"question": "When?", "answer": "a quarter", "context": TEXT.format("Kiel")})
    _run(session, both)
    (tmp_path / "leases.txt").write_text("Before. " + "\n\n".join(TEXT.format(n) for n in ("Ulm", "Rom", "Kiel")))
    ImportFiles((str(tmp_path / "leases.txt"),)).run(session, Monitor())
    report = _run(session, path)
    asked = {question.id: question for question in session.workspace.questions.every()}
    kinds = {row.id: row.kind for row in session.workspace.documents.list()}
    assert [kinds[question.document_id] for question in asked.values()] == [
        "txt", "txt", "context", "txt", "context", "context", "txt", "context"
    ]  # fmt: skip
    evidence = [kinds[passage.rsplit(":", 1)[0]] for passage in (*asked["Ulm"].evidence, *asked["Kiel"].evidence)]
    assert set(evidence) == {"txt"} and asked["Ulm"].link == "exact" and not asked["no"].evidence
    assert sorted(kinds.values()) == ["context"] * 4 + ["txt"]  # that of Kiel is needed: its other file was not read
    assert (report.documents_removed, report.questions_unchanged) == (2, 7)
    assert {name: split for name, split in _sides(session).items() if name in drawn} == drawn
    assert (_run(session, path, both).documents_removed, len(session.workspace.documents.list())) == (1, 4)


def test_a_corrected_record_without_an_id_replaces_the_one_before(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "q.csv"
    text = "It is three months, or two months in York. "

    def answers(*rows: tuple[str, int]) -> list[tuple[str, ...]]:
        lines = [f'How long?,{answer},"{text * lease}"' for answer, lease in rows]
        path.write_text("\n".join(["question,answer,context", *lines, lines[-1]]), encoding="utf-8")
        _run(session, path)
        return [question.answers for question in session.workspace.questions.every()]

    assert answers(("two months", 1), ("two months", 2)) == [("two months",), ("two months",)]
    (first, other) = session.workspace.questions.every()
    assert answers(("two months", 1), ("three months", 2)) == [("two months",), ("three months",)]
    assert [question.id for question in session.workspace.questions.every()] == [first.id, other.id]
    assert answers(("two months", 1), ("three months", 2)) == [("two months",), ("three months",)]
    assert answers(("two months", 1), ("three months", 2), ("months", 2))[2:] == [("months",)]
    both = [("two months",), ("3 months",), ("York",)]
    assert answers(("two months", 1), ("3 months", 2), ("York", 2)) == both
    assert answers(("two months", 1), ("York", 2), ("3 months", 2)) == both


def test_no_library_leaves_a_file_outside_the_workspace(session: Session, tmp_path: Path) -> None:
    caches = [Path(os.environ[name]) for name in ("XDG_CACHE_HOME", "HF_HOME")]
    before = {file for cache in caches for file in cache.rglob("*")}
    _run(session, _file(tmp_path / "q.jsonl", {"question": "How?", "answer": "So.", "context": TEXT.format(1)}))
    assert {file for cache in caches for file in cache.rglob("*")} == before
