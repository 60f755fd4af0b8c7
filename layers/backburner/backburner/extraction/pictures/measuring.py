"""Reads a picture as a document: its pages and their sizes, without decoding them."""

from backburner.documents.pictures import PagePicture, Pages, Wish, laid_out, ranges
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.pictures.opening import frames, go_to, must_be_decodable, opened, size_upright

MAX_SHOWN = 5_000
"""The maximum number of pages of a document that are shown."""


def measured(body: bytes, format_: str, wish: Wish) -> Extracted:
    """The pages of a picture. Raises `JobError` if it is damaged or too large."""
    with opened(body, format_) as image:
        count = frames(image, format_)
        pages = count if format_ == "TIFF" else 1
        if pages > MAX_SHOWN:
            raise JobError(Reason.DOCUMENT_TOO_LARGE, f"{pages} pages, at most {MAX_SHOWN} are shown: split it up")
        pictures = list[PagePicture]()
        for number in range(pages):
            go_to(image, number, format_)
            if format_ != "JPEG":  # JPEG can be decoded at a fraction of its size
                must_be_decodable(image, format_)
            pictures += laid_out(*size_upright(image, format_), wish.max_side_px).pictures(number + 1, at=0)
    notes = (f"a moving picture: only the first of its {count} pictures was sent",) if count > pages else ()
    return Extracted("", notes, tuple(pictures), Pages(images=ranges(picture.page for picture in pictures)))
