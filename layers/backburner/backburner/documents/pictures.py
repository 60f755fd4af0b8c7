"""Pages that are sent to the model as pictures: which ones, and how much of a context window they take."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

import msgspec

_PATCH_PX = 28
"""The side of the square that is one token: models cut pictures into squares of 28 or 32 pixels."""
_AROUND_TOKENS = 16
"""For the text around a picture: its marks, and our label."""
_LOW_SIDE_PX = 512
"""The size to which the provider reduces a picture with `detail: low`."""


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


class PagePicture(msgspec.Struct, frozen=True, kw_only=True):
    """One page that is shown: `page` counts from 1, `at` is its place in the text, its size is in pixels."""

    page: int
    at: int
    width: int
    height: int


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


def ranges(pages: Iterable[int]) -> str:
    """Page numbers as people write them: "1-3, 7"."""
    return ", ".join(f"{first}-{last}" if last > first else f"{first}" for first, last in _runs(pages))


def _runs(pages: Iterable[int]) -> Iterator[tuple[int, int]]:
    for _, group in groupby(enumerate(sorted(set(pages))), key=lambda item: item[1] - item[0]):
        run = [page for _, page in group]
        yield run[0], run[-1]
