"""What a file is, by its content; the name only settles what content can't (Markdown, CSV, plain text)."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Literal

from engine.documents.decoding import decode, is_text
from engine.errors import DocumentError

Kind = Literal["pdf", "docx", "html", "md", "txt", "json", "table"]

HEAD_BYTES = 8192

_SAVE_SHEETS = "Save the sheets as CSV (questions) or PDF (documents) and import those."
# Content that is recognised but not read: what it is called, and what to do about it.
_UNREADABLE = {
    "xlsx": ("an Excel workbook", _SAVE_SHEETS),
    "pptx": ("a PowerPoint presentation", "Export it as PDF and import that."),
    "epub": ("an EPUB book", "Convert it to HTML or PDF and import that."),
    "odt": ("an OpenDocument text", "Save it as DOCX or PDF and import that."),
    "ods": ("an OpenDocument spreadsheet", _SAVE_SHEETS),
    "odp": ("an OpenDocument presentation", "Export it as PDF and import that."),
    "doc": ("a legacy Word document (.doc)", "Save it as DOCX or PDF and import that."),
    "xls": (
        "a legacy Excel workbook (.xls)",
        _SAVE_SHEETS,
    ),
    "ppt": ("a legacy PowerPoint presentation (.ppt)", "Export it as PDF and import that."),
    "msg": ("an Outlook message (.msg)", "Save it as HTML, text or PDF and import that."),
    "eml": ("an e-mail (.eml)", "Save it as HTML, text or PDF and import that."),
    "rtf": ("a rich text document (RTF)", "Save it as DOCX or PDF and import that."),
    "image": ("an image", "Turn it into a PDF with a text layer (OCR) and import that."),
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
_OLE_STREAMS = (("WordDocument", "doc"), ("Workbook", "xls"), ("PowerPoint Document", "ppt"), ("__substg1.0", "msg"))
_OPEN_DOCUMENT = {"text": "odt", "spreadsheet": "ods", "presentation": "odp"}
_NAMED_BINARY = {".pdf": "PDF", ".docx": "Word document", ".xlsx": "Excel workbook", ".pptx": "PowerPoint presentation"}
_JSON_NAMES = {".json", ".jsonl", ".ndjson"}
_TABLE_NAMES = {".csv", ".tsv"}
_HTML_NAMES = {".html", ".htm", ".xhtml"}
_MARKDOWN_NAMES = {".md", ".markdown", ".mdown"}
_HTML_START = re.compile(
    r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL
)
_MAIL_HEADER = re.compile(
    r"^(from|received|return-path|message-id|mime-version|date|subject|to): ", re.IGNORECASE | re.MULTILINE
)


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


def detect(path: Path, head: bytes) -> Kind:
    """Return the kind of the file at `path` that begins with `head`. Raises DocumentError for what can't be read."""
    if not head.strip(b"\x00 \t\r\n"):
        raise DocumentError(f"{path.name} is empty.", hint="Get the file again from where it came from.")
    binary = _binary_kind(path, head)
    if binary in ("pdf", "docx"):
        return binary
    if binary:
        raise _unreadable(path, binary)
    kind = _text_kind(path, head)
    promised = _NAMED_BINARY.get(path.suffix.lower())
    if promised:
        # A saved log-in page under the name of the file that was wanted is the usual way this happens.
        found = {"html": "an HTML page", "json": "JSON", "txt": "plain text"}.get(kind, "text")
        raise DocumentError(
            f"{path.name} is named as a {promised} but holds {found}.",
            hint=f"Get the real {promised}, or give the file the right ending, and import it again.",
        )
    return kind


def _binary_kind(path: Path, head: bytes) -> str:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head.startswith(_OLE):
        return _ole_kind(path)
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "image"
    kind = next((kind for signature, kind in _SIGNATURES if head.startswith(signature)), "")
    if kind and not (kind == "image" and head.startswith(b"BM") and is_text(head)):
        return kind
    return "" if is_text(head) else "binary"


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            media = archive.read("mimetype")[:100].decode("ascii", errors="replace") if "mimetype" in names else ""
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, ValueError, EOFError) as error:
        named = _NAMED_BINARY.get(path.suffix.lower(), "ZIP archive")
        raise DocumentError(
            f"{path.name} is damaged: the {named} is cut off or broken.",
            hint="Get the file again from where it came from, then import it again.",
        ) from error
    if media == "application/epub+zip":
        return "epub"
    if media.startswith("application/vnd.oasis.opendocument."):
        return _OPEN_DOCUMENT.get(media.rsplit(".", 1)[1].split("-")[0], "zip")
    for folder, kind in (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx")):
        if any(name.startswith(folder) for name in names):
            return kind
    return "zip"


def _ole_kind(path: Path) -> str:
    """An OLE container is told by the names of its streams, which stand in it as UTF-16."""
    data = path.read_bytes()
    if "EncryptedPackage".encode("utf-16-le") in data:
        raise DocumentError(
            f"{path.name} is protected with a password.",
            hint="Open it in its own program, save it without the password and import it again.",
        )
    for stream, kind in _OLE_STREAMS:
        if stream.encode("utf-16-le") in data:
            return kind
    return "binary"


def _text_kind(path: Path, head: bytes) -> Kind:
    suffix = path.suffix.lower()
    if suffix in _JSON_NAMES:
        return "json"
    if suffix in _TABLE_NAMES:
        return "table"
    start = decode(head)[:4096]
    if suffix in _HTML_NAMES or _HTML_START.match(start):
        return "html"
    if suffix in _MARKDOWN_NAMES:
        return "md"
    if start.lstrip().startswith("<?xml"):
        raise _unreadable(path, "xml")
    if suffix in {".eml", ".mbox"} or (not suffix and len(_MAIL_HEADER.findall(start[:2000])) >= 4):
        raise _unreadable(path, "eml")
    return "txt"


def _unreadable(path: Path, kind: str) -> DocumentError:
    name, advice = _UNREADABLE[kind]
    return DocumentError(f"{path.name} is {name}, which can't be imported yet.", hint=advice)
