"""The process that parses one file at a time for the reader: capped, without network, and easily replaced.

It speaks frames of JSON (4 bytes of length, then the message) over its standard streams: never pickle, because what
comes back was made by a parser that read a stranger's file.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from engine.documents.assistant import Asked, Assistant, Untouched
from engine.documents.content import Content
from engine.documents.detection import Kind, detect
from engine.documents.frames import read_frame, write_frame
from engine.documents.page_drawing import Artist, Draw
from engine.documents.reading import Reading, Report
from engine.errors import DocumentError, PasswordError
from engine.offline import go_offline
from engine.privacy import hide_memory

try:
    import resource
except ImportError:  # Windows: the parent's watchdog and the size caps stand alone
    resource = None  # type: ignore[assignment]  # a module, or none

MEMORY_BYTES_MAX = 2 << 30  # that it writes to: libraries and what threads merely reserve differ by machine
CPU_S_MAX = 120  # of one file, all threads together
FILE_BYTES_MAX = 1 << 30
_REQUEST_BYTES_MAX = 64 << 20  # it may hold a page's text
_DENIED_EVENTS = ("socket.", "subprocess.", "os.system", "os.exec", "os.spawn", "os.posix_spawn", "os.fork")

_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG

Read = Callable[[bytes, Report], Content]


class Request(msgspec.Struct, frozen=True, tag=True):
    """One file to parse, or a file attached to it: `attachment` leads there through attachments of attachments."""

    path: str
    attachment: tuple[int, ...] = ()
    passwords: tuple[str, ...] = ()


class Reply(msgspec.Struct, frozen=True):
    """What became of it: content with the digest of the bytes it was made of, or a sentence and a hint.

    With none of them it says how far the file is read, and another reply follows.
    """

    content: Content | None = None
    digest: str = ""
    message: str = ""
    hint: str = ""
    done: int = 0
    total: int = 0
    recognising: bool = False  # a page whose words were recognised is done: the next has the file's time again
    wants_password: bool = False
    unforeseen: bool = False  # what failed may be this process, after many files: in a new one it may go well
    original: bytes | None = None  # the file without its password, where it had one


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    requests, replies = private_streams()
    sys.dont_write_bytecode = True
    assistant = Assistant.fork(_assist, without=(requests, replies))  # before the door to further processes is closed
    close_doors()
    decoder = msgspec.json.Decoder(Request | Draw)
    artist = Artist()
    encoder = msgspec.json.Encoder()

    def listen(done: int, total: int, recognising: bool) -> None:
        if recognising:
            _limit_cpu_time()
        write_frame(replies, encoder.encode(Reply(done=done, total=total, recognising=recognising)))

    while (frame := read_frame(requests, size_bytes_max=_REQUEST_BYTES_MAX)) is not None:
        request = decoder.decode(frame)
        _limit_cpu_time()
        if isinstance(request, Draw):
            if request.sends_file:
                artist.take(request.name, read_frame(requests, size_bytes_max=FILE_BYTES_MAX) or b"")
            write_frame(replies, encoder.encode(artist.draw(request)))
            continue
        reading = Reading(request.passwords, listen, None if request.attachment else request.path, assistant)
        write_frame(replies, encoder.encode(parse(Path(request.path), request.attachment, reading)))


def _assist(requests: BinaryIO, replies: BinaryIO, untouched: Untouched) -> None:
    """Be the assistant: lay out pages of the files asked for, capped like the child itself."""
    close_doors()
    decoder = msgspec.json.Decoder(Asked)
    while (frame := read_frame(requests, size_bytes_max=1 << 20)) is not None:
        _limit_cpu_time()
        from engine.documents.formats.pdf.sharing import answers

        for answer in answers(decoder.decode(frame), untouched):
            write_frame(replies, answer)
        write_frame(replies, b"")


def parse(path: Path, attachment: Sequence[int] = (), reading: Reading | None = None) -> Reply:
    """Read one file. Every failure is a reply: what a parser raises on a broken file is not to be foreseen."""
    reading = reading or Reading()
    name = path.name
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise DocumentError(
                f"{path.name} is larger than {FILE_BYTES_MAX >> 30} GiB.",
                hint="Split it into smaller files and import those.",
            )
        data = path.read_bytes()
        name, data = attached(name, data, attachment)
        content = _reader(detect(name, data), reading)(data, reading.report)
        if not content.text.strip():
            raise DocumentError(
                "{name} contains no text.", hint="Check the file in its own program, then import it again."
            )
        return Reply(content=content, digest=hashlib.sha256(data).hexdigest(), original=reading.opened)
    except DocumentError as error:
        wants_password = isinstance(error, PasswordError)
        return Reply(message=error.message.replace("{name}", name), hint=error.hint, wants_password=wants_password)
    except MemoryError:
        return Reply(
            message=f"{name} needs more memory than a file may take.",
            hint="Split it into smaller files and import those.",
            unforeseen=True,
        )
    except OSError as error:
        return Reply(
            message=f"{name} can't be read: {error.strerror or error}.",
            hint="Check that it is still there and that you may read it, then import it again.",
        )
    except Exception as error:  # noqa: BLE001 - the border of the foreign parsers: one bad file is one line, whatever they raise
        return Reply(
            message=f"{name} can't be read: it is damaged ({type(error).__name__}).",
            hint="Open it in its own program, save it again and import that.",
            unforeseen=True,
        )


def _reader(kind: Kind, reading: Reading) -> Read:
    """The format's reader, imported when the first such file comes."""
    match kind:
        case "pdf":
            from engine.documents.formats.pdf.reader import read as read_pdf

            return lambda data, report: read_pdf(data, reading)
        case "image":
            from engine.documents.formats.image import read as read_image

            return lambda data, report: read_image(data, reading)
        case "xlsx":
            from engine.documents.formats.xlsx import read as read_reporting
        case "table":
            from engine.documents.formats.delimited import read as read_reporting
        case "pptx":
            from engine.documents.formats.pptx import read as read_reporting
        case "epub":
            from engine.documents.formats.epub import read as read_reporting
        case _:
            read = _small_reader(kind)
            return lambda data, report: read(data)
    return read_reporting


