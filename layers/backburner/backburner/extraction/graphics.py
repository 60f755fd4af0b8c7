"""Charts, diagrams and embedded objects that a drawing in an Office file refers to, as text or as a note."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from backburner.errors import JobError
from backburner.extraction.drawing import chart_text, diagram_text, drawing_text
from backburner.extraction.parts import Parts
from backburner.extraction.xmltree import Element, attribute, local_name

_CACHED = frozenset({"cat", "val", "xVal", "yVal", "bubbleSize"})


@dataclass
class DrawingContent:
    """What a drawing contains besides its own text."""

    texts: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """What is not read: "a chart without text", "an embedded object"."""
    pictures: int = 0

    def add(self, text: str, otherwise: str) -> None:
        """Add a text or, if it is empty, the note to show instead."""
        if text:
            self.texts.append(text)
        elif otherwise:
            self.unread.append(otherwise)


def related_parts(parts: Parts, part: str, *kinds: str) -> list[str]:
    """The existing parts of these kinds that a part refers to, in the order of its relationships. Raises `JobError`."""
    return [
        one.target
        for one in parts.relationships(part).values()
        if one.kind in kinds and not one.is_external and parts.has(one.target)
    ]


def alternatives(element: Element) -> Iterator[Element]:
    """The children to read: where an element has versions for newer and older programs, only the newer."""
    for child in element:
        if local_name(child) != "AlternateContent":
            if isinstance(child.tag, str):
                yield child
            continue
        choices = [one for one in child if local_name(one) == "Choice"] or [
            one for one in child if local_name(one) == "Fallback"
        ]
        for choice in choices[:1]:
            yield from alternatives(choice)


def read_chart(parts: Parts, part: str, found: DrawingContent, *, has_data_elsewhere: bool = False) -> None:
    """A chart's title and data; only its title if the same file has the data in its sheets."""
    try:
        chart = parts.tree(part)
    except JobError:
        found.unread.append("a damaged chart")
        return
    if has_data_elsewhere:
        _drop_repeated(chart)
    found.add(chart_text(chart), "" if has_data_elsewhere else "a chart without text")
    try:
        for shapes in related_parts(parts, part, "chartUserShapes"):
            found.add(drawing_text(parts.tree(shapes)), "")
    except JobError:
        found.unread.append("damaged shapes on a chart")


def read_diagram(parts: Parts, part: str, found: DrawingContent) -> None:
    """The points of a SmartArt."""
    try:
        found.add(diagram_text(parts.tree(part)), "a SmartArt without text")
    except JobError:
        found.unread.append("a damaged SmartArt")


def read_reference(
    parts: Parts, part: str, element: Element, found: DrawingContent, *, has_data_elsewhere: bool
) -> None:
    """The chart or SmartArt that an element of a drawing refers to."""
    relationships = parts.relationships(part)
    key = "dm" if local_name(element) == "relIds" else "id"
    relationship = relationships.get(attribute(element, key) or "")
    if relationship is None or relationship.is_external or not parts.has(relationship.target):
        found.unread.append("a chart or SmartArt that is missing from the file")
    elif local_name(element) == "relIds":
        read_diagram(parts, relationship.target, found)
    else:
        read_chart(parts, relationship.target, found, has_data_elsewhere=has_data_elsewhere)


def _drop_repeated(chart: Element) -> None:
    """Leave out values cached from the same workbook; those cached from other files exist nowhere else."""
    for source in [one for one in chart.iter() if local_name(one) in _CACHED]:
        formulas = [one.text or "" for one in source.iter("{*}f")]
        parent = source.getparent()
        if parent is not None and formulas and not any("[" in formula for formula in formulas):
            parent.remove(source)
