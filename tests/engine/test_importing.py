"""Files and folders in, through a real workspace."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.errors import Cancelled
from engine.importing import ImportFiles, ImportReport
from engine.jobs import Event, Monitor, Progress, Skipped
from engine.session import Session
from engine.workspace.workspace import Workspace
from tests.engine.documents import example_files

TEXT = "The notice period is three months. It begins on the first day of a quarter. "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's files are."""
    path = tmp_path / "files"
    path.mkdir()
    return path


def _run(session: Session, *paths: Path, **options: object) -> ImportReport:
    return ImportFiles(tuple(str(path) for path in paths), **options).run(session, Monitor())  # type: ignore[arg-type]


def _write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _lines(path: Path, *records: dict[str, object]) -> Path:
    return _write(path, "".join(json.dumps(record) + "\n" for record in records))


def _reason(report: ImportReport) -> str:
    (skipped,) = report.skipped
    return skipped.reason


def test_every_format_of_a_folder_is_imported(session: Session, folder: Path) -> None:
    _write(folder / "a.txt", TEXT)
    _write(folder / "b.md", f"# Leases\n\n{TEXT}b")
    _write(folder / "deep" / "c.html", f"<title>Page</title><p>{TEXT}c")
    _write(folder / "deep" / "d.pdf", example_files.pdf("Page one", "Page two"))
    _write(folder / "e.docx", example_files.word(("Heading 1", "Terms"), ("Normal", TEXT)))
    _lines(folder / "f.jsonl", {"id": "r1", "title": "R", "text": "One record."}, {"id": "r2", "text": "Another."})
    _write(folder / ".hidden.txt", "no")
    _write(folder / ".git" / "x.txt", "no")
    report = _run(session, folder)
    assert (report.documents_added, report.documents_replaced, report.skipped) == (7, 0, ())
    rows = {Path(row.path).name: row for row in session.workspace.documents.list()}
    assert [rows[name].title for name in ("a.txt", "b.md", "c.html", "d.pdf", "e.docx")] == [
        "a",
        "Leases",
        "Page",
        "d",
        "e",
    ]
    assert rows["d.pdf"].pages == 2
    assert rows["f.jsonl#r1"].id == "r1"
    assert report.passages == sum(row.passages for row in rows.values())
    pages = [passage.page for passage in session.workspace.documents.passages(rows["d.pdf"].id)]
    assert pages == [1, 2]


def test_originals_are_kept(session: Session, folder: Path) -> None:
    path = _write(folder / "a.pdf", example_files.pdf("Text"))
    _run(session, path)
    (row,) = session.workspace.documents.list()
    assert session.workspace.objects.read(session.workspace.documents.original(row.id)) == path.read_bytes()


def test_importing_again_changes_nothing(session: Session, folder: Path) -> None:
    _write(folder / "a.txt", TEXT)
    _lines(folder / "c.jsonl", {"id": "r", "text": TEXT + "r"})
    _lines(folder / "q.jsonl", {"question": "How long?", "answer": "three months", "context": TEXT + "r"})
    first = _run(session, folder)
    version = session.workspace.index_version
    again = _run(session, folder)
    assert (first.documents_added, first.questions_added, first.questions_with_evidence) == (2, 1, 1)
    assert (again.documents_added, again.documents_unchanged, again.documents_replaced) == (0, 2, 0)
    assert (again.questions_added, again.questions_unchanged, again.questions_with_evidence) == (0, 1, 1)
    assert session.workspace.index_version == version


def test_a_file_that_was_only_touched_is_unchanged_but_has_its_new_date(session: Session, folder: Path) -> None:
    mail = EmailMessage()
    mail.set_content("See the lease.")
    mail.add_attachment(TEXT.encode(), maintype="text", subtype="plain", filename="lease.txt")
    files = [
        _write(folder / "a.txt", f"{TEXT}a"),
        _write(folder / "b.eml", mail.as_bytes()),
        _lines(folder / "c.jsonl", {"id": "r1", "title": "R", "text": "One record."}),
        _lines(folder / "d.jsonl", {"question": "How long?", "answer": "a year", "context": "It lasts a year."}),
    ]
    _run(session, folder)
    session.workspace.answers.put("key", "{}")
    unchanged = _run(session, folder).documents_unchanged
    assert session.workspace.answers.get("key") == "{}"
    for file in files:
        os.utime(file, (0, datetime(2020, 1, 2).timestamp()))
    again = _run(session, folder)
    assert (again.documents_unchanged, again.documents_replaced) == (unchanged, 0)
    assert [row.date for row in session.workspace.documents.list()] == ["2020-01-02"] * 5
    assert session.workspace.answers.get("key") is None


