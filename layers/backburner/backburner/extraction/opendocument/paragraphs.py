"""Handlers for paragraphs, headings, lists, notes and formatted text."""

from backburner.extraction.composition import Block, comment, joined
from backburner.extraction.opendocument.controls import field_mark
from backburner.extraction.opendocument.lists import OpenList
from backburner.extraction.opendocument.names import children, number, value
from backburner.extraction.opendocument.walker import Handler, Walker
from backburner.extraction.story import Paragraph
from backburner.extraction.xmltree import Element

MAX_SPACES = 1_000


def _begin_paragraph(walker: Walker, element: Element) -> None:
    _begin(walker, element, None)


def _begin_heading(walker: Walker, element: Element) -> None:
    _begin(walker, element, number(element, "text:outline-level", 1))


def _begin(walker: Walker, element: Element, heading_level: int | None) -> None:
    flow = walker.flow
    if flow.paragraph is not None:
        flow.end()
    style = value(element, "text:style-name")
    flow.fonts = [walker.styles.font("paragraph", style)]
    flow.marks = [walker.styles.mark("paragraph", style)]
    flow.hidden += walker.styles.is_hidden("paragraph", style)
    if flow.lists:
        flow.begin(_in_list(walker, flow.lists[-1], style, heading_level))
        return
    label = None
    if heading_level is not None and value(element, "text:is-list-header") != "true":
        restarts = value(element, "text:restart-numbering") == "true"
        start = number(element, "text:start-value", 1) if restarts else None
        label = walker.lists.heading(heading_level, start)
    flow.begin(Paragraph(heading_level, label))


def _in_list(walker: Walker, inner: OpenList, style: str, heading_level: int | None) -> Paragraph:
    label = walker.lists.label(inner, style)
    return Paragraph(heading_level, label, inner.depth - 1, is_continued=label is None and heading_level is None)


def _end_paragraph(walker: Walker, element: Element) -> None:
    walker.flow.end()
    walker.flow.hidden -= walker.styles.is_hidden("paragraph", value(element, "text:style-name"))


def _begin_list(walker: Walker, element: Element) -> None:
    lists = walker.flow.lists
    outer = lists[-1] if lists else None
    style = value(element, "text:style-name") or (outer.style if outer else "")
    if outer is None:
        identity, continued = value(element, "xml:id"), value(element, "text:continue-list")
        is_continued = value(element, "text:continue-numbering") == "true"
        counter = walker.lists.counter(identity, style, continued, is_continued=is_continued)
    else:
        counter = outer.counter
    lists.append(OpenList(style, len(lists) + 1, counter))


def _end_list(walker: Walker, _: Element) -> None:
    walker.flow.lists.pop()


def _begin_item(walker: Walker, element: Element) -> None:
    _item(walker, element, is_header=False)


def _begin_list_header(walker: Walker, element: Element) -> None:
    _item(walker, element, is_header=True)


def _item(walker: Walker, element: Element, *, is_header: bool) -> None:
    if not walker.flow.lists:
        return
    inner = walker.flow.lists[-1]
    inner.is_header, inner.has_paragraph = is_header, False
    inner.start = number(element, "text:start-value", 1) if value(element, "text:start-value") else None
    inner.item_label = _written(element)


def _written(element: Element) -> str | None:
    """The number that the file spells out for an item."""
    numbers = children(element, "text:number")
    return "".join(numbers[0].itertext()) if numbers else None


def _begin_numbered(walker: Walker, element: Element) -> None:
    style = value(element, "text:style-name")
    counter = walker.lists.shared_counter(value(element, "text:list-id"), style)
    inner = OpenList(style, max(number(element, "text:level", 1), 1), counter, item_label=_written(element))
    inner.start = number(element, "text:start-value", 1) if value(element, "text:start-value") else None
    walker.flow.lists.append(inner)


def _spaces(walker: Walker, element: Element) -> None:
    walker.insert(" " * min(max(number(element, "text:c", 1), 0), MAX_SPACES))


