"""A reader of documents that reads plain text and paged documents in its own format; it starts no child."""

import json
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field

from backburner.documents.chunking import cut
from backburner.documents.passages import Found, find
from backburner.documents.pictures import TEXT_ONLY, PagePicture, Pages, Piece, Rendered, Show, Wish, ranges
from backburner.documents.plain_text import Extracted, Span, plain_text
from backburner.errors import JobError, Reason
from backburner.ports import Clock

_PAGES = b"\0pages"
SIDE_PX = 280
"""The side of a page that is shown, which counts as 116 tokens."""


def paged(*pages: str | None) -> bytes:
    """A document of pages, some with text and some scanned without."""
    return _PAGES + json.dumps(pages).encode()


@dataclass(frozen=True)
class FakeExtractor:
    """Reads marked Unicode, UTF-8 and `paged` documents; uses no thread, and takes time only to draw."""

    clock: Clock | None = None
    slots: AbstractAsyncContextManager[None, bool | None] = field(default_factory=nullcontext)
    draws_s: float = 0.0

    async def extract(self, body: bytes, name: str, wish: Wish = TEXT_ONLY) -> Extracted:
        """The text, complete except for pages that are to be shown."""
        if body.startswith(_PAGES):
            return _paged(json.loads(body.removeprefix(_PAGES)), wish)
        text = plain_text(body, name)
        if text is None:
            raise JobError(Reason.UNSUPPORTED_TYPE, "the fake reads plain text only")
        return Extracted(text)

    async def render(self, body: bytes, name: str, pieces: Sequence[Piece], max_side_px: int) -> list[Rendered]:
        """The name of each page in place of its picture."""
        assert body.startswith(_PAGES), name
        assert max_side_px > 0
        async with self.slots:
            if self.clock is not None and self.draws_s:
                await self.clock.sleep(self.draws_s)
        pages = [piece.page for piece in pieces]
        return [Rendered(page=page, media_type="image/png", body=f"picture of page {page}".encode()) for page in pages]

    async def cut(self, text: str, max_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut."""
        return cut(text, max_chars, overlap_chars)

    async def find(self, text: str, quotes: Sequence[str]) -> list[Found]:
        """Where each quote is."""
        return find(text, quotes)


def _paged(pages: list[str | None], wish: Wish) -> Extracted:
    text, pictures = "", list[PagePicture]()
    for number, page in enumerate(pages, 1):
        if wish.show is Show.ALL or (page is None and wish.show is Show.TEXTLESS):
            pictures.append(PagePicture(page=number, at=len(text), width=SIDE_PX, height=SIDE_PX))
        elif page is not None:
            text += f"{page}\n\n"
    if not text and not pictures:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "pages without text, probably a scan")
    shown = {picture.page for picture in pictures}
    read = (number for number, page in enumerate(pages, 1) if page is not None and number not in shown)
    sent_pages = Pages(text=ranges(read), images=ranges(shown)) if wish.show is not Show.NONE else None
    return Extracted(text, (), tuple(pictures), sent_pages)
