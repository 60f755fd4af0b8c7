"""Renders pages of a document as pictures that can be sent: the child's second task."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from PIL import Image

from backburner.documents.pictures import Piece, Rendered, laid_out
from backburner.errors import JobError, Reason
from backburner.extraction.pictures.encoding import encoded, prepared
from backburner.extraction.pictures.kinds import picture_format
from backburner.extraction.pictures.opening import go_to, opened, size_upright

MAX_BYTES = 1024 * 1024
"""The maximum size of one page."""
MAX_TOGETHER_BYTES = 16 * 1024 * 1024
"""The maximum size of all pages of one request; base64 and JSON turn it into 22 MB."""


def rendered(body: bytes, pieces: Sequence[Piece], max_side_px: int) -> Iterator[Rendered]:
    """The pages or their pieces, in the order of `pieces`. Raises `JobError` if one of them cannot be shown."""
    max_bytes = min(MAX_BYTES, MAX_TOGETHER_BYTES // max(1, len(pieces)))
    for number, image in _images(body, pieces, max_side_px):
        media_type, picture = encoded(image, max_bytes)
        yield Rendered(page=number, media_type=media_type, body=picture)


def _images(body: bytes, pieces: Iterable[Piece], max_side_px: int) -> Iterator[tuple[int, Image.Image]]:
    if format_ := picture_format(body):
        with opened(body, format_) as image:
            for page, group in groupby(pieces, key=lambda piece: piece.page):
                if page > 1:
                    go_to(image, page - 1, format_)
                layout = laid_out(*size_upright(image, format_), max_side_px)
                whole = prepared(image, format_, max_side_px)
                for piece in group:
                    place = layout.place(piece)
                    yield page, whole.crop(place) if piece.of > 1 else whole
        return
    if b"%PDF-" not in body[:1024]:
        raise JobError(Reason.UNSUPPORTED_TYPE, "neither a picture nor a PDF: it has no pages that could be shown")
    from backburner.extraction.pdf.rendering import document_of, drawn  # noqa: PLC0415 - a child reads one document

    with document_of(body) as document:
        for piece in pieces:
            yield piece.page, drawn(document, piece, max_side_px)
