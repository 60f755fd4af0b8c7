"""Draws pages of a PDF as pictures, through the same C interface that reads them."""

from PIL import Image

from backburner.documents.pictures import fitted
from backburner.errors import JobError, Reason
from backburner.extraction.pdf.completeness import trimmed, with_trailer
from backburner.extraction.pdf.damage import is_damaged
from backburner.extraction.pdf.pdfium import BrokenError, Document, ForeignSecurityError, LockedError, Page
from backburner.extraction.pdf.pixels import pixels

_POINTS_PER_INCH = 72
_MAX_DPI = 300
"""Small pages are not drawn at a higher resolution: it would show no more."""


def size_drawn(page_size: tuple[float, float], max_side_px: int) -> tuple[int, int]:
    """Width and height of a page in pixels; `page_size` is in points."""
    scale = _MAX_DPI / _POINTS_PER_INCH
    return fitted(page_size[0] * scale, page_size[1] * scale, max_side_px)


def document_of(body: bytes) -> Document:
    """The open document, repaired if necessary. Raises `JobError`."""
    body = trimmed(body)
    for candidate in (body, with_trailer(body)):
        try:
            return Document(candidate or b"")
        except (BrokenError, LockedError, ForeignSecurityError):
            continue
    raise JobError(Reason.UNREADABLE_DOCUMENT, "a PDF that cannot be drawn: save it again and upload it again")


def drawn(document: Document, number: int, max_side_px: int) -> Image.Image:
    """A page, counted from 1, as it would be printed: with fields and annotations.

    Raises `JobError`, also if a picture on it is damaged.
    """
    try:
        with document.page(number - 1) as page:
            return _drawn(page, size_drawn(page.size, max_side_px))
    except BrokenError as error:
        message = f"page {number} of the PDF cannot be drawn: save it again and upload it again"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error


def _drawn(page: Page, size: tuple[int, int]) -> Image.Image:
    image = Image.frombytes("RGB", size, pixels(page, size), "raw", "BGRX")
    if is_damaged(page, image):
        raise BrokenError
    return image
