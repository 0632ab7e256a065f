"""Draws the page a citation opens, with the boxes of the quoted characters: runs in the parser child."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import msgspec

from engine.errors import DocumentError

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

Box = tuple[float, float, float, float]  # left, top, right, bottom; y grows downwards

_WIDTH_PIXELS_MAX = 4000


class Draw(msgspec.Struct, frozen=True, tag=True):
    """A page to draw. `name` is the file's digest; its bytes follow in a frame of their own when `sends_file`."""

    name: str
    kind: Literal["pdf", "image"]
    page: int  # 1-based
    width_pixels: int
    text: str = ""  # the page's, as the document has it
    header: str = ""  # what of it are running lines
    footer: str = ""
    start: int = 0  # the quoted span in `text`
    end: int = 0
    sends_file: bool = False
    mail: str = ""  # name of the mail that the page's file may be attached to
    attachment: tuple[int, ...] = ()  # and the way to it there


class Drawn(msgspec.Struct, frozen=True):
    """The page as PNG and the boxes of the span in points; or a sentence and a hint."""

    picture: bytes = b""
    width: float = 0.0  # of the page in points
    height: float = 0.0
    boxes: tuple[Box, ...] = ()
    message: str = ""
    hint: str = ""


@dataclass(slots=True)
class Artist:
    """Draws pages of one file after the other; the file drawn last is kept open."""

    _name: str = ""
    _data: bytes = b""
    _document: PdfDocument | None = field(default=None)
    _attachment: tuple[int, ...] = ()

    def take(self, name: str, data: bytes) -> None:
        """Have `data` for what is asked next."""
        if self._document is not None:
            self._document.close()
        self._name, self._data, self._document, self._attachment = name, data, None, ()

    def _take_attachment(self, mail: str, way: tuple[int, ...]) -> None:
        from engine.documents.detection import detect
        from engine.documents.parser_child import attached

        self._attachment = way
        if detect(mail, self._data) in ("eml", "msg"):  # else a file of its own with such a name
            _, self._data = attached(mail, self._data, way)

    def draw(self, request: Draw) -> Drawn:
        """Draw a page. Every failure is a reply."""
        try:
            if request.attachment and self._attachment != request.attachment:
                self._take_attachment(request.mail, request.attachment)
            if request.name != self._name:
                raise DocumentError("The file of this page was not handed over.", hint="Open the page again.")
            if request.kind == "image":
                return self._image(request)
            return self._pdf_page(request)
        except DocumentError as error:
            return Drawn(message=error.message.replace("{name}", "The file"), hint=error.hint)
        except Exception as error:  # noqa: BLE001 - the border of the foreign parsers
            return Drawn(
                message=f"The page can't be drawn: the file is damaged ({type(error).__name__}).",
                hint="Its text can be read all the same.",
            )

    def _pdf_page(self, request: Draw) -> Drawn:
        import pypdfium2.raw as raw
        from PIL import Image

        from engine.documents.formats.pdf.boxes import span_boxes
        from engine.documents.formats.pdf.opening import open_document
        from engine.documents.reading import Reading

        if self._document is None:
            self._document = open_document(self._data, Reading())
            if self._document.get_formtype() != raw.FORMTYPE_NONE:
                self._document.init_forms()
        page = self._document[request.page - 1]
        try:
            width, height = page.get_size()
            scale = min(request.width_pixels, _WIDTH_PIXELS_MAX) / max(width, 1.0)
            scale = min(scale, _WIDTH_PIXELS_MAX / max(height, 1.0))
            bitmap = page.render(scale=scale, force_bitmap_format=raw.FPDFBitmap_BGR, rev_byteorder=True)
            picture = _png(Image.fromarray(bitmap.to_numpy()))
            bitmap.close()
            boxes: Sequence[Box] = ()
            if request.end > request.start:
                boxes = span_boxes(
                    page,
                    self._document,
                    text=request.text,
                    header=request.header,
                    footer=request.footer,
                    start=request.start,
                    end=request.end,
                )
        finally:
            page.close()
        return Drawn(picture, width, height, tuple(boxes))

    def _image(self, request: Draw) -> Drawn:
        from engine.documents.formats.image import pictures

        for number, (page, _) in enumerate(pictures(self._data), 1):
            if number == request.page:
                factor = min(1.0, request.width_pixels / page.width)
                small = page.resize((max(1, round(page.width * factor)), max(1, round(page.height * factor))))
                return Drawn(_png(small), float(page.width), float(page.height))
        raise DocumentError("{name} has no such page.", hint="Import it again.")


def _png(picture: object) -> bytes:
    written = io.BytesIO()
    picture.save(written, "PNG", compress_level=1)  # type: ignore[attr-defined]  # Pillow is imported late
    return written.getvalue()
