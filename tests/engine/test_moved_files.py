"""Files that are renamed, copied and rearranged between imports: a document goes where its content goes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.errors import Cancelled
from engine.importing import ImportFiles, ImportReport
from engine.jobs import Event, Monitor, Progress
from engine.session import Session

TEXTS = (
    "The lease of the mill ends in March.",
    "The tenant of the barn pays forty pounds.",
    "Deposits are returned within six weeks.",
    "Dogs are welcome in the garden only.",
)
ANSWERS = ("March", "forty pounds", "six weeks", "the garden only")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's files are."""
    path = tmp_path / "files"
    path.mkdir()
    return path


def _run(session: Session, path: Path, *, remove_missing: bool = False) -> ImportReport:
    report = ImportFiles((str(path),), remove_missing=remove_missing).run(session, Monitor())
    assert session.workspace.verify(Monitor(), deep=True).ok
    return report


def _counts(report: ImportReport) -> tuple[int, int, int, int]:
    return (
        report.documents_added, report.documents_unchanged, report.documents_replaced, report.documents_removed
    )  # fmt: skip


def _corpus(path: Path, records: Sequence[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"id": name, "text": text}) + "\n" for name, text in records))
    return path


def _asked(session: Session, folder: Path) -> None:
    """Import a question about each of the texts."""
    questions = [
        {"id": f"q{number}", "question": f"What about {number}?", "answer": answer, "context": text}
        for number, (text, answer) in enumerate(zip(TEXTS, ANSWERS, strict=True))
    ]
    path = folder.parent / "q.json"
    path.write_text(json.dumps(questions))
    _run(session, path)


def _held(session: Session) -> dict[str, str]:
    """Path, below the folder, and text of each document."""
    documents = session.workspace.documents
    return {Path(row.path).name: documents.get(row.id).text for row in documents.list()}


def _linked(session: Session) -> dict[str, tuple[str, str]]:
    """Of each question whose document is there, that document's id and its evidence."""
    known = {row.id for row in session.workspace.documents.list()}
    found: dict[str, tuple[str, str]] = {}
    for question in session.workspace.questions.every():
        if question.document_id in known:
            passages = session.workspace.documents.passages_by_id(question.evidence).values()
            found[question.id] = (question.document_id, " ".join(passage.text for passage in passages))
    return found


def _mail(path: Path, *names: str, body: str = "See below.") -> Path:
    mail = EmailMessage()
    mail["Subject"] = "Lease"
    mail.set_content(body)
    for name in names:
        text = TEXTS[int(name[0])]
        mail.add_attachment(text.encode(), maintype="text", subtype="plain", filename=name)
    path.write_bytes(mail.as_bytes())
    return path


def test_records_under_other_ids_are_the_same_documents(session: Session, folder: Path) -> None:
    path = _corpus(folder / "c.jsonl", [(str(number), text) for number, text in enumerate(TEXTS)])
    _run(session, path)
    _asked(session, folder)
    _corpus(path, [(f"doc-{number}", text) for number, text in enumerate(TEXTS)])
    assert _counts(_run(session, path)) == (0, 4, 0, 0)
    assert _held(session) == {f"c.jsonl#doc-{number}": text for number, text in enumerate(TEXTS)}
    assert _linked(session) == {f"q{number}": (f"doc-{number}", text) for number, text in enumerate(TEXTS)}
    groups = {question.id: question.group for question in session.workspace.questions.every()}
    assert groups == {f"q{number}": f"doc-{number}" for number in range(4)}


def test_a_record_taken_out_of_numbered_ones_goes_alone(session: Session, folder: Path) -> None:
    path = _corpus(folder / "c.jsonl", [(str(number), text) for number, text in enumerate(TEXTS)])
    _run(session, path)
    _asked(session, folder)
    _corpus(path, [(str(number), text) for number, text in enumerate(TEXTS[1:])])
    assert _counts(_run(session, path)) == (0, 3, 0, 1)
    assert _held(session) == {f"c.jsonl#{number}": text for number, text in enumerate(TEXTS[1:])}
    assert _linked(session) == {f"q{number + 1}": (str(number), text) for number, text in enumerate(TEXTS[1:])}


def test_a_record_put_before_numbered_ones_takes_nothing_from_them(session: Session, folder: Path) -> None:
    path = _corpus(folder / "c.jsonl", [(str(number), text) for number, text in enumerate(TEXTS)])
    _run(session, path)
    _asked(session, folder)
    _corpus(path, [(str(number), text) for number, text in enumerate(["Something new.", *TEXTS])])
    assert _counts(_run(session, path)) == (1, 4, 0, 0)
    assert _linked(session) == {f"q{number}": (str(number + 1), text) for number, text in enumerate(TEXTS)}


