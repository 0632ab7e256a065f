"""Files through the parser child."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from engine.documents import parser_child
from engine.documents import reader as reader_module
from engine.documents.parser_child import parse
from engine.documents.reader import Reader, child_command
from engine.errors import Cancelled, DocumentError
from tests.engine.documents import example_files

FILES = Path(__file__).resolve().parents[4] / "shared" / "data" / "files"
REASONS = {
    "pdf_zero_bytes.pdf": "is empty",
    "pdf_encrypted_userpw2.pdf": "password",
    "pdf_header_only.pdf": "damaged",
    "docx_protected.docx": "password",
    "docx_really_html.docx": "holds an HTML page",
    "docx_truncated.docx": "cut off",
    "doc_legacy.doc": "a legacy Word document (.doc)",
    "txt_empty.txt": "is empty",
}

# A child that does with a file what the file's name says.
MISBEHAVING = """
import os, sys, time, pathlib
from engine.documents import parser_child
real = parser_child.parse
read = []
def parse(path, *rest):
    read.append(path)
    if "heavy" in path.name and len(read) > 1: return parser_child.Reply(message="no memory", unforeseen=True)
    if "hang" in path.name: time.sleep(60)
    if "crash" in path.name: os.kill(os.getpid(), 11)
    if "babble" in path.name: os.write(int(sys.argv[1]) if len(sys.argv) > 1 else 1, b"noise")
    if "huge" in path.name: return parser_child.Reply(message="x" * 10_000_000)
    return real(path, *rest)
parser_child.parse = parse
parser_child.main()
"""


@pytest.fixture
def reader() -> Iterator[Reader]:
    with Reader() as reader:
        yield reader


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> None:
    start = f"import sys; sys.path[:] = {json.dumps([entry for entry in sys.path if entry])}\n{MISBEHAVING}"
    monkeypatch.setattr(reader_module, "child_command", lambda: [sys.executable, "-c", start])


def _text_file(folder: Path, name: str, text: str = "words") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_comes_back_with_the_digest_of_its_bytes(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(example_files.pdf("First", "Second", title="Guide"))
    read = reader.read(path)
    assert (read.content.kind, read.content.title, len(read.content.page_starts)) == ("pdf", "Guide", 2)
    assert read.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_encoding_is_told_in_the_child_though_it_writes_no_file(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Patienten fick läkemedel på måndag.".encode("cp1252"))
    assert reader.read(path).content.text == "Patienten fick läkemedel på måndag."


def test_one_child_reads_all_files(reader: Reader, tmp_path: Path) -> None:
    processes = set()
    for number in range(3):
        reader.read(_text_file(tmp_path, f"{number}.txt"))
        assert reader._child is not None
        processes.add(reader._child.pid)
    assert len(processes) == 1


def test_a_file_that_is_gone_or_is_no_document_is_a_sentence(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"gone\.txt can't be read: No such file"):
        reader.read(tmp_path / "gone.txt")
    with pytest.raises(DocumentError, match="not a document"):
        reader.read(_text_file(tmp_path, "a.json", "{}"))


@pytest.mark.usefixtures("misbehaving")
def test_a_crash_costs_one_file(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"crash\.txt made its reader crash"):
        reader.read(_text_file(tmp_path, "crash.txt"))
    assert reader.read(_text_file(tmp_path, "good.txt")).content.text == "words"


@pytest.mark.usefixtures("misbehaving")
def test_what_fails_after_other_files_is_tried_once_more_by_a_new_child(reader: Reader, tmp_path: Path) -> None:
    reader.read(_text_file(tmp_path, "good.txt"))
    first = reader._child
    assert reader.read(_text_file(tmp_path, "heavy.txt")).content.text == "words"
    assert reader._child is not first
    with pytest.raises(DocumentError, match=r"crash\.txt made its reader crash"):
        reader.read(_text_file(tmp_path, "crash.txt"))


@pytest.mark.usefixtures("misbehaving")
def test_a_hang_costs_one_file_and_its_time(reader: Reader, tmp_path: Path) -> None:
    reader.read(_text_file(tmp_path, "good.txt"))
    reader.silence_s = 0.3
    with pytest.raises(DocumentError, match=r"hang\.txt takes too long"):
        reader.read(_text_file(tmp_path, "hang.txt"))
    reader.silence_s = 60.0
    assert reader.read(_text_file(tmp_path, "good.txt")).content.text == "words"


@pytest.mark.usefixtures("misbehaving")
def test_an_oversized_reply_costs_one_file(reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_REPLY_BYTES_MAX", 1_000_000)
    with pytest.raises(DocumentError, match="crash"):
        reader.read(_text_file(tmp_path, "huge.txt"))
    assert reader.read(_text_file(tmp_path, "good.txt")).content.text == "words"


@pytest.mark.usefixtures("misbehaving")
def test_what_a_parser_prints_does_not_disturb(reader: Reader, tmp_path: Path) -> None:
    assert reader.read(_text_file(tmp_path, "babble.txt")).content.text == "words"


@pytest.mark.usefixtures("misbehaving")
def test_cancel_ends_the_child_at_once(reader: Reader, tmp_path: Path) -> None:
    reader.read(_text_file(tmp_path, "good.txt"))
    child = reader._child
    assert child is not None

    def check() -> None:
        raise Cancelled

    began = time.monotonic()
    with pytest.raises(Cancelled):
        reader.read(_text_file(tmp_path, "hang.txt"), check=check)
    assert time.monotonic() - began < 2
    assert child.returncode is not None  # waited for: no zombie
    assert reader.read(_text_file(tmp_path, "good.txt")).content.text == "words"


def test_a_child_that_died_between_files_is_replaced(reader: Reader, tmp_path: Path) -> None:
    reader.read(_text_file(tmp_path, "a.txt"))
    assert reader._child is not None
    reader._child.kill()
    reader._child.wait()
    assert reader.read(_text_file(tmp_path, "b.txt")).content.text == "words"


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_no_passphrase_is_in_the_childs_environment(
    reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADEMECUM_PASSPHRASE", "correct horse")
    monkeypatch.setenv("VADEMECUM_DOCUMENT_PASSWORD", "sesame")
    reader.read(_text_file(tmp_path, "a.txt"))
    assert reader._child is not None
    given = Path(f"/proc/{reader._child.pid}/environ").read_bytes()
    assert b"PATH=" in given and b"VADEMECUM" not in given


def test_the_child_makes_no_socket_no_process_and_no_large_memory() -> None:
    attempts = """
