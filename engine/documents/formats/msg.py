"""Outlook messages (MSG): MAPI properties in an OLE container, as [MS-OXMSG] lays them out."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime, timedelta

import olefile

from engine.documents.content import Content, one_line
from engine.documents.decoding import decode
from engine.documents.formats import rtf
from engine.documents.mail import Mail, to_content
from engine.errors import DocumentError

_SUBJECT, _SENDER, _SENDER_ADDRESS, _TO, _CC = 0x0037, 0x0C1A, 0x0C1F, 0x0E04, 0x0E03
_BODY, _HTML, _RTF = 0x1000, 0x1013, 0x1009
_NAME_LONG, _NAME, _DATA = 0x3707, 0x3704, 0x3701
_DELIVERED, _SUBMITTED = 0x0E06, 0x0039
_UNICODE, _ANSI, _BINARY, _TIME = 0x001F, 0x001E, 0x0102, 0x0040
_ATTACHMENT = "__attach_version1.0_#"
_EMBEDDED = f"__substg1.0_{_DATA:04X}000D"  # a message inside the message
_HEADER_BYTES, _ENTRY_BYTES = 32, 16  # of the list of fixed-size properties
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
# [MS-OXRTFCP] 2.1.2.1: what the decompressor's window holds at the start
_RTF_WINDOW = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor "
    b"MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20"
    b"\\b\\i\\u\\tab\\tx"
)
_RTF_BYTES_MAX = 64 << 20


def read(data: bytes) -> Content:
    """Return the text of a message. Its title is its subject."""
    with olefile.OleFileIO(io.BytesIO(data)) as container:
        return to_content(_mail(container, []), kind="msg")


def attachment(data: bytes, number: int) -> tuple[str, bytes]:
    """Return name and bytes of an attached file; a message inside the message comes as plain text."""
    with olefile.OleFileIO(io.BytesIO(data)) as container:
        storage = _attachments(container, [])[number]
        name = _attachment_name(container, storage, number)
        if container.exists([*storage, _EMBEDDED]):
            text = to_content(_mail(container, [*storage, _EMBEDDED]), kind="msg").text
            return name, text.encode("utf-8")
        return name, _binary(container, storage, _DATA)


def _mail(container: olefile.OleFileIO, storage: list[str]) -> Mail:
    sender, address = _text(container, storage, _SENDER), _text(container, storage, _SENDER_ADDRESS)
    plain = _text(container, storage, _BODY)
    page = _binary(container, storage, _HTML) or _text(container, storage, _HTML).encode("utf-8")
    compressed = _binary(container, storage, _RTF)
    if not plain.strip() and not page and compressed:
        plain = rtf.read(_uncompressed(compressed)).text
    return Mail(
        headers=(
            ("Subject", _text(container, storage, _SUBJECT)),
            ("From", f"{sender} <{address}>" if "@" in address and address != sender else sender or address),
            ("To", _text(container, storage, _TO)),
            ("Cc", _text(container, storage, _CC)),
            ("Date", _date(container, storage)),
        ),
        bodies=(plain,) if plain.strip() or not page else (page,),
        attachments=tuple(
            _attachment_name(container, one, number) for number, one in enumerate(_attachments(container, storage))
        ),
    )


def _text(container: olefile.OleFileIO, storage: list[str], property_id: int) -> str:
    wide = _stream(container, storage, property_id, _UNICODE)
    if wide:
        return wide.decode("utf-16-le", errors="replace").rstrip("\x00")
    return decode(_stream(container, storage, property_id, _ANSI)).rstrip("\x00")


def _binary(container: olefile.OleFileIO, storage: list[str], property_id: int) -> bytes:
    return _stream(container, storage, property_id, _BINARY)


def _stream(container: olefile.OleFileIO, storage: list[str], property_id: int, kind: int) -> bytes:
    path = [*storage, f"__substg1.0_{property_id:04X}{kind:04X}"]
    return container.openstream(path).read() if container.exists(path) else b""


def _date(container: olefile.OleFileIO, storage: list[str]) -> str:
    """When it was delivered, or sent: a fixed-size property, so it stands in the list of those."""
    path = [*storage, "__properties_version1.0"]
    if not container.exists(path):
        return ""
    entries = container.openstream(path).read()[_HEADER_BYTES if not storage else _HEADER_BYTES - 8 :]
    times: dict[int, int] = {}
    for start in range(0, len(entries) - _ENTRY_BYTES + 1, _ENTRY_BYTES):
        kind, identifier, _, value = struct.unpack_from("<HHIQ", entries, start)
        if kind == _TIME:
            times[identifier] = value
    ticks = times.get(_DELIVERED) or times.get(_SUBMITTED)
    return (_EPOCH + timedelta(microseconds=ticks // 10)).isoformat(sep=" ", timespec="minutes") if ticks else ""


def _attachments(container: olefile.OleFileIO, storage: list[str]) -> list[list[str]]:
    depth = len(storage)
    names = {
        entry[depth]
        for entry in container.listdir(streams=False, storages=True)
        if len(entry) == depth + 1 and entry[:depth] == storage and entry[depth].startswith(_ATTACHMENT)
    }
    return [[*storage, name] for name in sorted(names)]


def _attachment_name(container: olefile.OleFileIO, storage: list[str], number: int) -> str:
    if container.exists([*storage, _EMBEDDED]):
        name = f"{_text(container, [*storage, _EMBEDDED], _SUBJECT) or f'message {number + 1}'}.txt"
    else:
        name = _text(container, storage, _NAME_LONG) or _text(container, storage, _NAME) or f"attachment {number + 1}"
    return one_line(name).replace("/", "-")


def _uncompressed(data: bytes) -> bytes:
    """Undo the compression of RTF bodies ([MS-OXRTFCP] 2.2.2)."""
    if len(data) < 16 or data[8:12] == b"MELA":  # stored as it is
        return data[16:]
    window = bytearray(_RTF_WINDOW.ljust(4096, b"\x00"))
    place = len(_RTF_WINDOW)
    size = int.from_bytes(data[4:8], "little")
    if size > _RTF_BYTES_MAX:
        raise DocumentError(
            "{name} unpacks to more than a message can be.", hint="It may be an attack. Save its text and import that."
        )
    out = bytearray()
    source = iter(data[16:])
    try:
        while len(out) < size:
            control = next(source)
            for bit in range(8):
                if not control >> bit & 1:
                    window[place] = byte = next(source)
                    out.append(byte)
                    place = (place + 1) % 4096
                    continue
                pair = next(source) << 8 | next(source)
                offset, length = pair >> 4, (pair & 15) + 2
                if offset == place:
                    return bytes(out)
                for step in range(length):
                    window[place] = byte = window[(offset + step) % 4096]
                    out.append(byte)
                    place = (place + 1) % 4096
    except StopIteration:
        pass
    return bytes(out)
