"""Handlers for tables, pictures, text boxes and objects."""

from backburner.extraction.composition import Block
from backburner.extraction.opendocument.names import number
from backburner.extraction.opendocument.walker import Handler, Walker
from backburner.extraction.story import Paragraph
from backburner.extraction.xmltree import Element

MAX_REPEATED = 1_000
"""How often a cell or a row is repeated at most."""


def _begin_table(walker: Walker, _: Element) -> None:
    flow = walker.flow
    if flow.paragraph is not None:
        flow.end()
    flow.tables += 1


def _end_table(walker: Walker, _: Element) -> None:
    flow = walker.flow
    flow.story.end_table(flow.tables)
    flow.tables -= 1


def _begin_cell(walker: Walker, _: Element) -> None:
    flow = walker.flow
    flow.outer_lists.append(flow.lists)
    flow.lists = []


def _end_cell(walker: Walker, element: Element) -> None:
    flow = walker.flow
    flow.lists = flow.outer_lists.pop()
    if not flow.tables:
        return
    flow.story.end_cell(Paragraph(), flow.tables)
    repetitions = min(number(element, "table:number-columns-repeated", 1), MAX_REPEATED) - 1
    if repetitions > 0:
        if walker.repeats_content:
            flow.story.repeat_cell(repetitions, flow.tables)
        else:
            flow.story.empty_cells(repetitions, flow.tables)


def _end_row(walker: Walker, element: Element) -> None:
    flow = walker.flow
    if not flow.tables:
        return
    flow.story.end_row(flow.tables)
    repetitions = min(number(element, "table:number-rows-repeated", 1), MAX_REPEATED) - 1
    if repetitions > 0 and walker.repeats_content:
        flow.story.repeat_row(repetitions, flow.tables)


def _begin_image(walker: Walker, _: Element) -> None:
    walker.pictures += 1
    walker.push()


def _begin_object(walker: Walker, element: Element) -> None:
    walker.skip(element)
    embedded = walker.objects.embedded(element)
    if embedded.line is not None:
        walker.place_in_line(embedded.line)
    else:
        walker.place(embedded.blocks)


def _begin_control(walker: Walker, element: Element) -> None:
    shown = walker.controls.shown(element)
    walker.skip(element)
    if walker.flow.paragraph is not None:
        walker.insert(shown)
    elif shown:
        walker.place([Block(shown)])


def _nothing(_: Walker, __: Element) -> None:
    """Its text was read at its start."""


BEGINS: dict[str, Handler] = {
    "table:table": _begin_table,
    "table:table-cell": _begin_cell,
    "table:covered-table-cell": _begin_cell,
    "draw:image": _begin_image,
    "draw:object": _begin_object,
    "draw:object-ole": _begin_object,
    "draw:control": _begin_control,
}
ENDS: dict[str, Handler] = {
    "table:table": _end_table,
    "table:table-cell": _end_cell,
    "table:covered-table-cell": _end_cell,
    "table:table-row": _end_row,
    "draw:image": lambda walker, _: walker.place(walker.pop()),
    "draw:object": _nothing,
    "draw:object-ole": _nothing,
    "draw:control": _nothing,
}
