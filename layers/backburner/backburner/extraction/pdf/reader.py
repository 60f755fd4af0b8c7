"""A PDF as Markdown: pages in order, notes where something is missing, attachments at the end."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from backburner.documents.pictures import TEXT_ONLY, PagePicture, Pages, Show, Wish, ranges
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction import markdown
from backburner.extraction.pdf.attachments import attached
from backburner.extraction.pdf.blocks import Block
from backburner.extraction.pdf.completeness import is_truncated, trimmed, with_trailer
from backburner.extraction.pdf.fallback import damaged_pages, is_readable, second_reading
from backburner.extraction.pdf.legibility import Fault, notes_of
from backburner.extraction.pdf.page import PageText, page_text
from backburner.extraction.pdf.pdfium import BrokenError, Document, ForeignSecurityError, LockedError
from backburner.extraction.pdf.xfa import xfa_text
from backburner.extraction.plausibility import plausible

_HEADING = 1.15
"""Larger than the usual font size by this factor: a heading."""
_MAX_HEADING = 200
_MAX_HEADING_LINES = 4
_LEVELS = 4
_XFA = "an XFA form, which only Adobe's programs show: print it to a PDF there"
_XFA_VALUES = f"{_XFA}; here are the values of its fields"
_BETWEEN = "\n\n"
_LETTER = re.compile(r"[^\W\d_]")


@dataclass
class _Reading:
    """What has been read of a document."""

    pages: list[PageText] = field(default_factory=list)
    attachments: list[tuple[str, bytes]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    xfa: str = ""


def read_pdf(
    body: bytes, inner: Callable[[bytes, str], Extracted], max_pages: int, wish: Wish = TEXT_ONLY
) -> Extracted:
    """The text of a PDF, with a note for each page and attachment that cannot be read. Raises `JobError`.

    `inner` reads attachments; `wish` says which pages are left to be shown as pictures.
    """
    body = trimmed(body)
    if is_truncated(body):
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a truncated PDF: upload the complete file")
    reading = _opened(body, max_pages) or _opened(with_trailer(body) or b"", max_pages) or _Reading()
    _use_second_reader(body, reading)
    _leave_to_be_shown(reading, wish.show)
    _refuse_without_text(reading)
    text = "\n".join(block.text for page in reading.pages for block in page.blocks)
    plausible(Extracted(text), "a PDF")  # without our notes, which are all readable
    notes = list(notes_of((number, page.fault) for number, page in enumerate(reading.pages, 1) if page.fault))
    files, file_notes = attached(reading.attachments, inner)
    head, pages = _head(reading), _pages(reading)
    text, pictures = _together([*head, *chain.from_iterable(pages), *files], reading, wish)
    return Extracted(
        text,
        (*reading.notes, *notes, *file_notes),
        pictures,
        _sent(reading) if wish.show is not Show.NONE else None,
        tuple(_begins(head, pages)),
    )


def _leave_to_be_shown(reading: _Reading, show: Show) -> None:
    """Mark the pages to be shown: of what was read of them, only their remarks are sent as well.

    Raises `JobError` if all are to be shown and one is damaged.
    """
    for number, page in enumerate(reading.pages, 1):
        if show is Show.ALL and page.fault is Fault.BROKEN:
            message = f"page {number} of the PDF is damaged and cannot be shown: save it again and upload it again"
            raise JobError(Reason.UNREADABLE_DOCUMENT, message)
        is_wanted = show is Show.ALL or (show is Show.TEXTLESS and page.fault is not None and page.fault.is_cured)
        if is_wanted and page.size is not None:
            page.is_shown, page.fault, page.blocks = True, None, []


def _together(pieces: Sequence[str | int], reading: _Reading, wish: Wish) -> tuple[str, tuple[PagePicture, ...]]:
    """One text of all pieces, and the places in it of the pages whose numbers are among the pieces."""
    from backburner.extraction.pdf.rendering import layout_of  # noqa: PLC0415 - few documents are shown

    texts, length, pictures = list[str](), 0, list[PagePicture]()
    for piece in pieces:
        if isinstance(piece, int):
            layout = layout_of(reading.pages[piece - 1].size or (1, 1), wish.max_side_px)
            pictures += layout.pictures(piece, at=length)
        else:
            texts.append(f"{piece}{_BETWEEN}")
            length += len(texts[-1])
    return "".join(texts)[:-1], tuple(pictures)


def _sent(reading: _Reading) -> Pages:
    """How each page is sent."""
    ways = ["images" if page.is_shown else _way(page) for page in reading.pages]
    return Pages(**{way: ranges(at for at, one in enumerate(ways, 1) if one == way) for way in set(ways)})


def _way(page: PageText) -> str:
    if page.blocks or page.remarks:
        return "text"
    return "unread" if page.fault else "blank"


def _opened(body: bytes, max_pages: int) -> _Reading | None:
    """What PDFium reads; None if nothing. Raises `JobError` if the document is refused."""
    try:
        with Document(body) as document:
            if document.pages > max_pages:
                message = f"{document.pages} pages, at most {max_pages} are read: split it up"
                raise JobError(Reason.DOCUMENT_TOO_LARGE, message)
            return _read(document)
    except LockedError as error:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "an encrypted PDF: save it without a password") from error
    except ForeignSecurityError as error:
        message = "a PDF protected by DRM: save it without protection"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error
    except BrokenError:
        return None


def _read(document: Document) -> _Reading:
    reading = _Reading()
    for number in range(document.pages):
        try:
            with document.page(number) as page:
                text = page_text(page)
        except BrokenError:
            text = PageText(fault=Fault.BROKEN)
        reading.attachments += text.attachments
        reading.pages.append(text)
    reading.attachments[:0] = document.attachments()
    if document.is_xfa and (document.is_shell or _is_shell(reading.pages)):
        reading.xfa = xfa_text(document.xfa())
        reading.notes.append(_XFA_VALUES if reading.xfa else _XFA)
    return reading


def _is_shell(pages: Sequence[PageText]) -> bool:
    """Whether the pages only say that another program is needed."""
    return len(pages) == 1 and any("Please wait" in block.text for block in pages[0].blocks)


def _use_second_reader(body: bytes, reading: _Reading) -> None:
    """Use the second reader for what the first one failed on or found nothing in."""
    blank = [at for at, page in enumerate(reading.pages) if page.is_blank]
    for at in damaged_pages(body, blank) if blank else ():
        reading.pages[at].fault = Fault.BROKEN
    _complete(body, reading)
    bad = [at for at, page in enumerate(reading.pages) if page.fault in (Fault.BROKEN, Fault.UNREADABLE)]
    if bad or not reading.pages:
        for number, text in sorted(second_reading(body, bad if reading.pages else None).items()):
            reading.pages += [PageText(fault=Fault.BROKEN) for _ in range(number + 1 - len(reading.pages))]
            if is_readable(text):
                reading.pages[number] = _plain(text, reading.pages[number])
    if not reading.pages:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a damaged PDF without any pages: save it again and upload it again")
    if all(page.fault is Fault.BROKEN for page in reading.pages):
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a damaged PDF: save it again and upload it again")


def _complete(body: bytes, reading: _Reading) -> None:
    """Use the second reader's words where the first one left some out."""
    incomplete = [at for at, page in enumerate(reading.pages) if page.is_incomplete and page.fault is None]
    texts = second_reading(body, incomplete) if incomplete else {}
    for at in incomplete:
        page = reading.pages[at]
        text = texts.get(at, "")
        if not is_readable(text):
            page.fault = Fault.INCOMPLETE
        elif sum(map(len, text.split())) > page.printed:
            reading.pages[at] = _plain(text, page)


