"""Draws a page of a PDF into memory."""

import ctypes

import pypdfium2_raw as c  # type: ignore[import-untyped]

from backburner.extraction.pdf.pdfium import BrokenError, Page


def pixels(page: Page, size: tuple[int, int], *, with_annotations: bool = True) -> bytes:
    """The page on white, four bytes a pixel (blue, green, red, none). Raises `BrokenError`."""
    width, height = size
    drawn = ctypes.create_string_buffer(width * height * 4)
    bitmap = c.FPDFBitmap_CreateEx(width, height, c.FPDFBitmap_BGRx, drawn, width * 4)
    if not bitmap:
        raise BrokenError
    flags = c.FPDF_ANNOT if with_annotations else 0
    try:
        c.FPDFBitmap_FillRect(bitmap, 0, 0, width, height, 0xFFFFFFFF)
        c.FPDF_RenderPageBitmap(bitmap, page.handle, 0, 0, width, height, 0, flags)
        if with_annotations and page.document.form:
            c.FPDF_FFLDraw(page.document.form, bitmap, page.handle, 0, 0, width, height, 0, flags)
    finally:
        c.FPDFBitmap_Destroy(bitmap)
    return drawn.raw
