"""Draws pages of a PDF as pictures, through the same C interface that reads them."""

from PIL import Image

from backburner.documents.pictures import Layout, Piece, laid_out
from backburner.errors import JobError, Reason
from backburner.extraction.pdf.completeness import trimmed, with_trailer
from backburner.extraction.pdf.damage import is_damaged
from backburner.extraction.pdf.pdfium import BrokenError, Document, ForeignSecurityError, LockedError, Page
from backburner.extraction.pdf.pixels import Frame, pixels

_POINTS_PER_INCH = 72
_MAX_DPI = 300
"""Small pages are not drawn at a higher resolution: it would show no more."""


def layout_of(page_size: tuple[float, float], max_side_px: int) -> Layout:
    """A page in pixels; `page_size` is in points. Raises `JobError` if it is too long."""
    scale = _MAX_DPI / _POINTS_PER_INCH
    return laid_out(page_size[0] * scale, page_size[1] * scale, max_side_px)


def document_of(body: bytes) -> Document:
    """The open document, repaired if necessary. Raises `JobError`."""
    body = trimmed(body)
    for candidate in (body, with_trailer(body)):
        try:
            return Document(candidate or b"")
        except (BrokenError, LockedError, ForeignSecurityError):
            continue
    raise JobError(Reason.UNREADABLE_DOCUMENT, "a PDF that cannot be drawn: save it again and upload it again")


def drawn(document: Document, piece: Piece, max_side_px: int) -> Image.Image:
    """A page, or a piece of it, as it would be printed: with fields and annotations.

    Raises `JobError`, also if a picture on it is damaged.
    """
    try:
        with document.page(piece.page - 1) as page:
            layout = layout_of(page.size, max_side_px)
            return _drawn(page, Frame(layout.size, layout.place(piece)))
    except BrokenError as error:
        message = f"page {piece.page} of the PDF cannot be drawn: save it again and upload it again"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error


def _drawn(page: Page, frame: Frame) -> Image.Image:
    image = Image.frombytes("RGB", frame.shown, pixels(page, frame), "raw", "BGRX")
    if is_damaged(page, image, frame):
        raise BrokenError
    return image
