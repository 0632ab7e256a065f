"""The command line: what goes where, exit codes, and errors as sentences."""

from __future__ import annotations

import builtins
import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import engine.__main__ as entry
from engine.cli.call import Call
from engine.cli.console import Console, in_words
from engine.errors import Cancelled
from engine.jobs import Measured, Monitor, Progress, Skipped, Token
from engine.serving.job import SearchMany, SearchResult
from engine.workspace import previous
from engine.workspace.job import ReadStatus
from engine.workspace.workspace import Workspace
from tests.engine.documents import example_files

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The filter can't be taken back, and other tests of this process need sockets; the journey runs with it.
    monkeypatch.setattr(entry, "go_offline", lambda: True)
    monkeypatch.delenv("VADEMECUM_PASSPHRASE", raising=False)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setattr("engine.cli.log.platformdirs.user_log_path", lambda *_, **__: tmp_path / "log")


@pytest.fixture
def workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    path = tmp_path / "matter"
    assert entry.main(["new", str(path), "--no-passphrase"]) == 0
    capsys.readouterr()
    return path


def _json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The one line of stdout."""
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1, lines
    return json.loads(lines[0])


def test_a_question_is_added_with_an_answer_or_as_one_that_has_none(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["question", str(workspace), "add", "--question", "Who pays?"]
    assert entry.main(add) != 0
    assert "The question has no answer." in capsys.readouterr().err
    assert entry.main([*add, "--unanswerable", "--json"]) == 0
    made = _json(capsys)
    assert entry.main(["question", str(workspace), "edit", made["id"], "--answer", "the tenant", "--json"]) == 0
    edited = _json(capsys)
    assert (made["unanswerable"], edited["unanswerable"], edited["answers"]) == (True, False, ["the tenant"])


def test_new_makes_an_unprotected_workspace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "matter"

    code = entry.main(["new", str(path), "--no-passphrase", "--name", "Cardiology", "--json"])

    made = _json(capsys)
    assert code == 0
    assert made == {"workspace": str(path), "id": made["id"], "name": "Cardiology", "schema": 1, "protected": False}


def test_new_asks_for_a_decision_about_the_passphrase(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = entry.main(["new", str(tmp_path / "matter"), "--json"])

    assert code == 2
    assert "--no-passphrase" in _json(capsys)["error"]["message"]
    assert not (tmp_path / "matter").exists()


def test_a_protected_workspace_opens_with_its_passphrase_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key, wrong = str(tmp_path / "matter"), tmp_path / "key", tmp_path / "wrong"
    key.write_text("correct horse\n", encoding="utf-8")
    wrong.write_text("battery staple\n", encoding="utf-8")

    assert entry.main(["new", path, "--passphrase-file", str(key), "--json"]) == 0
    assert _json(capsys)["protected"] is True
    assert entry.main(["status", path, "--passphrase-file", str(wrong), "--json"]) == 1
    assert _json(capsys)["error"]["type"] == "PassphraseError"
    assert entry.main(["status", path, "--json"]) == 1
    assert _json(capsys)["error"]["type"] == "PassphraseError"
    monkeypatch.setenv("VADEMECUM_PASSPHRASE", "correct horse")
    assert entry.main(["status", path, "--json"]) == 0
    assert _json(capsys)["protected"] is True


def test_files_from_notepad_hold_the_passphrase_or_the_token_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, key = str(tmp_path / "matter"), tmp_path / "key.txt"
    key.write_bytes(b"\xef\xbb\xbfcorrect horse battery\r\n")
    assert entry.main(["new", path, "--passphrase-file", str(key)]) == 0
    monkeypatch.setenv("VADEMECUM_PASSPHRASE", "correct horse battery")
    assert entry.main(["status", path]) == 0
    capsys.readouterr()
    assert entry.main(["serve", path, "--token-file", str(key), "--host", "192.0.2.1", "--json"]) == 1
    assert "192.0.2.1" in _json(capsys)["error"]["message"]


def test_a_passphrase_and_none_can_not_be_meant_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key"
    key.write_text("correct horse", encoding="utf-8")
    path = tmp_path / "matter"
    assert entry.main(["new", str(path), "--passphrase-file", str(key), "--no-passphrase", "--json"]) == 2
    assert "--passphrase-file or --no-passphrase" in _json(capsys)["error"]["message"]
    assert not path.exists()


def test_a_path_that_can_not_be_read_is_an_error_of_its_own_and_no_wrong_usage(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good, closed = tmp_path / "good.txt", tmp_path / "closed.txt"
    for path in (good, closed):
        path.write_text(f"The {path.stem} clause.", encoding="utf-8")
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, *given, **more: Path(path) != closed and may(path, *given, **more))
    opened = Path.open

    def refusing(path: Path, *given: Any, **more: Any) -> object:
        if path == closed:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *given, **more)

    monkeypatch.setattr(Path, "open", refusing)  # for root no file is closed

    assert entry.main(["import", str(workspace), str(closed), str(good), "--json"]) == 0
    report = _json(capsys)
    assert report["documents"]["added"] == 1
    assert [skipped["path"] for skipped in report["skipped"]] == [str(closed)]
    assert entry.main(["status", str(workspace), "--passphrase-file", str(closed), "--json"]) == 1
    assert _json(capsys)["error"]["type"] == "PassphraseError"


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\xfa"])
def test_a_passphrase_file_that_says_nothing_is_an_error(
    content: bytes | None, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)

    assert entry.main(["status", str(workspace), "--passphrase-file", str(file), "--json"]) == 1
    error = _json(capsys)["error"]
    assert error["type"] == "PassphraseError"
    assert error["hint"]


def test_status_has_the_keys_of_the_contract(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["status", str(workspace), "--json"]) == 0

    found = _json(capsys)
    assert found.keys() >= {"documents", "passages", "questions", "runs", "active", "index_version"}
    assert found["questions"] == {"train": 0, "validation": 0, "test": 0}
    assert found["active"] == "base"


def test_an_error_is_a_sentence_and_a_hint_on_stderr_and_json_on_stdout(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = entry.main(["status", str(tmp_path / "nowhere"), "--json"])

    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    assert code == 1
    assert error.keys() == {"type", "message", "hint"}
    assert error["type"] == "WorkspaceError"
    assert printed.err.splitlines() == [error["message"], error["hint"]]


def test_without_json_an_error_leaves_stdout_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["status", str(tmp_path / "nowhere")]) == 1

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["status"],
        ["unheard-of"],
        ["status", "x", "--unheard-of"],
        ["train", "x", "--what", "jointly"],
        ["search", "x"],
        ["ask", "x"],
        ["search", "x", "query", "--top-k", "0"],
        ["models", "import"],
        ["models", "list", "more"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(arguments) == 2

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err


def test_what_can_be_trained_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["train", "x", "--what", "jointly"]) == 2

    assert "'retriever', 'generator', 'joint', 'all'" in capsys.readouterr().err


class Panic(BaseException):
    """Stands in for pyo3_runtime.PanicException: what Rust's panics are is no Exception."""


