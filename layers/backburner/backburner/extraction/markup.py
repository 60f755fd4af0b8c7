"""XML formats for people: FictionBook, drawings (SVG), feeds (RSS and Atom)."""

from collections.abc import Iterator

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.encodings import declared_charset, decoded
from backburner.extraction.markdown import heading, missing, table
from backburner.extraction.web.html import markdown_of
from backburner.extraction.xmltree import Element, attribute, local_name, parse_xml

_MARKS = {"strong": "**", "emphasis": "*", "sup": "^", "sub": "~", "strikethrough": "~~", "code": "`"}
_LINES = frozenset({"p", "v", "subtitle", "text-author", "date"})
_MAX_DEPTH = 200


def read_markup(body: bytes) -> Extracted:
    """The text of a document in one of these formats. Raises `JobError`."""
    root = parse_xml(_as_utf8(body), "an XML document")
    name = local_name(root).lower()
    if name == "fictionbook":
        return _book(root)
    if name == "svg":
        return _drawing(root)
    return _feed(root)


def _as_utf8(body: bytes) -> bytes:
    """The document in UTF-8 without its XML declaration, so that its charset is decoded as in any other document."""
    text = decoded(body, declared_charset(body)).lstrip("\ufeff \r\n\t")
    if text.startswith("<?xml"):
        text = text.partition("?>")[2]
    return text.encode("utf-8", "replace")


def _book(root: Element) -> Extracted:
    """FictionBook: title and authors, then each body with its sections under headings; notes stay last."""
    blocks = list(_about(root))
    for part in root:
        if local_name(part) == "body":
            name = attribute(part, "name")
            if name:
                blocks.append(heading(2, name.capitalize()))
            blocks += _section(part, 1)
    if not blocks:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a book without text: if it is a scan, run it through OCR")
    return Extracted("\n\n".join(blocks) + "\n")


def _about(root: Element) -> Iterator[str]:
    info = next((element for element in root.iter() if local_name(element) == "title-info"), None)
    for element in info if info is not None else ():
        match local_name(element):
            case "book-title":
                yield heading(1, _plain(element))
            case "author" | "translator":
                names = [
                    _plain(part) for part in element if local_name(part) in {"first-name", "middle-name", "last-name"}
                ]
                yield " ".join(name for name in names if name)
            case "annotation":
                yield from _section(element, 1)


def _section(section: Element, level: int) -> Iterator[str]:
    """The blocks of a section; nested sections are one level deeper."""
    stack: list[tuple[Iterator[Element], int]] = [(iter(section), level)]
    while stack:
        inside, level = stack[-1]
        element = next(inside, None)
        if element is None:
            stack.pop()
            continue
        match local_name(element):
            case "title":
                title = " ".join(filter(None, (_inline(line) for line in element)))
                yield heading(level, title)
            case "table":
                yield table([[_inline(cell) for cell in row] for row in element]).rstrip("\n")
            case "section":
                stack.append((iter(element), level + 1))
            case name if name in _LINES:
                text = _inline(element)
                if text:
                    yield f"**{text}**" if name == "subtitle" else text
            case "image" | "empty-line" | "":
                pass
            case _:
                stack.append((iter(element), level))


def _inline(element: Element, depth: int = 0) -> str:
    if depth > _MAX_DEPTH:
        return _plain(element)
    parts = [element.text or ""]
    for inner in element:
        text, mark = _inline(inner, depth + 1), _MARKS.get(local_name(inner), "")
        parts += [f"{mark}{text}{mark}" if text else "", inner.tail or ""]
    return " ".join("".join(parts).split())


def _drawing(root: Element) -> Extracted:
    """The words of a drawing, a line for each of its texts."""
    words = [_plain(element) for element in root.iter() if local_name(element) in {"title", "desc", "text", "p"}]
    lines = [line for line in words if line]
    if not lines:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            "a drawing (SVG) without text: if its text is drawn, run it through OCR",
        )
    return Extracted("\n\n".join(lines) + "\n")


def _feed(root: Element) -> Extracted:
    """A feed: each entry under its title, with date, address and text."""
    blocks: list[str] = []
    notes: list[str] = []
    for element in root.iter():
        if local_name(element) in {"channel", "feed", "item", "entry"}:
            level = 1 if local_name(element) in {"channel", "feed"} else 2
            for block, found in _entry(element, level):
                blocks.append(block)
                notes += found
    if not blocks:
        raise JobError(Reason.EMPTY_DOCUMENT, "a feed without entries; upload the document again")
    return Extracted("\n\n".join(blocks) + "\n", tuple(notes))


def _entry(entry: Element, level: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    for part in entry:
        name, text = local_name(part), "".join(part.itertext()).strip()
        match name:
            case "item" | "entry" | "channel" | "image":
                continue
            case "title":
                yield heading(level, markdown_of(text).text), ()
            case "description" | "encoded" | "summary" | "content" | "subtitle" if text:
                found = markdown_of(text)
                yield found.text.strip("\n"), found.notes
            case "link":
                address = text or part.get("href") or ""
                if address:
                    yield f"<{address}>", ()
            case "enclosure":
                note = f"feed attachment {part.get('url') or ''}: not read"
                yield missing(note), (note,)
            case "":
                continue
            case _ if text:
                yield f"{name}: {' '.join(text.split())}", ()


def _plain(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
