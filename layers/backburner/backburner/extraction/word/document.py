"""A Word document as Markdown: headers, body, footnotes and endnotes, footers; its main part may have any name."""

from collections.abc import Iterator

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import counted
from backburner.extraction.parts import Parts, flat_parts, packed_parts
from backburner.extraction.word.blocks import Block, Cell, Page
from backburner.extraction.word.comments import read_comments
from backburner.extraction.word.context import Context, Read
from backburner.extraction.word.names import children, switch, value
from backburner.extraction.word.numbering import read_numbering
from backburner.extraction.word.story import TAGS, Story
from backburner.extraction.word.styles import Styles
from backburner.extraction.xmltree import Element, local_name, parse_xml, stream_xml

_WHAT = "a DOCX"
_MAIN_TYPES = ("document.main+xml", "template.main+xml", "macroEnabled.main+xml", "macroEnabledTemplate.main+xml")
_NO_NOTES = frozenset({"separator", "continuationSeparator", "continuationNotice"})


def read_word(body: bytes, inner: Read) -> Extracted:
    """A packed document: DOCX, DOCM, DOTX, DOTM. `inner` reads embedded documents. Raises `JobError`."""
    return _read(packed_parts(body, _WHAT), inner)


def read_flat_word(body: bytes, inner: Read) -> Extracted:
    """A document in a single XML file. Raises `JobError`."""
    return _read(flat_parts(parse_xml(body, _WHAT), _WHAT), inner)


def _read(parts: Parts, inner: Read) -> Extracted:
    try:
        return _extracted(_context(parts, inner))
    except RecursionError as error:
        message = f"{_WHAT} whose formulas or drawings are nested too deeply: damaged, or hostile; save it again"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error


def _context(parts: Parts, inner: Read) -> Context:
    context = Context(
        parts, parts.main(_MAIN_TYPES) or "word/document.xml", Styles(None), read_numbering(None, Styles(None)), inner
    )
    styles = context.related("styles")
    context.styles = Styles(styles[1] if styles else None)
    numbering = context.related("numbering")
    context.numbering = read_numbering(numbering[1] if numbering else None, context.styles)
    context.comments = read_comments(context)
    return context


def _extracted(context: Context) -> Extracted:
    page = Page()
    body = Story(context, context.main, page)
    with context.parts.open(context.main) as file:
        body.feed(stream_xml(file, _WHAT, TAGS), free=True)
    body.finish()
    headers, footers = (list(_headers_or_footers(context, body, kind)) for kind in ("header", "footer"))
    notes = list(_notes(context))
    text = page.text()
    if not body.has_text and not notes:
        _refuse_empty(context, has_more=bool(headers or footers or text.strip()))
    _note_building_blocks(context)
    blocks = [*(f"Header: {one}" for one in headers), text, *notes, *(f"Footer: {one}" for one in footers)]
    joined = "\n\n".join(block for block in blocks if block.strip())
    return Extracted(f"{joined}\n" if joined else "", tuple(context.notes))


def _refuse_empty(context: Context, *, has_more: bool) -> None:
    """Raise `JobError` if the document has only pictures or unreadable objects, or nothing at all."""
    if context.pictures:
        message = f"{_WHAT} without text, probably a scan: run it through OCR and upload the result"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message)
    if context.notes:
        message = f"{_WHAT} without text ({context.notes[0]}): upload what is missing as a separate file"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message)
    if not has_more:
        raise JobError(Reason.EMPTY_DOCUMENT, f"{_WHAT} without text; upload the document again")


def _headers_or_footers(context: Context, body: Story, kind: str) -> Iterator[str]:
    """The headers or footers in use, each text once; those for first and even pages only if they are enabled."""
    seen = set()
    settings = context.related("settings")
    has_even = settings is not None and switch(settings[1], "evenAndOddHeaders") is True
    for section in body.sections:
        for what, page_type, related in section.references:
            relationship = body.relationships.get(related)
            is_shown = page_type == "default" or (section.has_title_page if page_type == "first" else has_even)
            if what != kind or not is_shown or relationship is None or relationship.target in seen:
                continue
            seen.add(relationship.target)
            text = _part_text(context, relationship.target, kind)
            if text and text not in seen:
                seen.add(text)
                yield text


def _part_text(context: Context, name: str, kind: str) -> str:
    cell = Cell()
    try:
        Story(context, name, cell).read(context.parts.tree(name))
    except JobError:
        return context.missing(f"{kind}: damaged, not read")
    return cell.flat()


def _notes(context: Context) -> Iterator[str]:
    """The texts of footnotes and endnotes in the order of their references, including those inside other notes."""
    texts: dict[str, tuple[str, dict[str, Element]]] = {}
    done: set[tuple[str, str]] = set()
    while pending := [
        (kind, note_id)
        for kind, numbers in context.references.items()
        for note_id in numbers
        if (kind, note_id) not in done
    ]:
        for kind, note_id in pending:
            done.add((kind, note_id))
            part, elements = texts[kind] = texts.get(kind) or _texts(context, kind)
            cell = Cell()
            if note_id in elements:
                Story(context, part, cell).read(elements[note_id])
            else:
                number = context.references[kind][note_id]
                cell.add(Block(context.missing(f"{kind} {number}: missing from the file")))
            yield f"{context.mark(kind, note_id)}: " + cell.flat().replace("\n", "\n    ")


def _texts(context: Context, kind: str) -> tuple[str, dict[str, Element]]:
    """The part that contains the notes of a kind, and the notes by id."""
    found = context.related(f"{kind}s")
    if found is None:
        return "", {}
    part, root = found
    return part, {value(one, "id") or "": one for one in children(root, kind) if value(one, "type") not in _NO_NOTES}


def _note_building_blocks(context: Context) -> None:
    """Note that there are AutoText entries, which are not part of the document; form placeholders do not count."""
    found = context.related("glossaryDocument")
    if found is None:
        return
    galleries = [value(one) for one in found[1].iter() if local_name(one) == "gallery"]
    others = sum(gallery != "placeholder" for gallery in galleries)
    if others:
        context.missing(f"{counted(others, 'building block')} (AutoText): stored for later use, not read")
