"""ZIP containers that office programs write: opened with an eye on bombs, and what else was put into them, by name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

import olefile
from lxml import etree

from engine.errors import DocumentError

UNPACKED_BYTES_MAX = 1 << 30  # a page of text is a few kilobytes: more than this is a bomb
_MEMBERS_MAX = 50_000
_XML_BYTES_MAX = 256 << 20  # of one part: parsed, it takes several times as much memory
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_COMPOUND_HEADER_BYTES = 28  # of the stream that names the program an object belongs to
_EMBEDDED_SHOWN_MAX = 10


def opened(data: bytes) -> zipfile.ZipFile:
    """Return the container. Raises DocumentError when it would unpack to more than a document can be."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise damaged() from error
    members = archive.infolist()
    unpacked = sum(member.file_size for member in members)
    largest = max((member.file_size for member in members if member.filename.endswith((".xml", ".rels"))), default=0)
    if unpacked > UNPACKED_BYTES_MAX or largest > _XML_BYTES_MAX or len(members) > _MEMBERS_MAX:
        raise DocumentError(
            f"{{name}} unpacks to {unpacked >> 20:,} MiB in {len(members):,} parts, more than a document can be.",
            hint="It may be an attack. Save its text as a new document and import that.",
        )
    return archive


def damaged() -> DamagedArchiveError:
    """Say that the file can't be opened."""
    return DamagedArchiveError(
        "{name} is damaged: a part of it is missing, cut off or broken.",
        hint="Open it in its own program, save it again and import that.",
    )


class DamagedArchiveError(DocumentError):
    """The container or one of its parts can't be read."""


def read_part(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return a part of the container. Raises DocumentError when it isn't there or is encrypted or broken."""
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, RuntimeError, ValueError) as error:
        raise damaged() from error


def parse_xml(data: bytes) -> etree._Element:
    """Parse XML without reading anything else for it: no entities, no document types, no network."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise damaged() from error
    refuse_entities(root)
    return root


def refuse_entities(root: etree._Element) -> None:
    """Raise DocumentError where text stands behind an entity: it isn't resolved, so it would be lost unsaid."""
    if next(root.iter(etree.Entity), None) is not None:
        raise DocumentError(
            "{name} keeps text in XML entities, which no office program does and which are never resolved.",
            hint="It may be an attack. Open it in its own program, save it again and import that.",
        )


def embedded_files(archive: zipfile.ZipFile, folder: str) -> Iterator[str]:
    """Yield the names of the files that a person put into an office document; they are not opened."""
    for member in archive.namelist():
        if not member.startswith(folder) or member.endswith("/"):
            continue
        name = PurePosixPath(member).name
        data = read_part(archive, member) if name.endswith(".bin") else b""
        called = _object_name(data) if data.startswith(_OLE) else ""
        yield f"{name} ({called})" if called else name


def embedded_note(names: list[str]) -> str:
    """Say which files inside were not opened; "" when there are none."""
    if not names:
        return ""
    more = f" and {len(names) - _EMBEDDED_SHOWN_MAX} more" if len(names) > _EMBEDDED_SHOWN_MAX else ""
    return f"Files inside were not opened: {', '.join(names[:_EMBEDDED_SHOWN_MAX])}{more}."


def _object_name(data: bytes) -> str:
    """What an OLE object says it is: the name of the packed file, or of the kind of object."""
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            if container.exists("\x01Ole10Native"):
                label = container.openstream("\x01Ole10Native").read(1024)[6:].split(b"\x00", 1)[0]
                return label.decode("cp1252", errors="replace")
            if container.exists("\x01CompObj"):
                stream = container.openstream("\x01CompObj").read(1024)[_COMPOUND_HEADER_BYTES:]
                size = int.from_bytes(stream[:4], "little")
                return stream[4 : 4 + size].split(b"\x00", 1)[0].decode("cp1252", errors="replace")
    except Exception:  # noqa: BLE001 - whatever a broken object makes the library raise: then it has no name
        return ""
    return ""
