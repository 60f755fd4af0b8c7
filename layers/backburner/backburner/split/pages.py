"""Cuts a document whose pages are shown: in page order, with each page and each character in exactly one part."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from backburner.documents.pictures import PagePicture, picture_tokens
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe
from backburner.documents.tokens import part_size
from backburner.errors import JobError, Reason
from backburner.ports import Extractor


@dataclass(frozen=True, kw_only=True)
class Room:
    """How much fits into one part. `picture_scale` is the learnt ratio of a picture's tokens to the estimate."""

    recipe: Recipe
    tokens: float
    pictures: int
    chars_per_token: float
    picture_scale: float

    def of_pictures(self, *pictures: PagePicture) -> float:
        """How many tokens pictures take."""
        return picture_tokens(pictures, self.recipe.images.detail) * self.picture_scale

    def of(self, extracted: Extracted) -> float:
        """How many tokens a document takes, with its pictures."""
        return len(extracted.text) / self.chars_per_token + self.of_pictures(*extracted.pictures)

    def takes(self, extracted: Extracted) -> bool:
        """Whether a document fits into one part."""
        return self.of(extracted) <= self.tokens and len(extracted.pictures) <= self.pictures


@dataclass
class _Part:
    texts: list[str] = field(default_factory=list)
    pictures: list[PagePicture] = field(default_factory=list)
    tokens: float = 0.0

    def add(self, piece: str | PagePicture, tokens: float) -> None:
        self.tokens += tokens
        if isinstance(piece, str):
            self.texts.append(piece)
        else:
            self.pictures.append(replace(piece, at=sum(map(len, self.texts))))

    @property
    def extracted(self) -> Extracted:
        return Extracted("".join(self.texts), pictures=tuple(self.pictures))

    @property
    def is_blank(self) -> bool:
        return not self.pictures and not "".join(self.texts).strip()


async def cut_by_pages(extracted: Extracted, room: Room, extractor: Extractor) -> list[Extracted]:
    """The parts of a document; text longer than a part is cut as usual. Raises `JobError` if a page is too large."""
    parts = [_Part()]
    for piece in _pieces(extracted):
        tokens = room.of_pictures(piece) if isinstance(piece, PagePicture) else len(piece) / room.chars_per_token
        last = parts[-1]
        is_full = isinstance(piece, PagePicture) and len(last.pictures) >= room.pictures
        if is_full or last.tokens + tokens > room.tokens:
            parts.append(_Part())
        if tokens <= room.tokens:
            parts[-1].add(piece, tokens)
        elif isinstance(piece, PagePicture):
            raise _too_large(piece, tokens, room)
        else:
            await _spread(piece, parts, room, extractor)
    return [part.extracted for part in parts if not part.is_blank]


async def _spread(text: str, parts: list[_Part], room: Room, extractor: Extractor) -> None:
    size = part_size(room.recipe, int(room.tokens), room.chars_per_token)
    for number, span in enumerate(await extractor.cut(text, size.max_chars, size.overlap_chars)):
        if number or not parts[-1].is_blank:
            parts.append(_Part())
        piece = text[span.first : span.last]
        parts[-1].add(piece, len(piece) / room.chars_per_token)


def _pieces(extracted: Extracted) -> Iterator[str | PagePicture]:
    """Text and pictures, in order."""
    begin = 0
    for picture in extracted.pictures:
        if picture.at > begin:
            yield extracted.text[begin : picture.at]
        yield picture
        begin = picture.at
    if extracted.text[begin:]:
        yield extracted.text[begin:]


def _too_large(picture: PagePicture, tokens: float, room: Room) -> JobError:
    return JobError(
        Reason.DOCUMENT_TOO_LARGE,
        f"page {picture.page} as a picture of {picture.width} x {picture.height} pixels takes about {tokens:.0f} "
        f"tokens, and there is room for {room.tokens:.0f}: lower images.max_side_px, raise split.max_input_tokens, or "
        "take another model",
    )
