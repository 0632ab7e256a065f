"""Reads PDFs through the parser child, as an import does, beside bare pypdfium2: `python -m tests.benchmarks.pdf_pace`.

The best of several rounds counts for both: on a shared machine the others' work is in every other time.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pypdfium2 as pdfium

from engine.documents.reader import Reader
from tests.benchmarks.citation_boxes import FILES

_NAMES = (
    "619_pages",
    "german_book_geotopo",
    "broken_repair_fails",
    "legal_federal_register",
    "long_table_warn",
    "french",
)


def main() -> None:
    """Print the times and their ratio for each file and for all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FILES)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    paths = [chosen.folder / f"pdf_{name}.pdf" for name in _NAMES]
    ours_s = dict.fromkeys(paths, float("inf"))
    bare_s = dict.fromkeys(paths, float("inf"))
    with Reader() as reader:
        for _ in range(chosen.rounds + 1):  # the first warms up
            for path in paths:
                began = time.monotonic()
                reader.read(path)
                read = time.monotonic()
                _extract(path)
                ours_s[path] = min(ours_s[path], read - began)
                bare_s[path] = min(bare_s[path], time.monotonic() - read)
    for path in paths:
        print(f"{path.name:34}{ours_s[path]:7.2f} s{bare_s[path]:7.2f} s{bare_s[path] / ours_s[path]:6.2f} x")
    print(f"all: {sum(bare_s.values()) / sum(ours_s.values()):.2f} x")


def _extract(path: Path) -> None:
    document = pdfium.PdfDocument(path.read_bytes())
    for page in document:
        text_page = page.get_textpage()
        text_page.get_text_range()
        text_page.close()
        page.close()


if __name__ == "__main__":
    main()
