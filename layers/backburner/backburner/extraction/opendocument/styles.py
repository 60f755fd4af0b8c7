"""Styles, as far as they affect the text: hidden, raised, struck; lists and outline numbering."""

from dataclasses import dataclass, field

from backburner.extraction.composition import STRUCK, SUBSCRIPT, SUPERSCRIPT
from backburner.extraction.opendocument.names import children, name_of, number, value
from backburner.extraction.ordinals import Numbering
from backburner.extraction.xmltree import Element

MAX_LEVELS = 10
_MAX_PARENTS = 50
_FORMS = {form.value: form for form in Numbering if form is not Numbering.BULLET}


@dataclass(frozen=True, slots=True)
class Style:
    """What a character or paragraph style sets itself; None is inherited from its parent."""

    parent: str = ""
    is_hidden: bool | None = None
    position: str | None = None
    is_struck: bool | None = None
    list_style: str | None = None
    font: str | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A level of a list style."""

    form: Numbering = Numbering.BULLET
    prefix: str = ""
    suffix: str = ""
    shown_levels: int = 1
    start: int = 1
    pattern: str = ""
    """LibreOffice's own format for numbers: `%1%.%2%`."""


@dataclass
class Styles:
    """All styles of a document."""

    _styles: dict[tuple[str, str], Style] = field(default_factory=dict)
    _lists: dict[str, dict[int, Level]] = field(default_factory=dict)
    outline: dict[int, Level] = field(default_factory=dict)
    """The numbering of headings."""

    def read(self, group: Element) -> None:
        """Read a group of style declarations."""
        for element in group:
            match name_of(element):
                case "style:style":
                    key = value(element, "style:family"), value(element, "style:name")
                    self._styles[key] = _style(element)
                case "text:list-style":
                    self._lists[value(element, "style:name")] = _levels(element)
                case "text:outline-style":
                    self.outline = _levels(element)

    def is_hidden(self, family: str, name: str) -> bool:
        """Whether a style hides its text."""
        return next((style.is_hidden for style in self._chain(family, name) if style.is_hidden is not None), False)

    def mark(self, family: str, name: str) -> str:
        """The mark around text in a style: raised, lowered or struck."""
        position = next((style.position for style in self._chain(family, name) if style.position is not None), "")
        is_struck = next((style.is_struck for style in self._chain(family, name) if style.is_struck is not None), False)
        return position or (STRUCK if is_struck else "")

    def font(self, family: str, name: str) -> str:
        """The font of a style; "" if it sets none."""
        return next((style.font for style in self._chain(family, name) if style.font), "")

    def list_of_paragraph(self, name: str) -> str:
        """The list style that a paragraph style sets."""
        return next((style.list_style for style in self._chain("paragraph", name) if style.list_style), "")

    def level(self, list_style: str, depth: int) -> Level:
        """A level of a list style, from 1; a bullet if it is not declared."""
        return self._lists.get(list_style, {}).get(depth, Level())

    def _chain(self, family: str, name: str) -> list[Style]:
        found: list[Style] = []
        while name and len(found) < _MAX_PARENTS and (style := self._styles.get((family, name))):
            found.append(style)
            name = style.parent
        return found


def _style(element: Element) -> Style:
    is_hidden = position = is_struck = None
    font = ""
    for properties in children(element, "style:text-properties"):
        font = value(properties, "style:font-name") or value(properties, "fo:font-family").strip("'\"")
        if display := value(properties, "text:display"):
            is_hidden = display == "none"
        if raised := value(properties, "style:text-position"):
            position = _position(raised.split()[0])
        if line := value(properties, "style:text-line-through-style") or value(
            properties, "style:text-line-through-type"
        ):
            is_struck = line != "none"
    for properties in children(element, "style:drawing-page-properties"):
        if visibility := value(properties, "presentation:visibility"):
            is_hidden = visibility == "hidden"
    parent, lists = value(element, "style:parent-style-name"), value(element, "style:list-style-name")
    return Style(parent, is_hidden, position, is_struck, lists or None, font or None)


def _position(raised: str) -> str:
    if raised == "super":
        return SUPERSCRIPT
    if raised == "sub" or raised.startswith("-"):
        return SUBSCRIPT
    return "" if raised.startswith("0") else SUPERSCRIPT


def _levels(element: Element) -> dict[int, Level]:
    return {number(child, "text:level", 1): _level(child) for child in element if value(child, "text:level")}


def _level(element: Element) -> Level:
    if name_of(element) not in ("text:list-level-style-number", "text:outline-level-style"):
        return Level()
    return Level(
        form=_form(value(element, "style:num-format")),
        prefix=value(element, "style:num-prefix"),
        suffix=value(element, "style:num-suffix"),
        shown_levels=number(element, "text:display-levels", 1),
        start=number(element, "text:start-value", 1),
        pattern=value(element, "loext:num-list-format"),
    )


def _form(written: str) -> Numbering:
    """`1`, `a`, `I`; other formats are given by their first numbers: `一, 二, 三, ...`."""
    first = written.partition(",")[0].strip()
    return _FORMS.get(first, Numbering.DECIMAL if first else Numbering.NONE)
