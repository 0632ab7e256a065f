"""Compares PDFs' text with pdftotext's, and the pace with bare pypdfium2's: `python -m tests.benchmarks.pdf_text`.

Needs pdftotext (poppler-utils) on the path, for measuring only.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import time
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import pypdfium2 as pdfium

from engine.documents.formats.pdf.reader import read
from engine.documents.reading import Reading
from engine.errors import DocumentError
from tests.benchmarks.citation_boxes import FILES

_WORD = re.compile(r"\w+")
_BROKEN = re.compile(r"(\w)[-\u00ad\u2010]\n\s*(?=[a-z\u00df-\u00ff])")


def main() -> None:
    """Print a line for each file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FILES)
    chosen = parser.parse_args()
    print(f"{'file':38}{'pages':>6}{'words':>8}{'found':>8}{'in order':>9}{'ours s':>8}{'bare s':>8}{'pace':>6}")
    ours_s = bare_s = 0.0
    for path in sorted(chosen.folder.glob("pdf_*.pdf")):
        data = path.read_bytes()
        began = time.process_time()
        try:
            content = read(data, Reading(("test",)))
        except DocumentError as error:
            print(f"{path.name:38}{error.message}")
            continue
        taken_s = time.process_time() - began
        if content.scanned:
            continue
        password = ["-upw", "test"] if "encrypted_userpw" in path.name else []
        other = subprocess.run(["pdftotext", *password, str(path), "-"], capture_output=True, check=True)
        theirs, own = _words(other.stdout.decode("utf-8")), _words(content.text)
        found = sum((Counter(theirs) & Counter(own)).values())
        order = ""
        if len(theirs) < 20_000:
            blocks = SequenceMatcher(None, theirs, own, autojunk=False).get_matching_blocks()
            order = f"{sum(block.size for block in blocks) / max(len(theirs), 1):.1%}"
        bare = _bare_s(data)
        ours_s, bare_s = ours_s + taken_s, bare_s + bare
        print(
            f"{path.name:38}{len(content.page_starts):6}{len(theirs):8}{found / max(len(theirs), 1):8.1%}{order:>9}"
            f"{taken_s:8.2f}{bare:8.2f}{bare / taken_s:6.2f}"
        )
    print(f"Pace of reading in one process against bare text extraction: {bare_s / ours_s:.2f}")


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", _BROKEN.sub(r"\1", text)).lower())


def _bare_s(data: bytes) -> float:
    began = time.process_time()
    try:
        document = pdfium.PdfDocument(data)
    except pdfium.PdfiumError:
        document = pdfium.PdfDocument(data, password="test")
    for page in document:
        text_page = page.get_textpage()
        text_page.get_text_range()
        text_page.close()
        page.close()
    return time.process_time() - began


if __name__ == "__main__":
    main()
