"""Words that a second tool finds in the example files and we find too: `python -m tests.benchmarks.text_share`."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable

import docx
import openpyxl
import pptx
from bs4 import BeautifulSoup
from lxml import etree

from engine.documents.parser_child import parse
from tests.benchmarks.citation_boxes import FILES

_NOT_SHOWN = '[style*="display:none"], [style*="display: none"], [hidden], [role="navigation"], [role="search"]'
_WORD = re.compile(r"\w+")


def main() -> None:
    """Print a line a file: the share of the other tool's words that are in ours, and the seconds of computing."""
    found = wanted = 0
    for path in sorted(FILES.iterdir()):
        other = OTHERS.get(path.suffix)
        if other is None:
            continue
        began = time.process_time()
        content = parse(path).content
        took_s = time.process_time() - began
        if content is None:
            continue
        theirs, ours = Counter(_words(other(path.read_bytes()))), Counter(_words(content.text))
        common = (theirs & ours).total()
        found, wanted = found + common, wanted + theirs.total()
        share = common / max(theirs.total(), 1)
        print(f"{path.name:36}{share:8.2%} of {theirs.total():8,} words  {took_s:6.2f} s")
    print(f"{'all together':36}{found / max(wanted, 1):8.2%} of {wanted:8,} words")


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _docx(data: bytes) -> str:
    """python-docx's own walk over paragraphs and tables."""
    parts: list[str] = []
    for block in docx.Document(io.BytesIO(data)).iter_inner_content():
        if isinstance(block, docx.table.Table):
            seen: set[object] = set()
            for row in block.rows:
                for cell in row.cells:
                    if cell._tc not in seen:  # a merged cell comes once a column
                        seen.add(cell._tc)
                        parts.append(cell.text)
        else:
            parts.append(block.text)
    return "\n".join(parts)


def _pptx(data: bytes) -> str:
    parts: list[str] = []
    for slide in pptx.Presentation(io.BytesIO(data)).slides:
        for shape in slide.shapes:
            if shape.has_text_frame:
                parts.append(shape.text_frame.text)
            elif shape.has_table:
                parts += [cell.text for row in shape.table.rows for cell in row.cells]
    return "\n".join(parts)


def _xlsx(data: bytes) -> str:
    workbook = openpyxl.load_workbook(io.BytesIO(data), data_only=True)
    return "\n".join(
        f"{cell:.15g}" if isinstance(cell, float) else str(cell)
        for sheet in workbook.worksheets
        for row in sheet.iter_rows(values_only=True)
        for cell in row
        if cell is not None
    )


def _odt(data: bytes) -> str:
    root = etree.fromstring(zipfile.ZipFile(io.BytesIO(data)).read("content.xml"))
    return " ".join(root.itertext())


def _epub(data: bytes) -> str:
    archive = zipfile.ZipFile(io.BytesIO(data))
    names = [name for name in archive.namelist() if name.endswith((".html", ".xhtml"))]
    return "\n".join(_html(archive.read(name)) for name in names)


def _html(data: bytes) -> str:
    soup = BeautifulSoup(data, "html.parser")
    for hidden in soup(["script", "style", "noscript", "template", "title", "nav", "svg", "math", "button", "select"]):
        hidden.decompose()
    for hidden in soup.select(_NOT_SHOWN):
        hidden.decompose()
    return soup.get_text("\n")


OTHERS: dict[str, Callable[[bytes], str]] = {
    ".docx": _docx,
    ".pptx": _pptx,
    ".xlsx": _xlsx,
    ".odt": _odt,
    ".epub": _epub,
    ".html": _html,
    ".csv": lambda data: data.decode("utf-8"),
    ".md": lambda data: data.decode("latin-1"),
}


if __name__ == "__main__":
    main()