def test_a_run_that_learned_from_a_record_knows_it_under_its_new_id(session: Session, folder: Path) -> None:
    path = _corpus(folder / "c.jsonl", [("0", TEXTS[0]), ("1", TEXTS[1])])
    _run(session, path)
    with session.workspace.transaction() as connection:
        connection.execute("INSERT INTO runs (id, state, json) VALUES ('r', 'finished', '{}')")
        connection.executemany("INSERT INTO learned_from VALUES ('r', ?)", [("1",), ("9",)])
    _corpus(path, [("9", TEXTS[1])])
    _run(session, path)
    rows = session.workspace.connection().execute("SELECT document_id FROM learned_from").fetchall()
    assert [row[0] for row in rows] == ["9"]


def test_a_record_moves_into_another_corpus(session: Session, folder: Path) -> None:
    _corpus(folder / "a.jsonl", [("x", TEXTS[0]), ("y", TEXTS[1])])
    _corpus(folder / "b.jsonl", [("z", TEXTS[2])])
    _run(session, folder)
    _asked(session, folder)
    _corpus(folder / "a.jsonl", [("x", TEXTS[0])])
    _corpus(folder / "b.jsonl", [("z", TEXTS[2]), ("w", TEXTS[1])])
    assert _counts(_run(session, folder)) == (0, 3, 0, 0)
    assert _linked(session)["q1"] == ("w", TEXTS[1])


def test_attachments_keep_their_documents_when_one_before_them_is_taken_out(session: Session, folder: Path) -> None:
    path = _mail(folder / "z.eml", "0.txt", "1.txt", "2.txt")
    _run(session, path)
    _asked(session, folder)
    _mail(path, "1.txt", "2.txt")
    assert _counts(_run(session, path)) == (0, 2, 1, 1)
    held = _held(session)
    assert (held["z.eml#1-1.txt"], held["z.eml#2-2.txt"]) == TEXTS[1:3]
    linked = {name: text for name, (_, text) in _linked(session).items()}
    assert linked == {f"q{number}": TEXTS[number] for number in (1, 2, 3)}  # the last brought its document along
    documents = session.workspace.documents
    moved = documents.find(path=f"{path}#1-1.txt")
    assert moved is not None
    assert session.workspace.objects.read(documents.original(moved.id)) == path.read_bytes()


@pytest.mark.parametrize(("old", "new", "remove_missing"), [("mill", "windmill", False), ("windmill", "mill", True)])
def test_a_renamed_file_keeps_its_document_and_its_questions(
    session: Session, folder: Path, old: str, new: str, *, remove_missing: bool
) -> None:
    path = folder / f"{old}.txt"
    path.write_text(TEXTS[0])
    _run(session, folder)
    _asked(session, folder)
    linked = _linked(session)
    path.rename(folder / f"{new}.txt")
    assert _counts(_run(session, folder, remove_missing=remove_missing)) == (0, 1, 0, 0)
    titles = {Path(row.path).name: row.title for row in session.workspace.documents.list() if row.kind != "context"}
    assert titles == {f"{new}.txt": new}
    assert _linked(session)["q0"] == linked["q0"]
    ((passage, _),) = session.workspace.documents.passages_with_phrase(f"{new} the lease", limit=9)
    assert passage.text == TEXTS[0]  # it is indexed with its title


def test_a_renamed_mail_keeps_what_is_attached(session: Session, folder: Path) -> None:
    path = _mail(folder / "z.eml", "0.txt")
    _run(session, folder)
    path.rename(folder / "y.eml")
    assert _counts(_run(session, folder, remove_missing=True)) == (0, 2, 0, 0)
    assert sorted(_held(session)) == ["y.eml", "y.eml#1-0.txt"]


@pytest.mark.parametrize("copy", ["a copy.txt", "mill copy.txt"])  # read before the changed file, and after it
def test_the_copy_of_a_changed_file_keeps_the_old_text(session: Session, folder: Path, copy: str) -> None:
    path = folder / "mill.txt"
    path.write_text(TEXTS[0])
    _run(session, folder)
    (folder / copy).write_text(TEXTS[0])
    assert _counts(_run(session, folder)) == (0, 2, 0, 0)
    path.write_text(f"{TEXTS[0]} And so does that of the barn.")
    assert _counts(_run(session, folder)) == (1, 0, 1, 0)
    assert _held(session) == {"mill.txt": f"{TEXTS[0]} And so does that of the barn.", copy: TEXTS[0]}
    assert _counts(_run(session, folder)) == (0, 2, 0, 0)


@pytest.mark.parametrize("copy", ["a.eml", "zz.eml"])
def test_the_copy_of_a_changed_mail_keeps_what_is_attached(session: Session, folder: Path, copy: str) -> None:
    mail = _mail(folder / "z.eml", "0.txt")
    _run(session, folder)
    (folder / copy).write_bytes(mail.read_bytes())
    _mail(mail, body="Nothing is attached any more.")
    _run(session, folder)
    assert sorted(_held(session)) == sorted([copy, f"{copy}#1-0.txt", "z.eml"])