def _small_reader(kind: Kind) -> Callable[[bytes], Content]:
    """The readers of formats whose files are read in one go."""
    match kind:
        case "docx":
            from engine.documents.formats.docx import read
        case "odt":
            from engine.documents.formats.odt import read
        case "rtf":
            from engine.documents.formats.rtf import read
        case "eml":
            from engine.documents.formats.eml import read
        case "msg":
            from engine.documents.formats.msg import read
        case "html":
            from engine.documents.formats.html import read
        case "md":
            from engine.documents.formats.markdown import read
        case "txt":
            from engine.documents.formats.txt import read
        case _:
            raise DocumentError(
                "{name} is not a document.",
                hint="Documents are PDF, Word, Excel, PowerPoint, OpenDocument, RTF, EPUB, e-mail, HTML, Markdown and "
                "text files, pictures, tables as CSV, and corpora as JSONL.",
            )
    return read


def attached(name: str, data: bytes, way: Sequence[int]) -> tuple[str, bytes]:
    """Name and bytes of the file that `way` leads to, through attachments of attachments; for no way, as they are."""
    for number in way:
        name, data = _attachment(detect(name, data), data, number)
    return name, data


def _attachment(kind: Kind, data: bytes, number: int) -> tuple[str, bytes]:
    """Name and bytes of a file attached to a mail."""
    if kind == "msg":
        from engine.documents.formats.msg import attachment
    else:
        from engine.documents.formats.eml import attachment
    return attachment(data, number)


def _limit_cpu_time() -> None:
    """Let the system end this process when the next file takes more than its share of computing time."""
    if resource is not None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(used.ru_utime + used.ru_stime) + CPU_S_MAX
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def private_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes away from print() and from libraries that write to standard output."""
    requests, replies = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    return os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def close_doors() -> None:
    """Cap memory and output (where the system has such caps), and deny sockets and further processes."""
    if sys.platform == "linux":
        # A child that hangs in a file must not outlive a parent that was killed.
        ctypes.CDLL(None).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if resource is not None:
        memory = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
        resource.setrlimit(memory, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    hide_memory()
    go_offline()
    sys.addaudithook(_deny)


def _deny(event: str, arguments: tuple[object, ...]) -> None:
    del arguments
    if event.startswith(_DENIED_EVENTS):
        raise PermissionError(f"{event} is not allowed while parsing")
