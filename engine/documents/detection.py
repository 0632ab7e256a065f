"""What a file is, by its content; the name only settles what content can't (Markdown, CSV, plain text)."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path, PurePath
from typing import Literal, get_args

import olefile

from engine.documents.decoding import decode, is_text
from engine.errors import DocumentError

Kind = Literal[
    "pdf", "docx", "odt", "rtf", "pptx", "xlsx", "epub", "eml", "msg", "html", "md", "txt", "json", "table", "image"
]

HEAD_BYTES = 8192

_SAVE_SHEETS = "Open it in Excel or LibreOffice, save it as XLSX and import that."
_KINDS = frozenset(get_args(Kind))
# Content that is recognised but not read: what it is called, and what to do about it.
_UNREADABLE = {
    "ods": ("an OpenDocument spreadsheet", _SAVE_SHEETS),
    "odp": ("an OpenDocument presentation", "Save it as PPTX or PDF and import that."),
    "doc": ("a legacy Word document (.doc)", "Open it in Word or LibreOffice, save it as DOCX and import that."),
    "xls": ("a legacy Excel workbook (.xls)", _SAVE_SHEETS),
    "ppt": ("a legacy PowerPoint presentation (.ppt)", "Save it as PPTX or PDF and import that."),
    "mbox": ("a mailbox of many e-mails", "Save its messages as EML files and import those."),
    "zip": ("a ZIP archive", "Unpack it and import the files in it."),
    "archive": ("a compressed archive", "Unpack it and import the files in it."),
    "parquet": ("a Parquet table", "Save it as CSV or JSONL and import that."),
    "xml": ("an XML file", "Save it as HTML, text or PDF and import that."),
    "binary": (
        "not text, nor any other format this program knows",
        "Save it as PDF, DOCX or TXT and import that.",
    ),
}
_SIGNATURES = (
    (b"{\\rtf", "rtf"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"BM", "image"),
    (b"PAR1", "parquet"),
    (b"\x1f\x8b", "archive"),
    (b"7z\xbc\xaf\x27\x1c", "archive"),
    (b"Rar!", "archive"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = {
    "WordDocument": "doc", "Workbook": "xls", "Book": "xls", "PowerPoint Document": "ppt",
    "__properties_version1.0": "msg",
}  # fmt: skip
_OPEN_DOCUMENT = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_NAMED_BINARY = {
    ".pdf": "PDF", ".docx": "Word document", ".xlsx": "Excel workbook", ".pptx": "PowerPoint presentation",
    ".odt": "OpenDocument text", ".epub": "EPUB book", ".msg": "Outlook message",
}  # fmt: skip
_JSON_NAMES = {".json", ".jsonl", ".ndjson"}
_TABLE_NAMES = {".csv", ".tsv"}
_HTML_NAMES = {".html", ".htm", ".xhtml"}
_MARKDOWN_NAMES = {".md", ".markdown", ".mdown"}
# The comments before it are taken once and for all (atomic): given back, one would be tried as part of the next.
_HTML_START = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(?>(<!--.*?-->\s*)*)<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_HEADER_LINES = re.compile(r"\A(?:[!-9;-~]+:.*\n(?:[ \t].*\n)*)+")  # RFC 5322: names, values, folded lines
# What a mail program writes and a person quoting a mail does not.
_MAIL_HEADER = re.compile(
    r"^(received|return-path|message-id|mime-version|delivered-to):", re.IGNORECASE | re.MULTILINE
)
_MAILBOX = re.compile(r"\AFrom \S+ .*\n[!-9;-~]+:")


def read_head(path: Path) -> bytes:
    """Return the beginning of the file, as much as telling its kind takes. Raises DocumentError."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise DocumentError(
            f"{path.name} can't be opened: {error.strerror or error}.",
            hint="Check that it is still there and that you may read it, then import it again.",
        ) from error


def is_data(path: Path, head: bytes) -> Literal["json", "table"] | None:
    """Whether the file is JSON or a table of values: those are read as data, not parsed as one document."""
    suffix = path.suffix.lower()
    if not head.strip() or not is_text(head) or head.startswith((b"%PDF-", b"PK\x03\x04")):
        return None
    return "json" if suffix in _JSON_NAMES else "table" if suffix in _TABLE_NAMES else None