def test_a_path_is_kept_without_the_way_it_was_reached(session: Session, folder: Path) -> None:
    file = _write(folder / "a.txt", TEXT)
    _run(session, folder / "deep" / ".." / "a.txt")
    assert list(session.workspace.documents.paths()) == [str(file)]


def test_the_same_content_under_another_name_is_imported_once(session: Session, folder: Path) -> None:
    report = _run(session, _write(folder / "a.txt", TEXT), _write(folder / "copy.txt", TEXT))
    assert (report.documents_added, report.documents_unchanged) == (1, 1)


def test_a_changed_file_replaces_its_document(session: Session, folder: Path) -> None:
    path = _write(folder / "a.txt", TEXT)
    _run(session, path)
    _write(path, "Something else entirely.")
    report = _run(session, path)
    assert (report.documents_added, report.documents_replaced) == (0, 1)
    assert [passage.text for passage in session.workspace.documents.passages()] == ["Something else entirely."]


def test_a_file_changed_into_another_gives_way_to_it(session: Session, folder: Path) -> None:
    one, other = _write(folder / "a.txt", TEXT), _write(folder / "b.txt", "Other words.")
    _run(session, one, other)
    _write(one, "Other words.")
    report = _run(session, one, other)
    assert (report.documents_replaced, report.documents_unchanged) == (1, 1)
    assert [row.path for row in session.workspace.documents.list()] == [str(other)]


def test_bad_files_are_lines_and_the_rest_is_imported(session: Session, folder: Path) -> None:
    _write(folder / "good.txt", TEXT)
    bad = {
        "cut.pdf": (b"%PDF-1.4\n%%EOF", "damaged"),
        "empty.txt": (b"", "is empty"),
        "half.json": (b'[{"question": "Why?", "answer": "Because"}, {"ques', "stops half-way"),
        "page.docx": (b"<html><body>x</body></html>", "holds an HTML page"),
        "scan.pdf": (example_files.pdf(""), "Its pages are empty"),
        "what.json": (b'[{"name": "x"}]', "neither questions nor documents in it (fields found: name)"),
    }
    for name, (data, _) in bad.items():
        _write(folder / name, data)
    events: list[Event] = []
    report = ImportFiles((str(folder),)).run(session, Monitor(listen=events.append))
    assert report.documents_added == 1
    assert [Path(skipped.item).name for skipped in report.skipped] == list(bad)
    for skipped, (_, reason) in zip(report.skipped, bad.values(), strict=True):
        assert reason in skipped.reason
    assert [event for event in events if isinstance(event, Skipped)] == list(report.skipped)
    assert len(session.workspace.documents.skipped()) == len(bad)


@pytest.mark.parametrize(
    "head", ["Frage;Antwort", "Nr.;Pregunta;Respuesta", "Lfd. Nr.;Frage;Antwort", "Test Question,Gold"]
)
def test_a_table_that_is_probably_questions_is_asked_about(session: Session, folder: Path, head: str) -> None:
    mark = ";" if ";" in head else ","
    row = mark.join(["7", "Wie hoch ist die Dosis?", "5 mg"][-len(head.split(mark)) :])
    (folder / "liste.csv").write_text(f"{head}\n{row}\n", encoding="utf-8")
    report = _run(session, folder / "liste.csv")
    assert (report.documents_added, report.questions_added) == (0, 0)
    assert "--map question=" in _reason(report)


def test_a_table_without_questions_is_a_document(session: Session, folder: Path) -> None:
    path = _write(folder / "sheet.csv", "drug,dose\naspirin,1\n")
    assert _run(session, path).documents_added == 1
    (row,) = session.workspace.documents.list()
    assert (row.kind, session.workspace.documents.get(row.id).text) == ("csv", "drug | dose\ndrug: aspirin | dose: 1")
    assert "no question column (columns found: drug, dose)" in _reason(_run(session, path, kind="questions"))


