"""The second process of the parser child: the same text, and no text lost without it."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import psutil
import pytest

from engine.documents.assistant import Asked, Assistant, Untouched
from engine.documents.formats.pdf import reader as pdf
from engine.documents.formats.pdf.sharing import answers
from engine.documents.frames import read_frame, write_frame
from engine.documents.parser_child import _assist
from engine.documents.reader import Reader
from engine.documents.reading import Reading
from tests.engine.documents import example_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no assistant elsewhere")
PAGES = tuple(f"Page {number} of the handbook\nsays something of its own." for number in range(60))


@pytest.fixture
def long_pdf(tmp_path: Path) -> Path:
    path = tmp_path / "long.pdf"
    path.write_bytes(example_files.pdf(*PAGES))
    return path


def _assistants(reader: Reader) -> list[psutil.Process]:
    assert reader._child is not None
    return psutil.Process(reader._child.pid).children()


def test_two_processes_read_what_one_reads(long_pdf: Path) -> None:
    alone = pdf.read(long_pdf.read_bytes(), Reading())
    with Reader() as reader:
        assert reader.read(long_pdf).content == alone
        assert reader.read(long_pdf).content == alone
        assert len(_assistants(reader)) == 1


def test_without_its_assistant_the_child_reads_all_pages(long_pdf: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.pdf"
    short.write_bytes(example_files.pdf("One page"))
    with Reader() as reader:
        reader.read(short)
        for assistant in _assistants(reader):
            assistant.kill()
            while assistant.is_running() and assistant.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.01)
        assert len(reader.read(long_pdf).content.page_starts) == len(PAGES)


def test_a_scan_among_many_pages_is_recognised(tmp_path: Path) -> None:
    scans = [example_files.scan("Give five milligrams")]
    path = tmp_path / "mixed.pdf"
    path.write_bytes(example_files.appended(example_files.pdf(*PAGES), example_files.scanned_pdf(*scans)))
    with Reader() as reader:
        content = reader.read(path).content
    assert [page.page for page in content.scanned] == [len(PAGES) + 1]
    assert content.text.split()[-3:] == ["Give", "five", "milligrams"]


def test_the_assistant_ends_with_the_child(long_pdf: Path) -> None:
    with Reader() as reader:
        reader.read(long_pdf)
        (assistant,) = _assistants(reader)
        assert reader._child is not None
        os.kill(reader._child.pid, signal.SIGKILL)
        reader._child.wait()
    _, alive = psutil.wait_procs([assistant], timeout=5)
    assert alive == []


def test_an_assistant_that_dies_over_a_file_costs_no_page(long_pdf: Path) -> None:
    alone = pdf.read(long_pdf.read_bytes(), Reading())

    def die_after_an_answer(requests: BinaryIO, replies: BinaryIO, untouched: Untouched) -> None:
        asked = msgspec.json.decode(read_frame(requests, size_bytes_max=1 << 20) or b"", type=Asked)
        write_frame(replies, next(answers(asked, untouched)))
        while untouched.take_last() is not None:
            pass

    assistant = Assistant.fork(die_after_an_answer, without=())
    assert assistant is not None
    for _ in range(2):
        assert pdf.read(long_pdf.read_bytes(), Reading(path=str(long_pdf), assistant=assistant)) == alone
    os.wait()
    for stream in (assistant._requests, assistant._replies):
        with suppress(BrokenPipeError):  # what it was not asked any more
            stream.close()


def test_answers_to_a_file_that_failed_are_not_taken_for_the_next(long_pdf: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pdf"
    other.write_bytes(example_files.pdf(*(f"Another page {number}" for number in range(60))))
    assistant = Assistant.fork(_assist, without=())
    assert assistant is not None
    assert assistant.ask(Asked(str(long_pdf), hashlib.sha256(long_pdf.read_bytes()).hexdigest()), count=60)
    found = pdf.read(other.read_bytes(), Reading(path=str(other), assistant=assistant))
    assert found == pdf.read(other.read_bytes(), Reading())
    assistant._requests.close()
    os.wait()
    assistant._replies.close()


def test_no_page_is_taken_from_a_file_that_has_changed_meanwhile(long_pdf: Path) -> None:
    untouched = Untouched.create(60)
    assert list(answers(Asked(str(long_pdf), "another digest"), untouched)) == []
    assert untouched.take_last() == 59


def test_pages_are_taken_from_both_ends_until_they_meet() -> None:
    untouched = Untouched.create(3)
    assert [untouched.take_first(), untouched.take_last(), untouched.take_first()] == [0, 2, 1]
    assert untouched.take_first() is None
    assert untouched.take_last() is None
    untouched.set(2)
    untouched.clear()
    assert untouched.take_last() is None
