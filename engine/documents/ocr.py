"""Recognises the words of a picture: RapidOCR's models on onnxruntime, from the package itself, without network."""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

import numpy as np

from engine.documents.content import clean, one_line
from engine.documents.page_layout import Line, Word
from engine.machine_settings import machine_settings

LOW_CONFIDENCE = 0.85  # below it the list warns
_THREADS_MAX = 4
_TALL = 1.5  # height over width of a text box that stands upright
_FLIPPED = 0.8  # the classifier's certainty that a line stands on its head
_LEAST_SCORE = 0.5  # what a line is recognised with at least; below it is a stain
_WORD = re.compile(r"\S+")

Quad = Sequence[Sequence[float]]  # upper left, upper right, lower right, lower left


@dataclass(frozen=True, slots=True)
class Recognised:
    """The lines of a picture, their boxes in its pixels, and the models' mean confidence in its letters."""

    lines: tuple[Line, ...] = ()
    confidence: float = 0.0  # 0 to 1

    def scaled(self, factor: float) -> Recognised:
        """Return the same with the boxes in another unit."""
        return Recognised(tuple(_scaled(line, factor) for line in self.lines), self.confidence)


def recognise(picture: np.ndarray) -> Recognised:
    """Return the lines of a picture, uint8 of shape (height, width, 3) in BGR, whichever way up it is.

    The lines lie as if the picture had been turned upright and straight, their words where they are in the picture.
    """
    from rapidocr.main import RapidOCRError

    try:
        found, turns = _found(picture)
    except RapidOCRError:  # its way to say that there is no text
        return Recognised()
    if found.boxes is None or found.txts is None or len(found.txts) == 0:
        return Recognised()
    tilt = _tilt(found.boxes)
    lines: list[Line] = []
    scores: list[tuple[float, int]] = []
    words = found.word_results if found.word_results and len(found.word_results) == len(found.txts) else None
    for number, (quad, said, score) in enumerate(zip(found.boxes, found.txts, found.scores, strict=True)):
        text = one_line(clean(unicodedata.normalize("NFKC", said)))
        if not text or score < _LEAST_SCORE:
            continue
        boxes = _word_boxes(text, quad, words[number] if words else None)
        placed = tuple(
            Word(start, end, *_turned_back(box, turns, picture.shape[0], picture.shape[1])) for start, end, box in boxes
        )
        lines.append(_line(text, number, quad, tilt, placed))
        scores.append((float(score), len(text)))
    letters = sum(length for _, length in scores)
    return Recognised(tuple(lines), sum(score * length for score, length in scores) / letters if letters else 0.0)


@cache
def _models() -> Any:
    """Load the models once a process."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rapidocr import RapidOCR

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    allowed = machine_settings().threads or _THREADS_MAX
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.text_score": 0.0,  # filtered here
            "Global.return_word_box": True,
            # RapidOCR holds any number but -1 against a count of cores, which not every system tells.
            "EngineConfig.onnxruntime.intra_op_num_threads": min(cores, _THREADS_MAX, allowed) if cores else -1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1 if cores else -1,
        }
    )


def _found(picture: np.ndarray) -> tuple[Any, int]:
    """Run the models; return what they found and by how many quarter turns the picture had to be turned for it."""
    models = _models()
    turns = 0
    upright = picture
    while True:
        resized, record = models.preprocess_img(upright)
        crops, detected = models.detect_and_crop(resized, record)
        straight, directions = models.cls_and_rotate(crops)
        needed = 0 if turns else _turns(detected.boxes, directions.cls_res)
        if not needed:
            recognised = models.recognize_txt(straight)
            return models.build_final_output(upright, detected, directions, recognised, crops, record), turns
        turns = needed
        upright = np.ascontiguousarray(np.rot90(picture, turns))


def _turns(quads: np.ndarray, directions: Sequence[tuple[str, float]]) -> int:
    """Return by how many quarter turns against the clock the picture must be turned to be upright."""
    sides = [(math.dist(quad[0], quad[1]), math.dist(quad[0], quad[3])) for quad in quads]
    long = [number for number, (width, height) in enumerate(sides) if max(width, height) > 2.5 * min(width, height)]
    if len(long) < 2:
        return 0
    sideways = sum(sides[number][1] > _TALL * sides[number][0] for number in long) > len(long) / 2
    flipped = (
        sum("180" in directions[number][0] and directions[number][1] > _FLIPPED for number in long) > len(long) / 2
    )
    return (3 if flipped else 1) if sideways else (2 if flipped else 0)


def _tilt(quads: np.ndarray) -> float:
    """The angle of the lines against the horizontal, in radians."""
    angles = [
        math.atan2(quad[1][1] - quad[0][1], quad[1][0] - quad[0][0])
        for quad in quads
        if math.dist(quad[0], quad[1]) > 3 * math.dist(quad[0], quad[3])
    ]
    return median(angles) if angles else 0.0


def _line(text: str, number: int, quad: Quad, tilt: float, words: tuple[Word, ...]) -> Line:
    cosine, sine = math.cos(-tilt), math.sin(-tilt)
    xs = [x * cosine - y * sine for x, y in quad]
    ys = [x * sine + y * cosine for x, y in quad]
    height = min(math.dist(quad[0], quad[3]), max(ys) - min(ys))
    middle = sum(ys) / 4
    size = max(height * 0.8, 1.0)  # the detector's boxes reach a little over the letters
    return Line(text, number * 1000, min(xs), middle - size / 2, max(xs), middle + size / 2, size, words=words)


def _word_boxes(text: str, quad: Quad, found: Sequence[Any] | None) -> Iterator[tuple[int, int, Quad]]:
    """Yield start and end of each word in `text` and its box: the recogniser's, or its share of the line's."""
    own = [(one_line(clean(unicodedata.normalize("NFKC", word[0]))), word[2]) for word in found or ()]
    if own and "".join("".join(word.split()) for word, _ in own) == "".join(text.split()):
        position = 0
        for word, box in own:
            if not word:
                continue
            start = text.find(word, position)
            if start < 0:
                break
            position = start + len(word)
            yield start, position, box
        else:
            return
        if position:
            return
    for match in _WORD.finditer(text):
        first, last = match.start() / len(text), match.end() / len(text)
        yield (
            match.start(),
            match.end(),
            (
                _between(quad[0], quad[1], first),
                _between(quad[0], quad[1], last),
                _between(quad[3], quad[2], last),
                _between(quad[3], quad[2], first),
            ),
        )


def _between(one: Sequence[float], other: Sequence[float], share: float) -> tuple[float, float]:
    return one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share


def _turned_back(quad: Quad, turns: int, height: int, width: int) -> tuple[float, float, float, float]:
    """Left, top, right and bottom in the picture as it was before `turns` quarter turns against the clock."""
    match turns:
        case 1:
            points = [(width - 1 - y, x) for x, y in quad]
        case 2:
            points = [(width - 1 - x, height - 1 - y) for x, y in quad]
        case 3:
            points = [(y, height - 1 - x) for x, y in quad]
        case _:
            points = [(x, y) for x, y in quad]
    xs, ys = [float(x) for x, _ in points], [float(y) for _, y in points]
    return min(xs), min(ys), max(xs), max(ys)


def _scaled(line: Line, factor: float) -> Line:
    words = tuple(
        Word(word.start, word.end, word.x0 * factor, word.y0 * factor, word.x1 * factor, word.y1 * factor)
        for word in line.words
    )
    edges = (line.x0 * factor, line.y0 * factor, line.x1 * factor, line.y1 * factor)
    return Line(line.text, line.first, *edges, line.size * factor, words=words)