def test_what_is_attached_to_a_mail_is_a_document_of_its_own(session: Session, folder: Path) -> None:
    mail = EmailMessage()
    mail["Subject"] = "Lease"
    mail.set_content("See below.")
    mail.add_attachment(TEXT.encode(), maintype="text", subtype="plain", filename="notice.txt")
    mail.add_attachment(b"\x00\x01", maintype="application", subtype="octet-stream", filename="noise.bin")
    path = _write(folder / "mail.eml", mail.as_bytes())
    report = _run(session, path)
    assert report.documents_added == 2
    assert _reason(report).startswith("Attachment noise.bin: noise.bin is not text")
    rows = {row.path: row for row in session.workspace.documents.list()}
    attached = rows[f"{path}#1-notice.txt"]
    assert attached.title == "notice"
    assert session.workspace.objects.read(session.workspace.documents.original(attached.id)) == path.read_bytes()
    again = _run(session, path)
    assert (again.documents_added, again.documents_unchanged) == (0, 2)
    bare = EmailMessage()
    bare["Subject"] = "Lease"
    bare.set_content("Nothing is attached any more.")
    _write(path, bare.as_bytes())
    changed = _run(session, path)
    assert (changed.documents_replaced, changed.documents_removed) == (1, 1)
    assert [row.path for row in session.workspace.documents.list()] == [str(path)]


def test_records_that_vanish_from_a_corpus_are_removed(session: Session, folder: Path) -> None:
    path = _lines(folder / "c.jsonl", {"id": "a", "text": "One."}, {"id": "b", "text": "Two."})
    _run(session, path)
    _lines(path, {"id": "b", "text": "Two."}, {"id": "a"})
    broken = _run(session, path)
    assert (broken.documents_removed, len(broken.skipped)) == (0, 1)  # `a` may only be damaged
    _lines(path, {"id": "b", "text": "Two."}, {"id": "c", "text": "Three."})
    report = _run(session, path)
    assert (report.documents_added, report.documents_unchanged, report.documents_removed) == (1, 1, 1)
    assert [row.id for row in session.workspace.documents.list()] == ["b", "c"]


def test_a_mended_file_leaves_the_list_of_bad_ones(session: Session, folder: Path) -> None:
    document = _write(folder / "a.txt", b"")
    questions = _write(folder / "q.jsonl", '{"nothing": "here"}\n')
    _run(session, folder)
    assert len(session.workspace.documents.skipped()) == 2
    _write(document, TEXT)
    _write(questions, '{"question": "How long?", "answer": "three months"}\n')
    assert _run(session, folder).skipped == ()
    assert session.workspace.documents.skipped() == ()


def test_what_is_not_there_is_a_line(session: Session, folder: Path) -> None:
    (folder / "empty").mkdir()
    empty = _write(folder / "a.txt", b"")
    report = _run(session, folder / "gone.pdf", folder / "empty", empty)
    assert report.skipped == (*report.unreached, *session.workspace.documents.skipped())
    assert [skipped.item for skipped in report.unreached] == [str(folder / "gone.pdf"), str(folder / "empty")]
    assert "There is no file or folder" in report.skipped[0].reason
    assert "has no files in it" in report.skipped[1].reason
    assert report.documents_added == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere file names are text")
def test_a_file_whose_name_is_not_text_is_a_line(session: Session, folder: Path) -> None:
    _write(folder / "b\udce4d.txt", TEXT)
    _write(folder / "good.txt", TEXT + "good")
    report = _run(session, folder)
    assert report.documents_added == 1
    assert "name is not valid text" in _reason(report)


def test_a_broken_line_costs_that_line(session: Session, folder: Path) -> None:
    path = _write(
        folder / "q.jsonl", '{"question": "a?", "answer": "x"}\n{"question": \n{"question": "b?", "answer": "y"}\n'
    )
    report = _run(session, path)
    assert report.questions_added == 2
    assert _reason(report).startswith("Line 2: It is not valid JSON")


def test_a_flood_of_problems_is_counted(session: Session, folder: Path) -> None:
    path = _write(folder / "q.jsonl", '{"question": "a?", "answer": "x"}\n' + "broken\n" * 50)
    report = _run(session, path)
    assert len(report.skipped) == 21
    assert report.skipped[-1].reason == "And 30 more records with problems."


def test_a_kind_that_does_not_fit_is_a_sentence(session: Session, folder: Path) -> None:
    corpus = _lines(folder / "c.jsonl", {"id": "r", "text": TEXT})
    assert "no question column (columns found: id, text)" in _reason(_run(session, corpus, kind="questions"))
    questions = _lines(folder / "q.jsonl", {"question": "a?", "answer": "x"})
    assert "Document records need `text`" in _reason(_run(session, questions, kind="documents"))
    assert "not a question file" in _reason(_run(session, _write(folder / "a.txt", TEXT), kind="questions"))