@pytest.mark.parametrize("bug", [ZeroDivisionError, Panic])
def test_a_bug_is_a_sentence_and_the_place_of_the_log(
    workspace: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    bug: type[BaseException],
) -> None:
    def broken(self: ReadStatus, session: object, monitor: Monitor) -> None:
        raise bug("patient name")

    monkeypatch.setattr(ReadStatus, "run", broken)

    assert entry.main(["status", str(workspace), "--json"]) == 1
    printed = capsys.readouterr()
    error = json.loads(printed.out)["error"]
    log = tmp_path / "log" / "engine.log"
    assert error["type"] == "Bug"
    assert str(log) in error["hint"]
    assert "Traceback" not in printed.out + printed.err
    assert bug.__name__ in log.read_text(encoding="utf-8")
    if os.name == "posix":
        assert log.stat().st_mode & 0o777 == 0o600


def test_what_a_library_prints_stays_off_stdout(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ReadStatus.run

    def chatty(self: ReadStatus, session: Any, monitor: Monitor) -> object:
        sys.stdout.write("downloading…\n")
        return run(self, session, monitor)

    monkeypatch.setattr(ReadStatus, "run", chatty)

    assert entry.main(["status", str(workspace), "--json"]) == 0
    _json(capsys)


@dataclass(frozen=True, slots=True)
class _Waits:
    """Reports until it is cancelled, and says so to whoever waits for it."""

    started: threading.Event

    def run(self, session: object, monitor: Monitor) -> None:
        self.started.set()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            monitor.progress("Waiting", 1, 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_the_job_at_its_next_report(number: signal.Signals) -> None:
    started = threading.Event()
    before = signal.getsignal(number)

    def send() -> None:
        started.wait(10)
        os.kill(os.getpid(), number)

    sender = threading.Thread(target=send)
    sender.start()
    with pytest.raises(Cancelled):
        Call(Console()).run(_Waits(started), None)  # type: ignore[arg-type]  # the job needs no session
    sender.join()

    assert signal.getsignal(number) == before


def test_cancelled_is_exit_code_130(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(self: ReadStatus, session: object, monitor: Monitor) -> None:
        raise Cancelled

    monkeypatch.setattr(ReadStatus, "run", cancelled)

    assert entry.main(["status", str(workspace), "--json"]) == 130
    assert _json(capsys)["error"]["type"] == "Cancelled"


def test_answers_that_are_ready_are_written_before_a_cancel(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(self: SearchMany, session: object, monitor: Monitor) -> tuple[SearchResult, ...]:
        if "stop" in self.questions:
            raise Cancelled
        return tuple(SearchResult(question, "base", ()) for question in self.questions)

    monkeypatch.setattr(SearchMany, "run", found)
    batch = tmp_path / "batch.jsonl"
    asked = ["go"] * 32 + ["stop"]  # as many as the engine answers together, and one more
    batch.write_text(
        "".join(json.dumps({"id": n, "question": q}) + "\n" for n, q in enumerate(asked)), encoding="utf-8"
    )

    assert entry.main(["search", str(workspace), "--batch", str(batch), "--device", "cpu"]) == 130
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()] == list(range(32))


def test_ctrl_c_outside_a_job_is_told_like_one_within(
    workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object, **more: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Workspace, "open", interrupted)
        assert entry.main(["status", str(workspace), "--json"]) == 130
    assert _json(capsys)["error"]["type"] == "Cancelled"
    load = builtins.__import__
    monkeypatch.setattr(
        builtins, "__import__", lambda name, *rest: interrupted() if name == "engine.cli.app" else load(name, *rest)
    )
    assert entry.main(["status", str(workspace), "--json"]) == 130
    assert _json(capsys)["error"]["type"] == "Cancelled"


class _Terminal(StringIO):
    """Both streams of a command, as a person sees them."""

    def isatty(self) -> bool:
        return True


def test_progress_bars_leave_an_answer_on_the_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = _Terminal()
    console = Console(streaming=True, out=terminal, err=terminal)
    with console.listening():
        console.listen(Progress("Embedding passages", 1, 2))
        console.listen(Token("5 "))
        console.listen(Token("mg"))
    assert terminal.getvalue().endswith("5 mg")


def test_events_are_json_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(events=True)
    with console.listening():
        for event in (
            Progress("Reading", 0, 2, None),
            Skipped("a.pdf", "It is empty."),
            Measured(3, {"train_loss": 0.5}),
            Token("Yes"),
            Progress("Reading", 2, 2, 0.0),
        ):
            console.listen(event)

    printed = capsys.readouterr()
    assert printed.out == ""
    assert [json.loads(line) for line in printed.err.splitlines()] == [
        {"event": "progress", "stage": "Reading", "done": 0, "total": 2, "left_s": None},
        {"event": "skipped", "item": "a.pdf", "reason": "It is empty."},
        {"event": "measured", "step": 3, "values": {"train_loss": 0.5}},
        {"event": "token", "text": "Yes"},
        {"event": "progress", "stage": "Reading", "done": 2, "total": 2, "left_s": 0.0},
    ]


def test_many_reports_of_one_stage_are_thinned_out(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(events=True)
    for done in range(10_001):
        console.listen(Progress("Reading", done, 10_000))

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) < 100
    assert json.loads(lines[-1])["done"] == 10_000


def test_durations_are_said_in_words() -> None:
    assert [in_words(seconds) for seconds in (4.2, 89, 600, 7200)] == ["4 s", "89 s", "10 min", "2.0 h"]


def test_nan_never_gets_into_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Console(as_json=True).result({"value": float("nan")}, "")


def test_doctor_finds_the_network_denied() -> None:
    done = _started("doctor", "--json", "--device", "cpu")

    found = json.loads(done.stdout)
    assert done.returncode == 0
    assert found.keys() >= {"device", "precision", "cores", "memory_bytes", "network"}
    if sys.platform == "linux":
        assert found["network"] == "denied"
    assert found["precision"] in ("fp32", "bf16")
    assert "missing" not in found["libraries"].values()


def test_cheap_commands_import_neither_torch_nor_transformers(workspace: Path) -> None:
    code = (
        "import sys; from engine.__main__ import main; code = main(sys.argv[1:]);"
        "heavy = {'torch', 'transformers', 'faiss', 'datasets', 'ctranslate2', 'numpy'} & set(sys.modules);"
        "sys.exit(f'imported {heavy}' if heavy - {'numpy'} else code)"
    )
    for command in ("status", "documents", "questions", "verify"):
        subprocess.run(
            [sys.executable, "-c", code, command, str(workspace)], cwd=REPOSITORY, check=True, capture_output=True
        )


def test_a_workspace_is_had_back_as_it_was_before_an_update(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert entry.main(["restore", str(workspace), "--json"]) == 1
    assert "no state from before an update" in _json(capsys)["error"]["message"]
    previous.keep(workspace)
    assert entry.main(["restore", str(workspace), "--json"]) == 0
    assert _json(capsys) == {"workspace": str(workspace), "schema": 1}
    assert entry.main(["verify", str(workspace)]) == 0


@pytest.mark.parametrize("named", ["matter", "nowhere"])
def test_the_reader_of_a_pipe_may_leave_early(workspace: Path, named: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "engine", "status", str(workspace.with_name(named)), "--json"],
            cwd=REPOSITORY,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)

    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")
@pytest.mark.parametrize(
    ("named", "told"), [("matter", "The output can't be written: No space left on device."), ("nowhere", "no folder")]
)
def test_an_output_that_can_not_be_written_is_a_sentence(workspace: Path, named: str, told: str) -> None:
    done = _redirected(">/dev/full", "status", str(workspace.with_name(named)), "--json")

    assert done.returncode == 1
    assert told in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) == 2  # the sentence and the hint, and nothing of the interpreter's


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sh")
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_stop_nothing(workspace: Path, closed: str) -> None:
    done = _redirected(closed, "import", str(workspace), str(REPOSITORY / "LICENSE"), "--json")

    assert (done.returncode, done.stderr) == (0, "")


def _redirected(redirection: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    started = ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-m", "engine", *arguments]
    return subprocess.run(started, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def _started(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "engine", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_protected_documents_take_their_passwords_from_a_file_or_the_variable(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = tmp_path / "secret.pdf"
    locked.write_bytes(example_files.encrypted_pdf("Secret words", password="open sesame"))
    assert entry.main(["import", str(workspace), str(locked), "--json"]) == 1
    assert "protected with a password" in _json(capsys)["error"]["message"]
    passwords = tmp_path / "passwords.txt"
    passwords.write_text("wrong\n", encoding="utf-8")
    assert entry.main(["import", str(workspace), str(locked), "--password-file", str(passwords), "--json"]) == 1
    assert "The password for secret.pdf is wrong." in _json(capsys)["error"]["message"]
    passwords.write_text("wrong\nopen sesame\n", encoding="utf-8")
    assert entry.main(["import", str(workspace), str(locked), "--password-file", str(passwords), "--json"]) == 0
    assert _json(capsys)["documents"]["added"] == 1
    again = tmp_path / "again.pdf"
    again.write_bytes(example_files.encrypted_pdf("More secret words", password="sesame"))
    monkeypatch.setenv("VADEMECUM_DOCUMENT_PASSWORD", "sesame")
    assert entry.main(["import", str(workspace), str(again), "--json"]) == 0
    assert _json(capsys)["documents"]["added"] == 1


def test_a_run_is_exported_and_imported(
    workspace: Path,
    tiny_models: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VADEMECUM_MODELS", str(tiny_models))
    package = tmp_path / "base.vademecum"
    assert entry.main(["export", str(workspace), "base", str(package), "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert {"package", "digest", "size_bytes"} <= exported.keys()
    assert entry.main(["import-run", str(workspace), str(package), "--json"]) == 0
    imported = json.loads(capsys.readouterr().out)
    assert (imported["digest"], imported["run"]) == (exported["digest"], "base-2")


def test_a_line_of_a_batch_that_cant_be_used_stops_nothing(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = ["[" * 100_000, '{"id": NaN, "question": "Who?"}', '{"id": 1e999, "question": "Who?"}', '"Who?"']
    bad.append('{"id": 2, "question": "W\udce4r?"}')  # a byte that is no UTF-8
    good = ['{"id": 1, "question": "Who\u2028or\x85what?"}', '{"id": "last", "question": "Who?"}']
    lines = "\ufeff" + "\r\n".join([good[0], *bad, good[1]])
    (tmp_path / "batch.jsonl").write_bytes(lines.encode("utf-8", "surrogateescape"))

    ask = ["search", str(workspace), "--mode", "lexical", "--batch", str(tmp_path / "batch.jsonl")]
    assert entry.main(ask) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.split("\n") if line]
    assert [row["id"] for row in rows] == [1, *[None] * len(bad), "last"]
    assert ["error" in row for row in rows] == [False, *[True] * len(bad), False]


def test_tags_are_given_listed_and_searched_within(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dose", "mask"):
        (tmp_path / f"{name}.txt").write_text(f"The {name} of the ward is written down here.", encoding="utf-8")
        assert entry.main(["import", str(workspace), str(tmp_path / f"{name}.txt")]) == 0
    capsys.readouterr()
    assert entry.main(["documents", str(workspace), "--json"]) == 0
    ids = {row["title"]: row["id"] for row in _json(capsys)["documents"]}

    assert entry.main(["tag", str(workspace), ids["mask"], "--add", "ICU", "--json"]) == 0
    assert _json(capsys) == {"documents": [{"id": ids["mask"], "tags": ["ICU"]}]}
    within = ["search", str(workspace), "ward", "--mode", "lexical", "--json"]
    found: list[list[str]] = []
    for scope in (["--tag", "ICU"], ["--document", ids["dose"]], ["--folder", str(tmp_path), "--since", "2000-01-01"]):
        assert entry.main([*within, *scope]) == 0
        found.append(sorted(passage["title"] for passage in _json(capsys)["passages"]))
    assert found == [["mask"], ["dose"], ["dose", "mask"]]
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    for scope in (["--document", "../dose.txt"], ["--folder", "..", "--tag", "ICU"]):
        assert entry.main([*within, *scope]) == 0
        found.append([passage["title"] for passage in _json(capsys)["passages"]])
    assert found[3:] == [["dose"], ["mask"]]
    assert entry.main([*within, "--tag", "none"]) == 1
    assert "No document is within these filters" in _json(capsys)["error"]["message"]


@pytest.mark.skipif(sys.platform == "win32", reason="there a home folder is the system's")
def test_a_user_without_a_home_folder_is_told_to_set_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert entry.main(["models", "list", "--json"]) == 1
    assert _json(capsys)["error"] == {
        "type": "HomeError",
        "message": "There is no home folder for this user.",
        "hint": "Set HOME to the full path of a folder that can be written, and try again.",
    }
