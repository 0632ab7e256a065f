"""Pictures as documents: PNG, JPEG, TIFF with all its pages, and the like; their words are recognised."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image, ImageOps, ImageSequence, UnidentifiedImageError

from engine.documents.content import Content
from engine.documents.formats.pdf.joining import joined, recognition_note
from engine.documents.formats.pdf.page import PageLayout, scan_layout
from engine.documents.ocr import recognise
from engine.documents.reading import Reading
from engine.errors import DocumentError

PIXELS_MAX = 100_000_000  # of one picture: a page of A3 at 600 dpi has 70 million
_PAGES_MAX = 2000
_SIDE_PIXELS_MAX = 3600  # what is recognised; the boxes are in the points of the picture as it is


def read(data: bytes, reading: Reading) -> Content:
    """Return the recognised text of a picture. Raises DocumentError where there is none."""
    pages: list[PageLayout] = []
    for page, count in pictures(data):
        factor = min(1.0, _SIDE_PIXELS_MAX / max(page.size))
        small = page if factor == 1.0 else page.resize([max(1, round(side * factor)) for side in page.size])
        found = recognise(np.asarray(small)[:, :, ::-1].copy())
        pages.append(scan_layout(found.scaled(1 / factor), float(page.height)))
        reading.report_recognised(len(pages), count)
    content, _ = joined("image", pages)
    if not content.text.strip():
        raise DocumentError(
            "{name} is a picture in which no words were found.",
            hint="If it is a scan, scan it again at 200 dpi or more, dark on white, and import that.",
        )
    return replace(content, notes=(recognition_note(content, pages),))


def pictures(data: bytes) -> Iterator[tuple[Image.Image, int]]:
    """Yield the pages of a picture file upright, in RGB on white, with how many there are. A pixel is a point."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of sizes; the limit below is ours
            opened = Image.open(io.BytesIO(data))
            count = min(int(getattr(opened, "n_frames", 1)), _PAGES_MAX) if opened.format in ("TIFF", "MPO") else 1
            for frame in ImageSequence.Iterator(opened):
                yield _on_white(frame), count
                if frame.tell() + 1 >= count:
                    return
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise DocumentError(
            "{name} is damaged: the picture can't be drawn.",
            hint="Open it in its own program, save it again as PNG and import that.",
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large() from error


def _on_white(frame: Image.Image) -> Image.Image:
    if frame.width * frame.height > PIXELS_MAX:
        raise _too_large()
    upright = ImageOps.exif_transpose(frame)
    if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)
    elif upright.mode.startswith("I") or upright.mode == "F":
        values = np.asarray(upright, dtype=np.float32)
        low, high = float(values.min()), float(values.max())
        upright = Image.fromarray(((values - low) * (255 / max(high - low, 1e-6))).astype(np.uint8))
    return upright.convert("RGB")


def _too_large() -> DocumentError:
    return DocumentError(
        "{name} has more pixels than a page can have.", hint="Save it smaller (300 dpi are enough) and import that."
    )