def detect(name: str, data: bytes) -> Kind:
    """Return the kind of the file called `name` that holds `data`. Raises DocumentError for what can't be read."""
    head = data[:HEAD_BYTES]
    if not head.strip(b"\x00 \t\r\n"):
        raise DocumentError(f"{name} is empty.", hint="Get the file again from where it came from.")
    binary = _binary_kind(name, data)
    if binary in _KINDS:
        return binary  # type: ignore[return-value]  # one of them
    if binary:
        raise _unreadable(name, binary)
    kind = _text_kind(name, head)
    promised = _NAMED_BINARY.get(PurePath(name).suffix.lower())
    if promised:
        # A saved log-in page under the name of the file that was wanted is the usual way this happens.
        found = {"html": "an HTML page", "json": "JSON", "txt": "plain text"}.get(kind, "text")
        raise DocumentError(
            f"{name} is named as {_article(promised)} {promised} but holds {found}.",
            hint=f"Get the real {promised}, or give the file the right ending, and import it again.",
        )
    return kind


def _article(noun: str) -> str:
    return "an" if noun[0] in "AEIO" else "a"


def _binary_kind(name: str, data: bytes) -> str:
    head = data[:HEAD_BYTES]
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(name, data)
    if head.startswith(_OLE):
        return _ole_kind(name, data)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image"
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    if kind and not (kind == "image" and head.startswith(b"BM") and is_text(head)):
        return kind
    return "" if is_text(head) else "binary"


def _zip_kind(name: str, data: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            media = ""
            if "mimetype" in names:
                with archive.open("mimetype") as member:
                    media = member.read(100).decode("ascii", errors="replace").strip()
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError) as error:
        named = _NAMED_BINARY.get(PurePath(name).suffix.lower(), "ZIP archive")
        raise DocumentError(
            f"{name} is damaged: the {named} is cut off or broken.",
            hint="Get the file again from where it came from, then import it again.",
        ) from error
    if media == "application/epub+zip":
        return "epub"
    if media.startswith("application/vnd.oasis.opendocument."):
        return _OPEN_DOCUMENT.get(media.rsplit(".", 1)[1].split("-")[0], "zip")
    for folder, kind in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
        if any(member.startswith(folder) for member in names):
            return kind
    return "zip"


def _ole_kind(name: str, data: bytes) -> str:
    try:
        with olefile.OleFileIO(io.BytesIO(data)) as container:
            streams = {entry[0] for entry in container.listdir()}
    except Exception as error:
        raise DocumentError(
            f"{name} is damaged: the container it is in is cut off or broken.",
            hint="Get the file again from where it came from, then import it again.",
        ) from error
    if "EncryptedPackage" in streams:
        raise DocumentError(
            f"{name} is protected with a password.",
            hint="Open it in its own program, save it without the password and import it again.",
        )
    return next((kind for stream, kind in _OLE_STREAMS.items() if stream in streams), "binary")


def _text_kind(name: str, head: bytes) -> Kind:
    suffix = PurePath(name).suffix.lower()
    if suffix in _JSON_NAMES:
        return "json"
    if suffix in _TABLE_NAMES:
        return "table"
    start = decode(head)[:4096].replace("\r\n", "\n").lstrip("\ufeff")
    if suffix in _MARKDOWN_NAMES:
        return "md"
    if suffix in _HTML_NAMES or _HTML_START.match(start):
        return "html"
    if start.lstrip().startswith("<?xml"):
        raise _unreadable(name, "xml")
    if suffix == ".mbox" or _MAILBOX.match(start):
        raise _unreadable(name, "mbox")
    headers = _HEADER_LINES.match(start)
    if headers and (suffix == ".eml" or _MAIL_HEADER.search(headers.group())):
        return "eml"
    return "txt"


def _unreadable(name: str, kind: str) -> DocumentError:
    called, advice = _UNREADABLE[kind]
    return DocumentError(f"{name} is {called}, which can't be imported.", hint=advice)
