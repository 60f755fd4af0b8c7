"""Numbers of lists and headings: what is defined in the part `numbering`, and the counting itself."""

import re
from dataclasses import dataclass, field, replace

from backburner.extraction.listnumbers import padded_like, shown_number
from backburner.extraction.symbolfonts import symbol
from backburner.extraction.word.names import child, children, number, switch, value
from backburner.extraction.word.styles import ParagraphStyle, Styles
from backburner.extraction.xmltree import Element

_PLACE = re.compile(r"%([1-9])")
_BOXES = frozenset("☐☑☒✓✔✗✘")
_LEVELS = 9
"""Of a list, in Word."""


@dataclass(frozen=True)
class Level:
    """How one level of a list is numbered."""

    start: int = 1
    form: str = "decimal"
    text: str = ""
    restart: int | None = None
    """Level (from 1) whose use begins this one anew; 0: none; None: any higher one."""
    gap: str = " "
    is_legal: bool = False
    """All numbers in digits, whatever their levels say."""
    style: str = ""
    """The paragraph style that belongs to this level."""
    example: str = ""
    font: str = ""
    has_picture: bool = False


@dataclass(frozen=True)
class NumberedList:
    """A list (`w:num`). Lists of one definition count together."""

    key: int
    levels: dict[int, Level]
    starts: dict[int, int]
    """Levels that begin anew, and with what, where this list is first used."""


@dataclass(frozen=True)
class Label:
    """What stands before a paragraph."""

    text: str
    gap: str = " "
    is_bullet: bool = False


@dataclass(frozen=True)
class Numbering:
    """The lists by their ids."""

    lists: dict[int, NumberedList] = field(default_factory=dict)

    def place(self, direct: tuple[int | None, int | None], style: ParagraphStyle) -> tuple[int, int] | None:
        """The list and the level of a paragraph, by what it says itself and by its style; None if it is no item."""
        num_id = style.num_id if direct[0] is None else direct[0]
        found = self.lists.get(num_id or 0)
        if not num_id or found is None:
            return None
        if direct[1] is not None:
            return num_id, direct[1]
        for name, level in style.levels:
            linked = next((place for place, one in found.levels.items() if name and one.style == name), level)
            if linked is not None:
                return num_id, linked
        return num_id, 0


def read_numbering(root: Element | None, styles: Styles) -> Numbering:
    """What is defined; a list that refers to nothing has no numbers, as in Word."""
    if root is None:
        return Numbering()
    definitions = {number(value(one, "abstractNumId")): one for one in children(root, "abstractNum")}
    references = {number(value(one, "numId")): _said(one, "abstractNumId") for one in children(root, "num")}
    lists = {}
    for one in children(root, "num"):
        num_id, key = number(value(one, "numId")), number(_said(one, "abstractNumId"))
        seen = set()
        while key in definitions and key not in seen and (link := _said(definitions[key], "numStyleLink")):
            seen.add(key)
            key = number(references.get(styles.num_id_of(link)))
        if num_id is not None and key in definitions and key is not None:
            levels = {place: _level(level) for place, level in _levels(definitions[key])}
            lists[num_id] = _overridden(one, NumberedList(key, levels, {}))
    return Numbering(lists)


class Counters:
    """Counts through a text. What stands in a text box or a note counts where it stands."""

    def __init__(self, numbering: Numbering, language: str) -> None:
        self._numbering, self._language = numbering, language
        self._counts: dict[int, dict[int, int]] = {}
        self._begun: set[tuple[int, int]] = set()

    def next(self, num_id: int, level: int) -> Label | None:
        """The label of the next item; None where its level is not defined."""
        found = self._numbering.lists[num_id]
        look = found.levels.get(level)
        if look is None:
            return None
        counts = self._counts.setdefault(found.key, {})
        if level in found.starts and (num_id, level) not in self._begun:
            counts[level] = found.starts[level]
        else:
            counts[level] = counts[level] + 1 if level in counts else look.start
        self._begun.add((num_id, level))
        for lower in [one for one in counts if one > level]:
            restart = found.levels.get(lower, Level()).restart
            if level < (lower if restart is None or restart > lower else restart):
                del counts[lower]
        for higher in range(level):
            counts.setdefault(higher, found.levels.get(higher, Level()).start)
        return self._label(look, found, counts)

    def _label(self, look: Level, found: NumberedList, counts: dict[int, int]) -> Label:
        if look.form == "bullet" or look.has_picture:
            sign = "".join(symbol(ord(char), look.font) or "" for char in look.text).strip()
            if not look.text.strip() and not look.has_picture:
                return Label("", is_bullet=True)
            is_plain = len(sign) <= 1 and sign not in _BOXES
            return Label("-" if is_plain else f"- {sign}", is_bullet=True)

        def shown(place: re.Match[str]) -> str:
            level = int(place[1]) - 1
            own = found.levels.get(level, Level())
            if level not in counts or own.form == "bullet":
                return ""
            if look.is_legal:
                return str(counts[level])
            if own.example:
                return padded_like(counts[level], own.example)
            return shown_number(counts[level], own.form, self._language)

        return Label(_PLACE.sub(shown, look.text).strip(), look.gap)


def _levels(element: Element) -> list[tuple[int, Element]]:
    found = ((number(value(level, "ilvl")), level) for level in children(element, "lvl"))
    return [(place, level) for place, level in found if place is not None and 0 <= place < _LEVELS]


def _level(element: Element) -> Level:
    form = next(element.iter("{*}numFmt"), None)
    said = "decimal" if form is None else value(form) or "decimal"
    suffix = _said(element, "suff")
    properties = child(element, "rPr")
    fonts = None if properties is None else child(properties, "rFonts")
    start = number(_said(element, "start"))
    return Level(
        start=0 if start is None else start,
        form=said,
        text=_said(element, "lvlText"),
        restart=number(_said(element, "lvlRestart")),
        gap="" if suffix == "nothing" else " ",
        is_legal=switch(element, "isLgl") or False,
        style=_said(element, "pStyle"),
        example=(value(form, "format") or "") if form is not None and said == "custom" else "",
        font="" if fonts is None else value(fonts, "ascii") or "",
        has_picture=child(element, "lvlPicBulletId") is not None,
    )


def _overridden(element: Element, found: NumberedList) -> NumberedList:
    """With what `w:lvlOverride` says: another beginning, or another look."""
    levels, starts = dict(found.levels), {}
    for one in children(element, "lvlOverride"):
        level, start = number(value(one, "ilvl")), number(_said(one, "startOverride"))
        if level is None:
            continue
        for _, look in _levels(one):
            levels[level] = _level(look)
        if start is not None:
            starts[level] = start
            levels[level] = replace(levels.get(level, Level()), start=start)
    return NumberedList(found.key, levels, starts)


def _said(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else value(found) or ""
