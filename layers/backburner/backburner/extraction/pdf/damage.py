"""Whether the pictures on a page were really drawn: PDFium draws nothing, or black, in place of a damaged one."""

import ctypes
from typing import Any

import pypdfium2_raw as c  # type: ignore[import-untyped]
from PIL import Image

from backburner.extraction.pdf.drawing import Box, shared
from backburner.extraction.pdf.objects import pictures
from backburner.extraction.pdf.pdfium import Page
from backburner.extraction.pdf.pixels import Frame

_SMALL = 0.002
"""The share of a page that damaged pictures may take, as a spoilt ornament does."""
_LARGE_PX, _MAX_PX = 10_000_000, 50_000_000
"""Larger pictures are decoded again only if they look like one colour; the largest never, for want of memory."""
_FEWEST_BITS = 8
"""Pixels that PDFium counts with 8 bits may have been stored with 1."""
_CODED = frozenset({"DCTDecode", "DCT", "JPXDecode", "JBIG2Decode", "CCITTFaxDecode", "CCF"})
"""Filters that PDFium decodes only when it draws: the bytes before them say nothing about the number of pixels."""
_FAX = frozenset({"JBIG2Decode", "CCITTFaxDecode", "CCF"})
_EVEN_FAX_BYTES = 8
"""The most bytes that a line of one colour takes in a fax; in JBIG2 it takes far fewer."""


def is_damaged(page: Page, drawn: Image.Image, frame: Frame) -> bool:
    """Whether pictures are missing from a page of which a frame has just been drawn."""
    missing = 0.0
    for picture, box in pictures(page.objects()):
        share = shared(box, page.box)
        if share and _is_lost(picture, page, _is_even(drawn, frame, box, page)):
            missing += share
    return missing > _SMALL


def _is_lost(picture: Any, page: Page, is_even: bool) -> bool:  # noqa: FBT001 - one of two facts about a picture
    width, height = ctypes.c_uint(), ctypes.c_uint()
    if not c.FPDFImageObj_GetImagePixelSize(picture, width, height):
        return is_even
    pixels = width.value * height.value
    if (pixels <= _LARGE_PX or is_even) and pixels <= _MAX_PX and not _can_be_decoded(picture):
        return True
    return is_even and _is_short(picture, page, pixels, height.value)


def _can_be_decoded(picture: Any) -> bool:
    bitmap = c.FPDFImageObj_GetBitmap(picture)
    if bitmap:
        c.FPDFBitmap_Destroy(bitmap)
    return bool(bitmap)


def _is_short(picture: Any, page: Page, pixels: int, lines: int) -> bool:
    """Whether a picture of one colour has far fewer bytes than pixels or, if black and white, more than it takes."""
    size_bytes = c.FPDFImageObj_GetImageDataDecoded(picture, None, 0)
    filters = _filters(picture)
    if filters and filters[-1] in _CODED:
        return filters[-1] in _FAX and size_bytes > _EVEN_FAX_BYTES * lines
    facts = c.FPDF_IMAGEOBJ_METADATA()
    c.FPDFImageObj_GetImageMetadata(picture, page.handle, facts)
    return bool(size_bytes < pixels * facts.bits_per_pixel / 8 / _FEWEST_BITS)


def _filters(picture: Any) -> list[str]:
    name = ctypes.create_string_buffer(32)
    found = list[str]()
    for at in range(max(c.FPDFImageObj_GetImageFilterCount(picture), 0)):
        c.FPDFImageObj_GetImageFilter(picture, at, name, len(name))
        found.append(name.value.decode("latin-1"))
    return found


def _is_even(drawn: Image.Image, frame: Frame, box: Box, page: Page) -> bool:
    """Whether the place of a picture has one colour."""
    corners = [_at(page, frame, x, y) for x in (box[0], box[2]) for y in (box[1], box[3])]
    xs, ys = zip(*corners, strict=True)
    place = max(min(xs), 0), max(min(ys), 0), min(max(xs), drawn.width), min(max(ys), drawn.height)
    return place[0] < place[2] and place[1] < place[3] and bool(drawn.crop(place).getcolors(1))


def _at(page: Page, frame: Frame, x: float, y: float) -> tuple[int, int]:
    """Where a point of the page stands in its frame."""
    across, down = ctypes.c_int(), ctypes.c_int()
    c.FPDF_PageToDevice(page.handle, *frame.on_page, 0, x, y, across, down)
    return across.value, down.value
