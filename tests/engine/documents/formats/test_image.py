"""Pictures as documents."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from engine.documents.formats import image
from engine.documents.reading import Reading
from engine.errors import DocumentError
from tests.engine.documents import example_files

LINES = ("Give five milligrams twice a day", "and call the doctor in the morning", "if the fever does not go down")


def _written(*pictures: Image.Image, kind: str = "PNG") -> bytes:
    written = io.BytesIO()
    more = {"save_all": True, "append_images": pictures[1:]} if len(pictures) > 1 else {}
    pictures[0].save(written, kind, **more)
    return written.getvalue()


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_picture_is_read_whichever_way_up_it_is(turns: int) -> None:
    picture = example_files.scan(*LINES, turns=turns)
    content = image.read(_written(picture, kind="PNG" if turns % 2 else "JPEG"), Reading())
    assert content.text.split() == " ".join(LINES).split()
    words = {content.text[start:end]: box for start, end, *box in content.scanned[0].words}
    left, top, right, bottom = (edge / 10 for edge in words["Give"])
    dark = picture.crop((int(left), int(top), int(right) + 1, int(bottom) + 1)).convert("L").getextrema()[0]
    assert dark < 100  # there is ink where the word is said to be
    assert 0 <= left < right <= picture.width and 0 <= top < bottom <= picture.height


def test_each_picture_of_a_tiff_is_a_page() -> None:
    pictures = [example_files.scan(f"This is page number {word}") for word in ("one", "two")]
    content = image.read(_written(*pictures, kind="TIFF"), Reading())
    assert [content.text[start:].split()[4] for start in content.page_starts] == ["one", "two"]


def test_a_picture_without_words_is_refused_as_one() -> None:
    with pytest.raises(DocumentError, match="no words were found"):
        image.read(_written(Image.new("RGB", (400, 300), "white")), Reading())


def test_a_damaged_or_enormous_picture_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DocumentError, match="damaged"):
        image.read(_written(Image.new("RGB", (400, 300), "white"))[:60], Reading())
    monkeypatch.setattr(image, "PIXELS_MAX", 1000)
    with pytest.raises(DocumentError, match="more pixels"):
        image.read(_written(Image.new("RGB", (400, 300), "white")), Reading())
