"""Imports many small files or one large file and cancels a second import: `python -m tests.benchmarks.import_many`."""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from tests.benchmarks.import_pages import timed_import

_SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "lan", "ter")
_FILES_A_FOLDER = 500


def main() -> None:
    """Print time, memory, how often progress was told, and how fast a cancel half-way came."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000, help="how many small files are made and imported")
    parser.add_argument("--path", type=Path, help="a file or folder to import in place of them")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = chosen.path or _written(folder / "in", chosen.files)
        began = time.monotonic()
        computing = time.process_time()
        told = timed_import(path, folder / "whole", cancel_after_s=None)
        took_s = time.monotonic() - began
        gaps = sorted((after - before for before, after in pairwise([began, *told, began + took_s])), reverse=True)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"{took_s:.1f} s, of which computing {time.process_time() - computing:.1f} s here and "
            f"{children.ru_utime + children.ru_stime:.1f} s in the parser"
        )
        late = sum(gap > 0.2 for gap in gaps)
        print(
            f"progress told {len(told) / took_s:.1f} times a second; {late} of {len(gaps)} silences over 0.2 s, "
            f"the longest {', '.join(f'{gap:.1f}' for gap in gaps[:3])} s"
        )
        for who, name in ((resource.RUSAGE_SELF, "worker"), (resource.RUSAGE_CHILDREN, "parser")):
            print(f"memory of the {name} at most {resource.getrusage(who).ru_maxrss >> 10} MiB")
        for number, share in enumerate((0.3, 0.8)):
            print(f"cancel at {share:.0%}: ", end="")
            timed_import(path, folder / str(number), cancel_after_s=share * took_s)


def _written(folder: Path, files: int) -> Path:
    """Text, Markdown, HTML and mail of 40 to 160 words each."""
    chance = random.Random(0)
    for number in range(files):
        place = folder / f"{number // _FILES_A_FOLDER:03}"
        place.mkdir(parents=True, exist_ok=True)
        words = ("".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(chance.randint(40, 160)))
        text = " ".join(words)
        name, content = {
            0: ("page.html", f"<title>Page {number}</title><p>{text}</p>"),
            1: ("note.md", f"# Note {number}\n\n{text}"),
            2: ("mail.eml", f"From: a@b\nTo: c@d\nSubject: Mail {number}\nMIME-Version: 1.0\n\n{text}"),
        }.get(number % 10, ("letter.txt", text))
        (place / f"{number}-{name}").write_text(content, encoding="utf-8")
    return folder


if __name__ == "__main__":
    main()
