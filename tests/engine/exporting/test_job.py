"""A run goes from one workspace to another as one file; a package that was touched is refused."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.device import Device
from engine.errors import EngineError, ModelError, RunError, StorageError
from engine.evaluation.asked import untrained
from engine.exporting.job import ExportRun, ImportRun
from engine.exporting.package import open_package
from engine.importing import ImportFiles
from engine.jobs import Measured, Monitor
from engine.models.library import ModelLibrary
from engine.records import Fusion, Run
from engine.retrieval.job import BuildIndex
from engine.serving.job import AnswerQuestion
from engine.session import TUNED, Session
from engine.workspace.workspace import Workspace

QUESTION = "What is the dose of heparin?"


@pytest.fixture
def filled(session: Session, tmp_path: Path) -> Session:
    (tmp_path / "heparin.txt").write_text("The dose of heparin is five units an hour.", encoding="utf-8")
    ImportFiles((str(tmp_path / "heparin.txt"),)).run(session, Monitor())
    files = session.library.files("flan-t5-small")
    tuned = TUNED + session.workspace.objects.publish_folder(files)
    run = Run("all-1", "all", "all-MiniLM-L6-v2", tuned, Fusion(0.7), kept=True, reason="Kept.", after={"f1": 0.5})
    session.workspace.runs.add(run)
    session.workspace.runs.add_point("all-1", Measured(3, {"generator/train_loss": 1.5}))
    session.workspace.runs.save_report("all-1", "test", '{"run": "all-1", "per_question": "/home/me/q.jsonl"}')
    session.workspace.runs.save_report("all-1", "test/questions", '[{"question": "a patient"}]')
    BuildIndex("all-1").run(session, Monitor())
    return session


@pytest.fixture
def other(tmp_path: Path, tiny_library: ModelLibrary) -> Session:
    workspace = Workspace.create(tmp_path / "other")
    return Session(workspace=workspace, library=tiny_library, device=Device.detect("cpu"))


def test_a_run_moves_with_models_vectors_curves_and_scores(filled: Session, other: Session, tmp_path: Path) -> None:
    package = tmp_path / "all-1.vademecum"
    exported = ExportRun("all-1", str(package)).run(filled, Monitor())
    assert (exported.package, exported.size_bytes) == (str(package), package.stat().st_size)
    ImportFiles((str(tmp_path / "heparin.txt"),)).run(other, Monitor())
    imported = ImportRun(str(package)).run(other, Monitor())
    assert (imported.run, imported.digest) == ("all-1", exported.digest)
    run = other.workspace.runs.get("all-1")
    assert (run.encoder, run.fusion, run.after, run.parent) == (
        "all-MiniLM-L6-v2", Fusion(0.7), {"f1": 0.5}, "base",
    )  # fmt: skip
    assert run.generator.startswith(TUNED)
    assert other.workspace.runs.points("all-1") == (Measured(3, {"generator/train_loss": 1.5}),)
    assert other.workspace.runs.active == "base"
    assert BuildIndex("all-1").run(other, Monitor()).embedded == 0  # the vectors came along
    mine = AnswerQuestion(QUESTION, run_name="all-1").run(filled, Monitor())
    theirs = AnswerQuestion(QUESTION, run_name="all-1").run(other, Monitor())
    assert mine.answer == theirs.answer
    assert other.workspace.verify(Monitor(), deep=True).ok
    assert ImportRun(str(package)).run(other, Monitor()).run == "all-1-2"
    other.close()


def test_what_a_run_learned_from_comes_along(filled: Session, other: Session, tmp_path: Path) -> None:
    (document,) = filled.workspace.documents.list()
    filled.workspace.runs.learned_from("all-1", [document.id, "gone"])
    ExportRun("all-1", str(tmp_path / "p")).run(filled, Monitor())
    same = replace(filled.workspace.documents.get(document.id), id="by-another-name")
    other.workspace.documents.add(same, ())
    ImportRun(str(tmp_path / "p")).run(other, Monitor())
    assert other.workspace.runs.learned("all-1") == {"by-another-name", "gone"}
    assert other.workspace.documents.remove(["by-another-name"]).runs_that_learned_from_it == ("all-1",)
    other.close()


def test_questions_a_run_was_trained_on_elsewhere_are_known_by_what_they_ask_of_what(
    filled: Session, other: Session, tmp_path: Path
) -> None:
    """The same questions under other ids, imported after the run; another document's question of the same words."""
    (tmp_path / "aspirin.txt").write_text("The dose is ten units. Heparin is not mentioned.", encoding="utf-8")
    record = {"question": "Is a dose given?", "answer": "dose"}
    records = [
        {"id": "1", "split": "test", "document": "heparin.txt", **record},
        {"id": "2", "split": "test", "document": "aspirin.txt", **record},
    ]
    for session, ids in ((filled, "12"), (other, "78")):
        named = [one | {"id": name} for one, name in zip(records, ids, strict=True)]
        (tmp_path / "q.json").write_text(json.dumps(named), encoding="utf-8")
        paths = [tmp_path / name for name in ("heparin.txt", "aspirin.txt", "q.json")]
        ImportFiles(tuple(map(str, paths))).run(session, Monitor())
        if session is filled:
            filled.workspace.runs.trained_on("all-1", ["1"])
            ExportRun("all-1", str(tmp_path / "p")).run(filled, Monitor())
            ImportRun(str(tmp_path / "p")).run(other, Monitor())
            ExportRun("all-1", str(tmp_path / "again")).run(other, Monitor())
    for session in (filled, other):
        asked = untrained(session, session.workspace.questions.list("test"), ["all-1"])
        (document,) = {question.document_id for question in asked}
        assert session.workspace.documents.get(document).title == "aspirin"
    with open_package(tmp_path / "p") as first, open_package(tmp_path / "again") as second:
        assert first.manifest.trained_on == second.manifest.trained_on != ()
    other.close()