def test_files_that_change_places_keep_their_questions(session: Session, folder: Path) -> None:
    (folder / "a.txt").write_text(TEXTS[0])
    (folder / "b.txt").write_text(TEXTS[1])
    _run(session, folder)
    _asked(session, folder)
    linked = _linked(session)
    (folder / "a.txt").write_text(TEXTS[1])
    (folder / "b.txt").write_text(TEXTS[0])
    assert _counts(_run(session, folder, remove_missing=True)) == (0, 0, 2, 0)
    held = _held(session)
    assert (held["a.txt"], held["b.txt"]) == (TEXTS[1], TEXTS[0])
    assert _linked(session) == linked


def test_a_file_moved_over_another_takes_its_place(session: Session, folder: Path) -> None:
    (folder / "a.txt").write_text(TEXTS[0])
    (folder / "b.txt").write_text(TEXTS[1])
    _run(session, folder)
    (folder / "b.txt").rename(folder / "a.txt")
    assert _counts(_run(session, folder)) == (0, 0, 1, 0)
    assert _held(session) == {"a.txt": TEXTS[1]}


def test_a_file_saved_from_a_mail_stays_when_the_mail_loses_it(session: Session, folder: Path) -> None:
    mail = _mail(folder / "z.eml", "0.txt")
    _run(session, folder)
    (folder / "0.txt").write_text(TEXTS[0])
    _mail(mail, body="Nothing is attached any more.")
    assert _counts(_run(session, folder)) == (0, 1, 1, 0)
    documents = session.workspace.documents
    saved = documents.find(path=str(folder / "0.txt"))
    assert saved is not None
    assert session.workspace.objects.read(documents.original(saved.id)) == TEXTS[0].encode()


def test_a_cancelled_import_has_removed_nothing(session: Session, folder: Path) -> None:
    path = _corpus(folder / "c.jsonl", [(str(number), text) for number, text in enumerate(TEXTS)])
    (folder / "d.txt").write_text("The last file.")
    _run(session, folder)
    _corpus(path, [(str(number), text) for number, text in enumerate(TEXTS[2:])])

    def listen(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == "Reading documents" and event.done == 1:
            monitor.cancel()

    monitor = Monitor(listen=listen)
    with pytest.raises(Cancelled):
        ImportFiles((str(folder),)).run(session, monitor)
    assert set(_held(session).values()) == {*TEXTS, "The last file."}
    assert _counts(_run(session, folder)) == (0, 3, 0, 2)
    assert set(_held(session).values()) == {*TEXTS[2:], "The last file."}


def test_a_record_whose_id_makes_no_path_is_imported_again(session: Session, folder: Path) -> None:
    _corpus(folder / "c.jsonl", [("x" * 300, TEXTS[0]), ("y", TEXTS[1])])
    _run(session, folder)
    _corpus(folder / "c.jsonl", [("y", TEXTS[1])])
    assert _counts(_run(session, folder, remove_missing=True)) == (0, 1, 0, 1)


def test_a_record_that_came_as_a_context_first_is_a_document_of_its_own(session: Session, folder: Path) -> None:
    _asked(session, folder)
    assert {row.kind for row in session.workspace.documents.list()} == {"context"}
    _run(session, _corpus(folder / "c.jsonl", [(f"d{number}", text) for number, text in enumerate(TEXTS)]))
    _asked(session, folder)
    assert {row.id: row.kind for row in session.workspace.documents.list()} == {
        "d0": "record", "d1": "record", "d2": "record", "d3": "record",
    }  # fmt: skip
    assert {name: document for name, (document, _) in _linked(session).items()} == {
        "q0": "d0", "q1": "d1", "q2": "d2", "q3": "d3",
    }  # fmt: skip


def test_a_context_that_one_file_needs_no_more_is_there_for_the_next(session: Session, folder: Path) -> None:
    def write(name: str, identity: str, text: str) -> None:
        record = {"id": identity, "question": f"What of {identity}?", "answer": text.split()[-1], "context": text}
        (folder / name).write_text(json.dumps([record]))

    write("q.json", "q0", TEXTS[0])
    _run(session, folder)
    write("q.json", "q0", TEXTS[1].replace("barn", "byre"))
    write("r.json", "r0", TEXTS[0])
    _run(session, folder)
    assert {name: evidence for name, (_, evidence) in _linked(session).items()} == {
        "q0": TEXTS[1].replace("barn", "byre"), "r0": TEXTS[0],
    }  # fmt: skip
    assert len(session.workspace.documents.list()) == 2


def test_questions_stay_when_their_file_is_taken_for_a_document(session: Session, folder: Path) -> None:
    path = folder / "q.csv"
    path.write_text(f"question,answer,context\nWhat ends?,March,{TEXTS[0]}\n")
    _run(session, path)
    path.write_text(f"alpha,beta,gamma\nWhat ends?,March,{TEXTS[0]}\n")
    ImportFiles((str(path),), kind="documents").run(session, Monitor())
    assert [evidence for _, evidence in _linked(session).values()] == [TEXTS[0]]
