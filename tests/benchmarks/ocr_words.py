"""Recognises the scans of shared/data/files and compares with a transcript: `python -m tests.benchmarks.ocr_words`."""

from __future__ import annotations

import argparse
import re
import time
import unicodedata
from difflib import SequenceMatcher
from pathlib import Path

import pypdfium2 as pdfium

from engine.documents.formats.pdf.scans import drawn
from engine.documents.ocr import recognise
from engine.documents.page_layout import arrange
from tests.benchmarks.citation_boxes import FILES

_WORD = re.compile(r"\w+")


def main() -> None:
    """Print the share of the transcript's words found in its order, and the time a page takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FILES)
    parser.add_argument("--dpi", type=float, nargs="+", default=[200.0, 300.0])
    chosen = parser.parse_args()
    for path in sorted(chosen.folder.glob("scan_*.pdf")):
        for dpi in chosen.dpi:
            picture, _ = drawn(pdfium.PdfDocument(path)[0], dpi=dpi)
            began, began_cpu = time.monotonic(), time.process_time()
            found = recognise(picture)
            taken = f"{time.monotonic() - began:.1f} s, of computing {time.process_time() - began_cpu:.1f} s"
            text = "".join(separator + line.text for separator, line in arrange(found.lines))
            print(
                f"{path.name} at {dpi:.0f} dpi: {found.confidence:.1%} sure, {taken}{_accuracy(path, text)}", flush=True
            )


def _accuracy(path: Path, text: str) -> str:
    transcript = path.with_suffix(".truth.txt")
    if not transcript.exists():
        return ""
    # The transcript has "0" for each bullet of the page.
    true = [word for word in _words(transcript.read_text("utf-8")) if word != "0"]
    own = [word for word in _words(text) if word != "0"]
    blocks = SequenceMatcher(None, true, own, autojunk=False).get_matching_blocks()
    return f"; {sum(block.size for block in blocks) / len(true):.1%} of {len(true)} words in order"


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).lower())


if __name__ == "__main__":
    main()
