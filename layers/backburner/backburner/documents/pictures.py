"""Pages that are sent to the model as pictures: which ones, and how much of a context window they take."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import msgspec

from backburner.errors import JobError, Reason

_PATCH_PX = 28
"""The side of the square that is one token: models cut pictures into squares of 28 or 32 pixels."""
_AROUND_TOKENS = 16
"""For the text around a picture: its marks, and our label."""
_LOW_SIDE_PX = 512
"""The size to which the provider reduces a picture with `detail: low`."""

_LONG = 4
"""A page whose longer side is more than this many times the shorter one is cut if it is too large."""
_LITTLE_REDUCED = 0.75
"""Nor is it cut if it is only reduced to this share of its size, or more."""
_OVERLAPS = 16
"""The next piece repeats one part in this many of a piece."""
_MAX_PIECES, _LEAST_REDUCED = 40, 0.5
"""A page that would make more is reduced further, but not below this share of its usual size."""


class Show(StrEnum):
    """Which pages of a document are to be shown as pictures."""

    NONE = "none"
    TEXTLESS = "textless"
    """Pages without text, or whose text cannot be read."""
    ALL = "all"


@dataclass(frozen=True)
class Wish:
    """How pages are to be shown: at most `max_side_px` pixels long."""

    show: Show = Show.NONE
    max_side_px: int = 1600


TEXT_ONLY = Wish()


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """What one picture shows of a page: all of it or, of a long page, one of its pieces. Both count from 1."""

    page: int
    number: int = 1
    of: int = 1


class PagePicture(msgspec.Struct, frozen=True, kw_only=True):
    """One page that is shown: `page` counts from 1, `at` is its place in the text, its size is in pixels.

    A long page is several pictures, which are its pieces in order.
    """

    page: int
    at: int
    width: int
    height: int
    number: int = 1
    pieces: int = 1

    @property
    def piece(self) -> Piece:
        """What it shows."""
        return Piece(self.page, self.number, self.pieces)

    @property
    def label(self) -> str:
        """What the model reads before it."""
        piece = f", piece {self.number} of {self.pieces}" if self.pieces > 1 else ""
        return f"[page {self.page}{piece}]"


class Pages(msgspec.Struct, frozen=True, kw_only=True):
    """How each page was sent, as ranges ("1-3, 7"); `blank` pages show nothing, `unread` ones are damaged."""

    text: str = ""
    images: str = ""
    blank: str = ""
    unread: str = ""


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A page as a picture in a format that every model accepts: JPEG or PNG."""

    page: int
    media_type: str
    body: bytes


class PagesPart(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a document with pictures: some of its text, and the pages of the document at `key` shown with it."""

    key: str
    etag: str
    text: str
    pictures: list[PagePicture]


def picture_tokens(pictures: Iterable[PagePicture], detail: str) -> int:
    """The estimated tokens of pictures, by their size; the estimate's error is learnt per model."""
    return sum(_tokens(picture, detail) for picture in pictures)


def _tokens(picture: PagePicture, detail: str) -> int:
    longest = max(picture.width, picture.height)
    scale = min(1.0, _LOW_SIDE_PX / longest) if detail == "low" else 1.0
    columns, rows = (math.ceil(side * scale / _PATCH_PX) for side in (picture.width, picture.height))
    return columns * rows + _AROUND_TOKENS


def fitted(width: float, height: float, max_side_px: int) -> tuple[int, int]:
    """The size in pixels after reducing something to `max_side_px`; it is never enlarged."""
    scale = min(1.0, max_side_px / max(width, height, 1.0))
    return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class Layout:
    """A page in pixels: its size, and the places of its pieces: left, top, right, bottom."""

    size: tuple[int, int]
    places: Sequence[tuple[int, int, int, int]]

    def place(self, piece: Piece) -> tuple[int, int, int, int]:
        """Where a piece is. Raises `JobError` if the page was laid out in another way when its document was cut."""
        if piece.of != len(self.places):
            message = f"page {piece.page} was cut by another version of Backburner: upload the document again"
            raise JobError(Reason.UNREADABLE_DOCUMENT, message)
        return self.places[piece.number - 1]

    def pictures(self, page: int, at: int) -> Iterator[PagePicture]:
        """The pictures of a page."""
        for number, (left, top, right, bottom) in enumerate(self.places, 1):
            yield PagePicture(
                page=page, at=at, width=right - left, height=bottom - top, number=number, pieces=len(self.places)
            )


def laid_out(width: float, height: float, max_side_px: int) -> Layout:
    """How a page is shown: reduced to `max_side_px`, or cut into pieces if it would be too small to read.

    Pieces overlap, so that each line is whole in one of them. Raises `JobError` if even many pieces would be too small.
    """
    longer, shorter = max(width, height, 1.0), max(min(width, height), 1.0)
    if longer <= _LONG * shorter or max_side_px >= _LITTLE_REDUCED * longer:
        size = fitted(width, height, max_side_px)
        return Layout(size, [(0, 0, *size)])
    overlap = max_side_px // _OVERLAPS
    wanted, possible = min(1.0, max_side_px / shorter), (_MAX_PIECES * (max_side_px - overlap) + overlap) / longer
    if possible < _LEAST_REDUCED * wanted:
        message = f"a page of {width:.0f} x {height:.0f} pixels is too long to be shown: cut it, and upload its pieces"
        raise JobError(Reason.DOCUMENT_TOO_LARGE, message)
    scale = min(wanted, possible)
    length = round(longer * scale)
    count = min(_MAX_PIECES, math.ceil((length - overlap) / (max_side_px - overlap)))
    begins = [round(at * (length - max_side_px) / (count - 1)) for at in range(count)]
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if width > height:
        return Layout(size, [(begin, 0, begin + max_side_px, size[1]) for begin in begins])
    return Layout(size, [(0, begin, size[0], begin + max_side_px) for begin in begins])


def ranges(pages: Iterable[int]) -> str:
    """Page numbers as people write them: "1-3, 7"."""
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in _runs(pages))


def _runs(pages: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, group in groupby(enumerate(sorted(set(pages))), key=lambda item: item[1] - item[0]):
        run = [page for _, page in group]
        yield run[0], run[-1]
