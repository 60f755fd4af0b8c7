"""Draws a page of a PDF into memory."""

import ctypes
from dataclasses import dataclass

import pypdfium2_raw as c  # type: ignore[import-untyped]

from backburner.extraction.pdf.pdfium import BrokenError, Page


@dataclass(frozen=True)
class Frame:
    """What is drawn of a page: the size of all of it in pixels, and the place within that is shown."""

    size: tuple[int, int]
    place: tuple[int, int, int, int]
    """Left, top, right, bottom."""

    @property
    def shown(self) -> tuple[int, int]:
        """The size of what is shown."""
        left, top, right, bottom = self.place
        return right - left, bottom - top

    @property
    def on_page(self) -> tuple[int, int, int, int]:
        """Where PDFium is to put the page: left, top, width, height."""
        return -self.place[0], -self.place[1], *self.size


def pixels(page: Page, frame: Frame, *, with_annotations: bool = True) -> bytes:
    """The frame on white, four bytes a pixel (blue, green, red, none). Raises `BrokenError`."""
    width, height = frame.shown
    drawn = ctypes.create_string_buffer(width * height * 4)
    bitmap = c.FPDFBitmap_CreateEx(width, height, c.FPDFBitmap_BGRx, drawn, width * 4)
    if not bitmap:
        raise BrokenError
    flags = c.FPDF_ANNOT if with_annotations else 0
    try:
        c.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        c.FPDF_RenderPageBitmap(bitmap, page.handle, *frame.on_page, 0, flags)
        if with_annotations and page.document.form:
            c.FPDF_FFLDraw(page.document.form, bitmap, page.handle, *frame.on_page, 0, flags)
    finally:
        c.FPDFBitmap_Destroy(bitmap)
    return drawn.raw