def _plain(text: str, page: PageText) -> PageText:
    """A page with the second reader's lines."""
    blocks = [Block(line, 0.0) for line in text.splitlines() if line.strip()]
    return replace(page, blocks=blocks, fault=None, printed=sum(map(len, text.split())))


def _refuse_without_text(reading: _Reading) -> None:
    """Raise `JobError` for a document of blank pages or of scans, even with numbers or stamps on them."""
    used = [page for page in reading.pages if _is_used(page)]
    if reading.xfa or reading.attachments:
        return
    if not used:
        raise JobError(Reason.EMPTY_DOCUMENT, "a PDF with nothing but blank pages; upload the document again")
    if any(page.is_shown for page in used):
        return
    if all(page.fault and page.fault.is_scan for page in used):
        count = len(reading.pages)
        pages = f"{count} pages" if count > 1 else "one page"
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            f"a PDF of {pages} without text, probably a scan: run it through OCR and upload the result, "
            "or use a model that sees",
        )


def _is_used(page: PageText) -> bool:
    """Whether there is anything on a page."""
    return bool(page.printed or page.fault or page.remarks or (page.is_shown and not page.is_blank))


def _head(reading: _Reading) -> list[str]:
    """What stands before the first page."""
    return [*map(markdown.missing, reading.notes), *([reading.xfa] if reading.xfa else [])]


def _pages(reading: _Reading) -> list[list[str | int]]:
    """The paragraphs of each page; a page that is shown begins with its number."""
    levels = _levels(reading.pages)
    return [_page(number, page, levels) for number, page in enumerate(reading.pages, 1)]


def _page(number: int, page: PageText, levels: dict[float, int]) -> list[str | int]:
    part, was_item = list[str](), False
    for block in page.blocks:
        text = _block(block, levels)
        if block.is_list_item and was_item and part:
            part[-1] += f"\n{text}"
        elif text:
            part.append(text)
        was_item = block.is_list_item
    shown = [number] if page.is_shown else []
    fault = [markdown.missing(f"page {number}: {page.fault}")] if page.fault else []
    return [*shown, *fault, *part, *page.remarks]


def _begins(head: Sequence[str], pages: Sequence[Sequence[str | int]]) -> Iterator[int]:
    """Where each page begins in the joined text, and where the last one ends."""
    at = sum(len(each) + len(_BETWEEN) for each in head)
    yield at
    for paragraphs in pages:
        at += sum(len(each) + len(_BETWEEN) for each in paragraphs if isinstance(each, str))
        yield at


def _block(block: Block, levels: dict[float, int]) -> str:
    if block.table is not None:
        return markdown.table(block.table.rows).rstrip("\n")
    level = levels.get(_rounded(block.size))
    is_heading = block.lines <= _MAX_HEADING_LINES and len(block.text) <= _MAX_HEADING
    if level and is_heading and not block.is_bullet and _LETTER.search(block.text):
        return markdown.heading(level, block.text)
    return block.text


def _levels(pages: Sequence[PageText]) -> dict[float, int]:
    """Heading levels by font size, for sizes larger than that of most of the document."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for block in page.blocks:
            if block.table is None and block.size:
                sizes[_rounded(block.size)] += len(block.text)
    if not sizes:
        return {}
    usual = max(sizes, key=lambda size: sizes[size])
    larger = sorted((size for size in sizes if size >= _HEADING * usual), reverse=True)
    return {size: min(level, _LEVELS) for level, size in enumerate(larger, 1)}


def _rounded(size: float) -> float:
    return round(size * 2) / 2