def test_no_question_text_or_path_is_in_a_package(filled: Session, tmp_path: Path) -> None:
    package = tmp_path / "p.vademecum"
    ExportRun("all-1", str(package)).run(filled, Monitor())
    content = package.read_bytes()
    for private in (b"a patient", b"/home/me", b"five units", str(tmp_path).encode()):
        assert private not in content


def test_a_run_that_has_not_ended_and_a_taken_name_are_refused(filled: Session, tmp_path: Path) -> None:
    filled.workspace.runs.add(Run("half", "all", "e", "g", Fusion(), state="interrupted"))
    with pytest.raises(RunError, match="has not ended"):
        ExportRun("half", str(tmp_path / "p")).run(filled, Monitor())
    (tmp_path / "there").write_text("x", encoding="utf-8")
    with pytest.raises(RunError, match="there already"):
        ExportRun("all-1", str(tmp_path / "there")).run(filled, Monitor())
    assert (tmp_path / "there").read_text(encoding="utf-8") == "x"


def _rewritten(change: Callable[[dict[str, bytes]], None], *, method: int = zipfile.ZIP_STORED) -> Callable[..., None]:
    def spoil(path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        change(files)
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in files.items():
                archive.writestr(name, data)

    return spoil


def _manifest(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps(json.loads(files["manifest.json"]) | changes).encode()

    return change


def _run_called(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        described = json.loads(files["manifest.json"])["run"]
        _manifest(run=described | {"id": name})(files)

    return change


def _hostile_model(files: dict[str, bytes]) -> None:
    import hashlib

    name = "models/generator/config.json"
    files[name] = json.dumps(json.loads(files[name]) | {"auto_map": {"AutoModel": "evil.Model"}}).encode()
    manifest = json.loads(files["manifest.json"])
    manifest["files"][name] = {"sha256": hashlib.sha256(files[name]).hexdigest(), "size_bytes": len(files[name])}
    files["manifest.json"] = json.dumps(manifest).encode()


def _no_vectors(files: dict[str, bytes]) -> None:
    del files["index/vectors.f32"]
    members = json.loads(files["manifest.json"])["files"]
    _manifest(files={name: member for name, member in members.items() if name in files})(files)


def _flip(files: dict[str, bytes]) -> None:
    name = "models/generator/model.safetensors"
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


def _overwritten(place: Callable[[bytes], int], value: int) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place(data)] = value
        path.write_bytes(data)

    return spoil


def _encrypted_mark(data: bytes) -> int:
    """Where the directory at the end says so of the last member."""
    return data.rindex(b"PK\1\2") + 8


SPOILT: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped bit": (_rewritten(_flip), "is damaged"),
    "a byte on its way": (
        _overwritten(lambda data: data.index(b"model.safetensors", data.index(b"PK\3\4", 4)) + 30, 0xFE),
        "model.safetensors of the package is damaged",
    ),
    "said to be encrypted": (_overwritten(_encrypted_mark, 1), "of the package is damaged"),
    "a file more": (_rewritten(lambda files: files.update({"models/x/run.py": b"x"})), "other files"),
    "a file less": (_rewritten(lambda files: files.pop("models/encoder/config.json") and None), "other files"),
    "a way out": (_rewritten(lambda files: files.update({"../../evil": b"x"})), "other files"),
    "compressed": (_rewritten(lambda files: None, method=zipfile.ZIP_DEFLATED), "compressed"),
    "newer": (_rewritten(_manifest(format=99)), "newer version"),
    "an id that is a path": (_rewritten(_run_called("/tmp/evil")), "can't be the id"),
    "a report on no split": (_rewritten(_manifest(reports={"test/questions": "[]"})), "which is no split"),
    "no manifest": (_rewritten(lambda files: files.pop("manifest.json") and None), "no package"),
    "vectors it lacks": (_rewritten(_no_vectors), "index of the package is damaged"),
    "code in a model": (_rewritten(_hostile_model), "its own program code"),
    "half a file": (lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]), "no package"),
    "something else": (lambda path: path.write_bytes(b"hello") and None, "no package"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_a_touched_package_is_refused_and_leaves_nothing(filled: Session, tmp_path: Path, kind: str) -> None:
    spoil, reason = SPOILT[kind]
    package = tmp_path / "p.vademecum"
    ExportRun("all-1", str(package)).run(filled, Monitor())
    spoil(package)
    held = set(filled.workspace.path.rglob("*"))
    with pytest.raises(EngineError) as refused:
        ImportRun(str(package)).run(filled, Monitor())
    assert isinstance(refused.value, RunError | ModelError)
    assert reason in refused.value.message and refused.value.hint
    assert [run.id for run in filled.workspace.runs.list()] == ["all-1"]
    assert {path for path in filled.workspace.path.rglob("*") if path not in held and "objects" in path.parts} == set()


def test_a_package_that_can_have_no_such_name_is_a_sentence(session: Session, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="longer name than this disk takes"):
        ExportRun("base", str(tmp_path / ("x" * 300))).run(session, Monitor())
