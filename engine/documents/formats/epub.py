"""EPUB books: the chapters in the order of the spine, read as HTML."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from urllib.parse import unquote

from lxml import etree

from engine.documents.archives import damaged, opened, parse_xml, read_part
from engine.documents.content import Content, ContentBuilder
from engine.documents.formats import html
from engine.documents.reading import Report
from engine.errors import DocumentError

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_HTML_MEDIA = {"application/xhtml+xml", "text/html"}


def read(data: bytes, report: Report) -> Content:
    """Return the text of a book; its title is the one in its metadata."""
    builder = ContentBuilder()
    with opened(data) as archive:
        _refuse_protected(archive)
        package_name = _package_name(archive)
        package = parse_xml(read_part(archive, package_name))
        chapters = list(dict.fromkeys(_spine(package, posixpath.dirname(package_name))))  # each once
        names = set(archive.namelist())
        missing = 0
        for number, chapter in enumerate(chapters):
            report(number, len(chapters))
            if chapter in names:
                html.add_to(builder, read_part(archive, chapter))
            else:
                missing += 1
    if missing:
        builder.note(f"{missing} of its {len(chapters)} chapters are not in the file.")
    title = next(package.iter("{*}title"), None)
    return builder.build(kind="epub", title=(title.text or "") if title is not None else "")


def _refuse_protected(archive: zipfile.ZipFile) -> None:
    if _ENCRYPTION not in archive.namelist():
        return
    methods = {
        element.get("Algorithm") for element in parse_xml(read_part(archive, _ENCRYPTION)).iter("{*}EncryptionMethod")
    }
    if methods - _FONT_OBFUSCATION:
        raise DocumentError(
            "{name} is protected by its seller (DRM): its text is encrypted.",
            hint="Get a copy without protection and import that.",
        )


def _package_name(archive: zipfile.ZipFile) -> str:
    root = next(parse_xml(read_part(archive, _CONTAINER)).iter("{*}rootfile"), None)
    name = root.get("full-path") if root is not None else None
    if not name:
        raise damaged()
    return name


def _spine(package: etree._Element, folder: str) -> Iterator[str]:
    """Yield the names of the chapters' files in reading order."""
    items = {
        item.get("id"): item.get("href", "")
        for item in package.iter("{*}item")
        if item.get("media-type") in _HTML_MEDIA
    }
    for reference in package.iter("{*}itemref"):
        href = items.get(reference.get("idref"))
        if href:
            yield posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))