def test_questions_alone_bring_their_documents(session: Session, folder: Path) -> None:
    record = {"question": "How long?", "answer": "three months", "context": TEXT}
    report = _run(session, _lines(folder / "q.jsonl", record, {**record, "question": "What is the period?"}))
    assert (report.documents_added, report.questions_added, report.questions_with_evidence) == (1, 2, 2)
    (document,) = session.workspace.documents.list()
    assert document.kind == "context"
    (passage,) = session.workspace.documents.passages()
    assert all(question.evidence == (passage.id,) for question in session.workspace.questions.list())
    again = _run(session, folder / "q.jsonl")
    assert (again.documents_added, again.questions_unchanged, again.questions_with_evidence) == (0, 2, 2)


def test_questions_are_linked_to_the_documents_of_the_same_import(session: Session, folder: Path) -> None:
    _lines(folder / "a-questions.jsonl", {"question": "How long?", "answer": "three months", "document": "z.txt"})
    _write(folder / "z.txt", TEXT)
    report = _run(session, folder)
    assert (report.documents_added, report.questions_with_evidence) == (1, 1)


def test_questions_are_linked_when_their_document_comes_later(session: Session, folder: Path) -> None:
    questions = _lines(folder / "q.jsonl", {"question": "How long?", "answer": "three months", "document": "z.txt"})
    assert _run(session, questions).questions_with_evidence == 0
    report = _run(session, _write(folder / "z.txt", TEXT), questions)
    assert (report.questions_added, report.questions_unchanged, report.questions_with_evidence) == (0, 1, 1)
    assert session.workspace.questions.with_evidence_count() == 1


def test_squad_contexts_are_documents_grouped_by_title(session: Session, folder: Path) -> None:
    articles = [
        {
            "title": f"Article {article}",
            "paragraphs": [
                {
                    "context": f"Paragraph {number} of article {article} tells of matter {article * 10 + number}.",
                    "qas": [
                        {
                            "id": f"{article}-{number}",
                            "question": f"Which matter {article} {number}?",
                            "answers": [{"text": f"matter {article * 10 + number}", "answer_start": 36}],
                            "is_impossible": False,
                        },
                        {
                            "id": f"{article}-{number}-no",
                            "question": f"Why {article} {number}?",
                            "is_impossible": True,
                            "answers": [],
                        },
                    ],
                }
                for number in range(4)
            ],
        }
        for article in range(10)
    ]
    report = _run(session, _write(folder / "squad.json", json.dumps({"version": "2", "data": articles})))
    assert (report.documents_added, report.questions_added, report.questions_with_evidence) == (40, 80, 40)
    questions = session.workspace.questions.list()
    sides = {
        group: {question.split for question in questions if question.group == group}
        for group in {q.group for q in questions}
    }
    assert set(sides) == {f"Article {article}" for article in range(10)}
    assert all(len(splits) == 1 for splits in sides.values())
    assert set.union(*sides.values()) == {"train", "validation", "test"}
    assert sum(question.unanswerable for question in questions) == 40


def test_splits_come_from_records_from_file_names_or_are_drawn(session: Session, folder: Path) -> None:
    _lines(
        folder / "covid_test.jsonl",
        {"question": "a?", "answer": "x"},
        {"question": "b?", "answer": "y", "split": "train"},
    )
    _lines(folder / "other.jsonl", {"question": "c?", "answer": "z"})
    _run(session, folder)
    assert {question.question: question.split for question in session.workspace.questions.list()} == {
        "a?": "test",
        "b?": "train",
        "c?": "train",
    }


def test_records_of_one_source_stay_on_one_side(session: Session, folder: Path) -> None:
    records = [
        {"id": f"{contract}#{part}", "title": f"Contract {contract}", "text": f"Clause {part} of contract {contract}."}
        for contract in range(10)
        for part in range(3)
    ]
    _lines(folder / "corpus.jsonl", *records)
    _lines(
        folder / "questions.jsonl",
        *(
            {"question": f"What is {r['id']}?", "answer": r["text"], "context": r["text"], "context_id": r["id"]}
            for r in records
        ),
    )
    assert _run(session, folder).questions_with_evidence == 30
    sides: dict[str, set[str]] = {}
    for question in session.workspace.questions.list():
        sides.setdefault(question.document_id.split("#")[0], set()).add(question.split)
    assert len(sides) == 10
    assert all(len(splits) == 1 for splits in sides.values())