def _begin_span(walker: Walker, element: Element) -> None:
    flow = walker.flow
    style = value(element, "text:style-name")
    flow.hidden += walker.styles.is_hidden("text", style)
    flow.marks.append(walker.styles.mark("text", style) or flow.marks[-1])
    flow.fonts.append(walker.styles.font("text", style) or flow.fonts[-1])


def _end_span(walker: Walker, element: Element) -> None:
    flow = walker.flow
    flow.hidden -= walker.styles.is_hidden("text", value(element, "text:style-name"))
    if len(flow.marks) > 1:
        flow.marks.pop()
        flow.fonts.pop()


def _begin_link(walker: Walker, _: Element) -> None:
    walker.flow.links.append(walker.flow.story.position)


def _end_link(walker: Walker, element: Element) -> None:
    if walker.flow.links:
        walker.flow.story.link(walker.flow.links.pop(), value(element, "xlink:href"))


def _begin_section(walker: Walker, element: Element) -> None:
    display = value(element, "text:display")
    if display == "none" or value(element, "text:is-hidden") == "true":
        name = value(element, "text:name")
        walker.note(f"hidden section “{name}”: left out" if name else "hidden section: left out")
        walker.skip(element)
        return
    sources = children(element, "text:section-source")
    if sources and len(element) == len(sources) and value(sources[0], "xlink:href"):
        walker.note(f"linked document “{value(sources[0], 'xlink:href')}”: not in this file")


def _begin_hidden(walker: Walker, element: Element) -> None:
    """Skip a field that is hidden by its condition, or whose value is stored but not shown."""
    if value(element, "text:is-hidden") == "true" or value(element, "text:display") == "none":
        walker.skip(element)


def _begin_note(walker: Walker, _: Element) -> None:
    walker.push()


def _end_note(walker: Walker, element: Element) -> None:
    text = joined(walker.pop())
    is_endnote = value(element, "text:note-class") == "endnote"
    walker.insert_plain(walker.composition.footnote(text, is_endnote=is_endnote))


def _begin_annotation(walker: Walker, _: Element) -> None:
    walker.author = ""
    walker.push()


def _end_annotation(walker: Walker, _: Element) -> None:
    text = comment(walker.author, joined(walker.pop()))
    if walker.flow.paragraph is not None:
        walker.insert_plain(text)
    else:
        walker.place([Block(text.strip())])


def _author(walker: Walker, element: Element) -> None:
    walker.author = "".join(element.itertext())
    walker.skip(element)


def _field_mark(walker: Walker, element: Element) -> None:
    walker.insert(field_mark(element))


BEGINS: dict[str, Handler] = {
    "text:p": _begin_paragraph,
    "text:h": _begin_heading,
    "text:list": _begin_list,
    "text:list-item": _begin_item,
    "text:list-header": _begin_list_header,
    "text:numbered-paragraph": _begin_numbered,
    "text:s": _spaces,
    "text:tab": lambda walker, _: walker.insert("\t"),
    "text:line-break": lambda walker, _: walker.insert("\n"),
    "text:span": _begin_span,
    "text:a": _begin_link,
    "text:section": _begin_section,
    "text:hidden-text": _begin_hidden,
    "text:variable-set": _begin_hidden,
    "text:variable-input": _begin_hidden,
    "text:user-field-get": _begin_hidden,
    "text:user-field-input": _begin_hidden,
    "text:note": _begin_note,
    "office:annotation": _begin_annotation,
    "dc:creator": _author,
    "text:ruby-text": lambda walker, _: walker.insert("("),
    "field:fieldmark": _field_mark,
}
ENDS: dict[str, Handler] = {
    "text:p": _end_paragraph,
    "text:h": _end_paragraph,
    "text:list": _end_list,
    "text:numbered-paragraph": _end_list,
    "text:span": _end_span,
    "text:a": _end_link,
    "text:note": _end_note,
    "office:annotation": _end_annotation,
    "text:ruby-text": lambda walker, _: walker.insert(")"),
}
