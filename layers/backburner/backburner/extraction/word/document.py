"""A Word document as Markdown: headers, body, footnotes and endnotes, footers; whatever its main part is called."""

from collections.abc import Iterator

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.parts import Parts, flat_parts, packed_parts
from backburner.extraction.word.blocks import Block, Cell, Page
from backburner.extraction.word.comments import read_comments
from backburner.extraction.word.names import children, switch, value
from backburner.extraction.word.numbering import read_numbering
from backburner.extraction.word.setting import Read, Setting
from backburner.extraction.word.story import TAGS, Story
from backburner.extraction.word.styles import Styles
from backburner.extraction.xmltree import Element, local_name, parse_xml, stream_xml

_WHAT = "a DOCX"
_MAIN_TYPES = ("document.main+xml", "template.main+xml", "macroEnabled.main+xml", "macroEnabledTemplate.main+xml")
_NO_NOTES = frozenset({"separator", "continuationSeparator", "continuationNotice"})


def read_word(body: bytes, inner: Read) -> Extracted:
    """A document that is packed: DOCX, DOCM, DOTX, DOTM. `inner` reads what is embedded in it. Raises `JobError`."""
    return _read(packed_parts(body, _WHAT), inner)


def read_flat_word(body: bytes, inner: Read) -> Extracted:
    """A document that is written as one XML file. Raises `JobError`."""
    return _read(flat_parts(parse_xml(body, _WHAT), _WHAT), inner)


def _read(parts: Parts, inner: Read) -> Extracted:
    try:
        return _extracted(_setting(parts, inner))
    except RecursionError as error:
        message = f"{_WHAT} whose formulas or drawings are nested too deeply: damaged, or hostile; save it again"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error


def _setting(parts: Parts, inner: Read) -> Setting:
    setting = Setting(
        parts, parts.main(_MAIN_TYPES) or "word/document.xml", Styles(None), read_numbering(None, Styles(None)), inner
    )
    styles = setting.related("styles")
    setting.styles = Styles(styles[1] if styles else None)
    numbering = setting.related("numbering")
    setting.numbering = read_numbering(numbering[1] if numbering else None, setting.styles)
    setting.comments = read_comments(setting)
    return setting


def _extracted(setting: Setting) -> Extracted:
    page = Page()
    body = Story(setting, setting.main, page)
    with setting.parts.open(setting.main) as file:
        body.feed(stream_xml(file, _WHAT, TAGS), forget=True)
    body.finish()
    headers, footers = (list(_running(setting, body, kind)) for kind in ("header", "footer"))
    notes = list(_notes(setting))
    text = page.text()
    if not body.has_text and not notes:
        _refuse_empty(setting, has_more=bool(headers or footers or text.strip()))
    _note_building_blocks(setting)
    blocks = [*(f"Header: {one}" for one in headers), text, *notes, *(f"Footer: {one}" for one in footers)]
    whole = "\n\n".join(block for block in blocks if block.strip())
    return Extracted(f"{whole}\n" if whole else "", tuple(setting.notes))


def _refuse_empty(setting: Setting, *, has_more: bool) -> None:
    """What holds no text of its own: pictures, objects that are not read, or nothing."""
    if setting.pictures:
        message = f"{_WHAT} without text, probably a scan: run it through OCR and upload the result"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message)
    if setting.notes:
        message = f"{_WHAT} without text ({setting.notes[0]}): upload what is missing as a file of its own"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message)
    if not has_more:
        raise JobError(Reason.EMPTY_DOCUMENT, f"{_WHAT} without text; upload the document again")


def _running(setting: Setting, body: Story, kind: str) -> Iterator[str]:
    """The headers or footers that pages show, each text once; those of first and even pages where they are in use."""
    seen = set()
    settings = setting.related("settings")
    has_even = settings is not None and switch(settings[1], "evenAndOddHeaders") is True
    for section in body.sections:
        for what, place, related in section.references:
            relationship = body.relationships.get(related)
            is_shown = place == "default" or (section.has_title_page if place == "first" else has_even)
            if what != kind or not is_shown or relationship is None or relationship.target in seen:
                continue
            seen.add(relationship.target)
            text = _part_text(setting, relationship.target, kind)
            if text and text not in seen:
                seen.add(text)
                yield text


def _part_text(setting: Setting, name: str, kind: str) -> str:
    cell = Cell()
    try:
        Story(setting, name, cell).read(setting.parts.tree(name))
    except JobError:
        return setting.missing(f"{kind}: damaged, not read")
    return cell.flat()


def _notes(setting: Setting) -> Iterator[str]:
    """The texts of footnotes and endnotes that are referred to, in that order; one may refer to further ones."""
    texts: dict[str, tuple[str, dict[str, Element]]] = {}
    done: set[tuple[str, str]] = set()
    while waiting := [
        (kind, note_id)
        for kind, numbers in setting.references.items()
        for note_id in numbers
        if (kind, note_id) not in done
    ]:
        for kind, note_id in waiting:
            done.add((kind, note_id))
            part, elements = texts[kind] = texts.get(kind) or _texts(setting, kind)
            cell = Cell()
            if note_id in elements:
                Story(setting, part, cell).read(elements[note_id])
            else:
                number = setting.references[kind][note_id]
                cell.add(Block(setting.missing(f"{kind} {number}: it is not in the file")))
            yield f"{setting.mark(kind, note_id)}: " + cell.flat().replace("\n", "\n    ")


def _texts(setting: Setting, kind: str) -> tuple[str, dict[str, Element]]:
    """The part that holds the notes of a kind, and them by their ids."""
    found = setting.related(f"{kind}s")
    if found is None:
        return "", {}
    part, root = found
    return part, {value(one, "id") or "": one for one in children(root, kind) if value(one, "type") not in _NO_NOTES}


def _note_building_blocks(setting: Setting) -> None:
    """Texts kept for later use (AutoText) are no part of the document; the placeholders of forms are no texts."""
    found = setting.related("glossaryDocument")
    if found is None:
        return
    galleries = [value(one) for one in found[1].iter() if local_name(one) == "gallery"]
    others = sum(gallery != "placeholder" for gallery in galleries)
    if others:
        setting.missing(f"{others} building blocks (AutoText): kept for later use, not read")