def test_the_same_question_in_two_files_is_one(session: Session, folder: Path) -> None:
    long = TEXT + "Words of the long paper go on and on for a while before they come to an end. " * 10
    _lines(folder / "test.jsonl", {"id": 1, "question": "How long?", "answer": "three months", "context": TEXT})
    _lines(folder / "all.jsonl", {"id": 9, "question": "How long?", "answer": "three months ", "context": long})
    report = _run(session, folder)
    assert (report.questions_added, report.questions_unchanged) == (1, 1)
    assert [question.split for question in session.workspace.questions.list()] == ["test"]


def test_files_that_number_their_questions_alike_lose_none(session: Session, folder: Path) -> None:
    _lines(
        folder / "a.jsonl", {"id": 1, "question": "a?", "answer": "x"}, {"id": 1, "question": "again?", "answer": "x"}
    )
    _lines(folder / "b.jsonl", {"id": 1, "question": "b?", "answer": "y"})
    assert _run(session, folder).questions_added == 3
    assert _run(session, folder).questions_unchanged == 3
    assert {question.question for question in session.workspace.questions.list()} == {"a?", "again?", "b?"}


def test_records_of_two_corpora_with_the_same_id_lose_none(session: Session, folder: Path) -> None:
    _lines(folder / "a.jsonl", {"id": "1", "text": "One thing."}, {"id": "1", "text": "One thing too many."})
    _lines(folder / "b.jsonl", {"id": "1", "text": "Another thing."})
    report = _run(session, folder)
    assert report.documents_added == 2
    assert "another record has the id 1" in _reason(report)
    assert {row.id for row in session.workspace.documents.list()} == {"1", "b/1"}
    assert _run(session, folder).documents_unchanged == 2


def test_a_protected_workspace_keeps_no_word_readable(session: Session, folder: Path, tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "secret", passphrase="correct horse") as workspace:
        protected = Session(workspace=workspace, library=session.library, device=session.device)
        _run(protected, _write(folder / "a.txt", "The patient Zebedee Quux was given 5 mg."))
        assert workspace.documents.passage_count() == 1
    stored = b"".join(path.read_bytes() for path in (tmp_path / "secret").rglob("*") if path.is_file())
    assert b"Zebedee" not in stored


@pytest.mark.parametrize("batch", ["files", "records"])
def test_cancel_half_way_keeps_what_was_read(session: Session, folder: Path, batch: str) -> None:
    if batch == "files":
        for number in range(20):
            _write(folder / f"{number:02}.txt", f"{TEXT} Number {number}.")
    else:
        _lines(folder / "c.jsonl", *({"id": str(number), "text": f"Record {number}."} for number in range(2000)))

    def listen(event: Event) -> None:
        reached = 10 if batch == "files" else 1000
        if isinstance(event, Progress) and event.done == reached:
            monitor.cancel()

    monitor = Monitor(listen=listen)
    with pytest.raises(Cancelled):
        ImportFiles((str(folder),)).run(session, monitor)
    kept = len(session.workspace.documents.list())
    total = 20 if batch == "files" else 2000
    assert total // 2 <= kept < total
    report = _run(session, folder)
    assert (report.documents_unchanged, report.documents_added) == (kept, total - kept)
    assert session.workspace.verify(Monitor(), deep=True).ok


def test_a_workspace_among_the_files_stays_closed_and_is_a_line(session: Session, folder: Path, tmp_path: Path) -> None:
    _write(folder / "a.txt", TEXT)
    other = folder / "other matter"
    with Workspace.create(other) as another:
        another.objects.publish(b"A client's letter.")
    own = session.workspace.path
    inside = own / "objects"
    for named, closed in ((folder, [other]), (tmp_path, [other, own]), (own, [own]), (inside, [inside])):
        report = _run(session, named)
        assert [Path(skipped.item) for skipped in report.skipped] == closed
        assert all("belongs to a workspace" in skipped.reason for skipped in report.skipped)
    assert [row.title for row in session.workspace.documents.list()] == ["a"]