import ctypes, json, mmap, os, socket, subprocess, sys
from engine.documents import parser_child
parser_child.close_doors()
def refused(act):
    try:
        act()
    except (OSError, MemoryError) as error:
        return type(error).__name__
    return "allowed"
def write():
    with open(sys.argv[1], "wb", buffering=0) as file:
        file.write(b"x")
print(json.dumps([
    refused(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM)),
    refused(lambda: subprocess.run(["true"])),
    refused(lambda: os.system("true")),
    refused(lambda: bytearray(3 << 30)),
    refused(write),
    refused(lambda: mmap.mmap(-1, 3 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)),
]))
"""
    command = child_command()
    start = command[-1].split("from engine")[0] + attempts
    done = subprocess.run([*command[:-1], start, os.devnull + "-not"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)[:4] == ["PermissionError", "PermissionError", "PermissionError", "MemoryError"]
    assert json.loads(done.stdout)[4] != "allowed"
    assert json.loads(done.stdout)[5] == "allowed"  # what is only reserved: on a machine with many cores it is much


def test_the_child_loads_neither_torch_nor_the_workspace() -> None:
    command = child_command()
    start = command[-1].replace("main()", "import sys; print(sorted(sys.modules))", 1).split("; main")[0]
    start = start.replace("import main", "import main as _")
    loaded = subprocess.run([*command[:-1], start], capture_output=True, text=True, check=True).stdout
    assert "engine.documents.parser_child" in loaded
    for name in ("torch", "transformers", "sqlcipher3", "engine.workspace"):
        assert f"'{name}'" not in loaded


def test_too_large_a_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_child, "FILE_BYTES_MAX", 3)
    assert "larger than" in parse(_text_file(tmp_path, "a.txt")).message


def test_what_a_library_raises_becomes_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(data: bytes, report: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(parser_child, "_reader", lambda kind, reading: fail)
    reply = parse(_text_file(tmp_path, "a.txt"))
    assert reply.message == "a.txt can't be read: it is damaged (ZeroDivisionError)."
    assert reply.hint and reply.unforeseen


def test_frames_survive_the_way_there_and_back(tmp_path: Path) -> None:
    reply = parse(_text_file(tmp_path, "a.md", "# Title\n\nwords"))
    assert msgspec.json.decode(msgspec.json.encode(reply), type=parser_child.Reply) == reply


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not FILES.is_dir(), reason="the example files are not in this checkout")
def test_every_real_file_is_read_or_refused_as_the_manifest_says(reader: Reader) -> None:
    with (FILES / "MANIFEST.tsv").open(encoding="utf-8", newline="") as manifest:
        rows = list(csv.DictReader(manifest, delimiter="\t"))
    wrong: list[str] = []
    for row in rows:
        path = FILES / row["file"]
        try:
            found, reason = "text" if reader.read(path).content.text.strip() else "nothing", ""
        except DocumentError as error:
            found, reason = "refused" if error.hint else "refused without a way out", error.message
        expected = "text" if row["expected"] in ("text", "ocr") else "refused"
        if found != expected or REASONS.get(row["file"], "") not in reason:
            wrong.append(f"{path.name}: {found}. {reason}")
    assert wrong == []
