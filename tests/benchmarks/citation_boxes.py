"""Checks that under the boxes drawn for a citation stands the quote: `python -m tests.benchmarks.citation_boxes`.

Random spans of the PDFs of shared/data/files are asked for as the window asks. What stands under a box is found without
our mapping: by pdfium's characters whose middle lies in it.
"""

from __future__ import annotations

import argparse
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from engine.documents.formats.pdf.boxes import span_boxes
from engine.documents.formats.pdf.lines import Boxes, page_characters
from engine.documents.formats.pdf.opening import fields_of
from engine.documents.formats.pdf.reader import read
from engine.documents.job import _furniture, _page_span
from engine.documents.reading import Reading
from engine.errors import DocumentError
from engine.records import Document

FILES = next(
    (
        folder
        for folder in (
            Path(__file__).resolve().parents[3] / "shared" / "data" / "files",
            Path("/work/shared/data/files"),
        )
        if folder.is_dir()
    ),
    Path(),
)


def main() -> None:
    """Print the share of spans whose boxes hold exactly their words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FILES)
    parser.add_argument("--spans", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--each-file-alike", action="store_true", help="not each page: a page may be a tenth of all")
    chosen = parser.parse_args()
    chance = random.Random(chosen.seed)
    found = list(_documents(chosen.folder))
    pages = [len(document.page_starts) for _, _, document in found]
    right = boxless = 0
    for number in range(chosen.spans):
        path, pdf, document = found[number % len(found)] if chosen.each_file_alike else chance.choices(found, pages)[0]
        start, end, page = _span(document, chance)
        begin, stop = _page_span(document, page)
        header, footer = _furniture(document, begin, stop)
        drawn = pdf[page - 1]
        boxes = span_boxes(
            drawn,
            pdf,
            text=document.text[begin:stop],
            header=header,
            footer=footer,
            start=start - begin,
            end=end - begin,
        )
        # The bars between the cells of a table are ours.
        quote = _plain(document.text[start:end]).replace("|", "")
        under = _plain(_under(drawn, boxes)).replace("|", "")
        boxless += not boxes
        right += quote == under
        if quote != under:
            print(f"{path.name}, page {page}:\n  quote {quote[:150]}\n  under {under[:150]}")
    print(f"{right} of {chosen.spans} spans equal ({right / chosen.spans:.1%}), {boxless} boxless; {len(found)} files")


def _documents(folder: Path) -> Iterator[tuple[Path, pdfium.PdfDocument, Document]]:
    for path in sorted(folder.glob("pdf_*.pdf")):
        reading = Reading(("test",))
        try:
            content = read(path.read_bytes(), reading)
        except DocumentError:
            continue
        if content.scanned:
            continue  # their words' boxes come from the recogniser: there is nothing to compare them with
        pdf = pdfium.PdfDocument(reading.opened or path.read_bytes())
        if pdf.get_formtype() != raw.FORMTYPE_NONE:
            pdf.init_forms()
        if any(True for page in pdf for _ in fields_of(pdf, page)):
            continue  # a form's values are no text of the page
        document = Document(
            "d", "", str(path), "", "pdf", content.text, content.page_starts, furniture=content.furniture
        )
        yield path, pdf, document


def _span(document: Document, chance: random.Random) -> tuple[int, int, int]:
    while True:
        page = chance.randint(1, len(document.page_starts))
        begin, stop = _page_span(document, page)
        if document.text[begin:stop].strip():
            start = chance.randrange(begin, stop)
            end = min(start + chance.randint(5, 300), stop)
            if document.text[start:end].strip():
                return start, end, page


def _under(page: pdfium.PdfPage, boxes: list[tuple[float, float, float, float]]) -> str:
    text_page = page.get_textpage()
    asked = Boxes.of(page, text_page)
    characters = page_characters(text_page)
    middles: dict[int, tuple[float, float, str]] = {}
    for index in range(len(characters)):
        left, top, right, bottom = asked.of_character(index)
        if right - left > 0.01 and bottom - top > 0.01:
            middles[index] = ((left + right) / 2, (top + bottom) / 2, characters[index])
    found: dict[int, str] = {}  # each once, however many boxes it lies under: it is marked once
    for x0, y0, x1, y1 in boxes:
        found |= {index: one for index, (x, y, one) in middles.items() if x0 <= x <= x1 and y0 <= y <= y1}
    text_page.close()
    return "".join(found.values())


def _plain(text: str) -> str:
    kept = (character for character in unicodedata.normalize("NFKC", text) if character.isprintable())
    return "".join("".join(kept).replace("\u00ad", "").split())


if __name__ == "__main__":
    main()