def test_what_can_not_be_reached_is_a_line_and_the_rest_is_imported(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = folder / "closed"
    _write(closed / "b.txt", TEXT)
    _write(folder / "open" / "a.txt", TEXT)
    listing = os.scandir

    def refusing(path: str) -> object:
        if Path(path) == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return listing(path)

    monkeypatch.setattr(os, "scandir", refusing)  # for root no folder is closed
    endless = folder / ("x" * 300)
    report = _run(session, folder, endless, closed)
    assert report.documents_added == 1
    assert [skipped.item for skipped in report.skipped] == [str(closed), str(endless), str(closed)]
    assert (
        report.skipped[0].reason
        == "It can't be read: Permission denied. Check that you may read it, and import it again."
    )


def test_control_tokens_stay_text(session: Session, folder: Path) -> None:
    _run(session, _write(folder / "a.txt", "Ignore this </s><|im_end|>[SEP] and go on."))
    (passage,) = session.workspace.documents.passages()
    assert passage.text == "Ignore this </s><|im_end|>[SEP] and go on."


def test_making_the_job_loads_no_library() -> None:
    heavy = ("torch", "tokenizers", "sqlcipher3", "bs4", "docx", "pypdfium2")
    code = f"import sys; import engine.importing; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def test_documents_have_a_language_and_name_the_one_they_repeat(session: Session, folder: Path) -> None:
    text = " ".join(f"Clause {number} binds the tenant and the landlord alike." for number in range(40))
    _write(folder / "a.txt", text)
    _write(folder / "b.txt", text.replace("Clause 7", "Clause seven"))
    _write(folder / "c.txt", "Der Mieter zahlt die Miete am dritten Werktag eines jeden Monats im Voraus.")
    _run(session, folder)
    rows = {row.title: row for row in session.workspace.documents.list()}
    assert [rows[name].language for name in "abc"] == ["en", "en", "de"]
    assert [rows[name].near_duplicate_of for name in "abc"] == ["", "a", ""]
    assert 0.8 <= rows["b"].similarity < 1
    session.workspace.documents.remove([rows["a"].id])
    assert [row.near_duplicate_of for row in session.workspace.documents.list()] == ["", ""]


def test_evidence_follows_its_text_into_the_changed_file(session: Session, folder: Path) -> None:
    path = _write(folder / "a.txt", TEXT)
    questions = _lines(folder / "q.jsonl", {"question": "How long?", "answer": "three months", "context": TEXT.strip()})
    _run(session, path, questions)
    _write(path, f"A preamble that was not there before.\n\n{TEXT}\n\nAnd an appendix.")
    _run(session, path)
    (question,) = session.workspace.questions.list()
    (passage,) = session.workspace.documents.passages_by_id(question.evidence).values()
    assert "three months" in passage.text
    assert "appendix" in passage.text


def test_documents_of_files_that_are_gone_go_only_when_asked(session: Session, folder: Path) -> None:
    kept, gone = _write(folder / "a.txt", TEXT), _write(folder / "b.txt", "Other words.")
    elsewhere = _write(folder.parent / "c.txt", "Words elsewhere.")
    _run(session, folder, elsewhere)
    gone.unlink()
    elsewhere.unlink()
    assert _run(session, folder).documents_removed == 0
    assert _run(session, folder, remove_missing=True).documents_removed == 1
    assert [row.path for row in session.workspace.documents.list()] == [str(kept), str(elsewhere)]


def test_a_document_whose_folder_can_not_be_read_is_not_taken_for_gone(
    session: Session, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _write(folder / "closed" / "a.txt", TEXT)
    _run(session, folder)
    look = Path.stat

    def refusing(path: Path, **options: bool) -> os.stat_result:
        if path == file:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", refusing)
    endless = folder / ("x" * 300)
    report = _run(session, folder, endless, remove_missing=True)
    assert report.documents_removed == 0
    assert [skipped.item for skipped in report.skipped] == [str(file), str(endless)]


def test_a_link_out_of_the_folder_is_a_line(session: Session, folder: Path) -> None:
    outside = _write(folder.parent / "elsewhere" / "secret.txt", "Words of another matter.")
    _write(folder / "deep" / "a.txt", TEXT)
    (folder / "deep" / "inside.txt").symlink_to(folder / "deep" / "a.txt")
    (folder / "deep" / "out.txt").symlink_to(outside)
    (folder / "out").symlink_to(outside.parent)
    report = _run(session, folder)
    assert (report.documents_added, report.documents_unchanged) == (1, 1)
    assert [skipped.item for skipped in report.skipped] == [str(folder / "out"), str(folder / "deep" / "out.txt")]
    assert report.skipped[0].reason.startswith("It is a link that leads out of the folder, and is not followed.")
    assert _run(session, folder / "deep" / "out.txt").documents_added == 1  # who names it means it
