"""Numbers of lists and headings: the definitions in the numbering part, and the counting itself."""

import re
from dataclasses import dataclass, field, replace

from backburner.extraction.listnumbers import padded_like, shown_number
from backburner.extraction.symbolfonts import symbol
from backburner.extraction.word.names import child, children, number, switch, value
from backburner.extraction.word.styles import ParagraphStyle, Styles
from backburner.extraction.xmltree import Element

_LEVEL_NUMBER = re.compile(r"%([1-9])")
_BOXES = frozenset("☐☑☒✓✔✗✘")
_LEVELS = 9
"""The number of levels in a list."""


@dataclass(frozen=True)
class Level:
    """The number format of a list level."""

    start: int = 1
    form: str = "decimal"
    text: str = ""
    restart: int | None = None
    """The level (from 1) whose use restarts this one; 0: none; None: any higher one."""
    gap: str = " "
    is_legal: bool = False
    """All numbers in digits, whatever the levels' formats."""
    style: str = ""
    """The paragraph style linked to this level."""
    example: str = ""
    font: str = ""
    has_picture: bool = False


@dataclass(frozen=True)
class NumberedList:
    """A list (`w:num`). Lists with the same definition share their counters."""

    key: int
    levels: dict[int, Level]
    starts: dict[int, int]
    """Levels that restart when this list is first used, with their start numbers."""


@dataclass(frozen=True)
class Label:
    """The label of a paragraph."""

    text: str
    gap: str = " "
    is_bullet: bool = False


@dataclass(frozen=True)
class Numbering:
    """The lists by id."""

    lists: dict[int, NumberedList] = field(default_factory=dict)

    def position(self, direct: tuple[int | None, int | None], style: ParagraphStyle) -> tuple[int, int] | None:
        """The list and level of a paragraph, by its own properties and its style; None if it is not a list item."""
        num_id = style.num_id if direct[0] is None else direct[0]
        found = self.lists.get(num_id or 0)
        if not num_id or found is None:
            return None
        if direct[1] is not None:
            return num_id, direct[1]
        for name, level in style.levels:
            linked = next((index for index, one in found.levels.items() if name and one.style == name), level)
            if linked is not None:
                return num_id, linked
        return num_id, 0


def read_numbering(root: Element | None, styles: Styles) -> Numbering:
    """The lists defined; as in Word, a list that refers to nothing has no numbers."""
    if root is None:
        return Numbering()
    definitions = {number(value(one, "abstractNumId")): one for one in children(root, "abstractNum")}
    references = {number(value(one, "numId")): _child_value(one, "abstractNumId") for one in children(root, "num")}
    lists = {}
    for one in children(root, "num"):
        num_id, key = number(value(one, "numId")), number(_child_value(one, "abstractNumId"))
        seen = set()
        while key in definitions and key not in seen and (link := _child_value(definitions[key], "numStyleLink")):
            seen.add(key)
            key = number(references.get(styles.num_id_of(link)))
        if num_id is not None and key in definitions and key is not None:
            levels = {index: _level(level) for index, level in _levels(definitions[key])}
            lists[num_id] = _overridden(one, NumberedList(key, levels, {}))
    return Numbering(lists)


class Counters:
    """Counts list items in a text. Text boxes and notes are counted where they are anchored."""

    def __init__(self, numbering: Numbering, language: str) -> None:
        self._numbering, self._language = numbering, language
        self._counts: dict[int, dict[int, int]] = {}
        self._begun: set[tuple[int, int]] = set()

    def next(self, num_id: int, level: int) -> Label | None:
        """The label of the next item; None if its level is not defined."""
        found = self._numbering.lists[num_id]
        definition = found.levels.get(level)
        if definition is None:
            return None
        counts = self._counts.setdefault(found.key, {})
        if level in found.starts and (num_id, level) not in self._begun:
            counts[level] = found.starts[level]
        else:
            counts[level] = counts[level] + 1 if level in counts else definition.start
        self._begun.add((num_id, level))
        for lower in [one for one in counts if one > level]:
            restart = found.levels.get(lower, Level()).restart
            if level < (lower if restart is None or restart > lower else restart):
                del counts[lower]
        for higher in range(level):
            counts.setdefault(higher, found.levels.get(higher, Level()).start)
        return self._label(definition, found, counts)

    def _label(self, definition: Level, found: NumberedList, counts: dict[int, int]) -> Label:
        if definition.form == "bullet" or definition.has_picture:
            mark = "".join(symbol(ord(char), definition.font) or "" for char in definition.text).strip()
            if not definition.text.strip() and not definition.has_picture:
                return Label("", is_bullet=True)
            is_plain = len(mark) <= 1 and mark not in _BOXES
            return Label("-" if is_plain else f"- {mark}", is_bullet=True)

        def shown(match: re.Match[str]) -> str:
            level = int(match[1]) - 1
            own = found.levels.get(level, Level())
            if level not in counts or own.form == "bullet":
                return ""
            if definition.is_legal:
                return str(counts[level])
            if own.example:
                return padded_like(counts[level], own.example)
            return shown_number(counts[level], own.form, self._language)

        return Label(_LEVEL_NUMBER.sub(shown, definition.text).strip(), definition.gap)


def _levels(element: Element) -> list[tuple[int, Element]]:
    found = ((number(value(level, "ilvl")), level) for level in children(element, "lvl"))
    return [(index, level) for index, level in found if index is not None and 0 <= index < _LEVELS]


def _level(element: Element) -> Level:
    form = next(element.iter("{*}numFmt"), None)
    format_name = "decimal" if form is None else value(form) or "decimal"
    suffix = _child_value(element, "suff")
    properties = child(element, "rPr")
    fonts = None if properties is None else child(properties, "rFonts")
    start = number(_child_value(element, "start"))
    return Level(
        start=0 if start is None else start,
        form=format_name,
        text=_child_value(element, "lvlText"),
        restart=number(_child_value(element, "lvlRestart")),
        gap="" if suffix == "nothing" else " ",
        is_legal=switch(element, "isLgl") or False,
        style=_child_value(element, "pStyle"),
        example=(value(form, "format") or "") if form is not None and format_name == "custom" else "",
        font="" if fonts is None else value(fonts, "ascii") or "",
        has_picture=child(element, "lvlPicBulletId") is not None,
    )


def _overridden(element: Element, found: NumberedList) -> NumberedList:
    """The list with `w:lvlOverride` applied: other start numbers, other formats."""
    levels, starts = dict(found.levels), {}
    for one in children(element, "lvlOverride"):
        level, start = number(value(one, "ilvl")), number(_child_value(one, "startOverride"))
        if level is None:
            continue
        for _, definition in _levels(one):
            levels[level] = _level(definition)
        if start is not None:
            starts[level] = start
            levels[level] = replace(levels.get(level, Level()), start=start)
    return NumberedList(found.key, levels, starts)


def _child_value(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else value(found) or ""
