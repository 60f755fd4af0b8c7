"""Styles: what they make of a paragraph (heading, list item, hidden), and the formatting of characters."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from backburner.extraction.symbolfonts import is_symbol_font
from backburner.extraction.word.names import child, children, is_on, number, value, word
from backburner.extraction.xmltree import Element

_HEADING_NAME = re.compile(r"heading\s?([1-9])", re.IGNORECASE)
_FORMATTING: dict[Any, str] = {
    tag: tag.rpartition("}")[2]
    for tag in word("b", "i", "strike", "dstrike", "vanish", "vertAlign", "position", "sz", "rFonts")
}
_LIST_NAME = re.compile(r"List (?:Bullet|Number) ([2-5])", re.IGNORECASE)
_BODY_LEVEL = 9
"""The outline level of body text."""
_MAX_ANCESTORS = 50


@dataclass(frozen=True)
class RunStyle:
    """Character formatting; None where it is not set."""

    is_bold: bool | None = None
    is_italic: bool | None = None
    is_struck: bool | None = None
    is_hidden: bool | None = None
    height: str | None = None
    """`superscript`, `subscript` or `baseline`."""
    font: str | None = None

    def over(self, below: "RunStyle") -> "RunStyle":
        """This formatting where it is set, else that of the style below."""
        pairs = [(mine, theirs) for mine, theirs in zip(self.values, below.values, strict=True)]
        return RunStyle(*(theirs if mine is None else mine for mine, theirs in pairs))  # type: ignore[arg-type]

    @cached_property
    def values(self) -> tuple[bool | str | None, ...]:
        """All values, in order."""
        return (self.is_bold, self.is_italic, self.is_struck, self.is_hidden, self.height, self.font)


PLAIN = RunStyle()


@dataclass(frozen=True)
class ParagraphStyle:
    """What a paragraph's style, and those it is based on, make of it."""

    levels: tuple[tuple[str, int | None], ...] = ()
    """The ids of these styles, each with the list level that it sets."""
    heading: int | None = None
    """1 to 9."""
    num_id: int | None = None
    depth: int = 0
    """How deep its lists are: "List Bullet 2" is a separate list, shown below "List Bullet"."""
    run: RunStyle = PLAIN


@dataclass(frozen=True)
class Styles:
    """The styles part; whatever is missing in it has no effect."""

    root: Element | None
    _paragraphs: dict[str, ParagraphStyle] = field(default_factory=dict, repr=False)
    _runs: dict[str, RunStyle] = field(default_factory=dict, repr=False)

    @cached_property
    def language(self) -> str:
        """The document's language, for example "de-DE"."""
        defaults = None if self.root is None else child(self.root, "docDefaults")
        for name in ("rPrDefault", "rPr", "lang"):
            defaults = None if defaults is None else child(defaults, name)
        return (value(defaults) if defaults is not None else None) or "en-US"

    def of_paragraph(self, style_id: str) -> ParagraphStyle:
        """The paragraph style with this id; "" means the default."""
        if style_id not in self._paragraphs:
            self._paragraphs[style_id] = self._resolved(style_id or self._default)
        return self._paragraphs[style_id]

    def of_run(self, style_id: str) -> RunStyle:
        """The formatting of a character style."""
        if style_id not in self._runs:
            formatting = PLAIN
            for style in self._chain(style_id):
                formatting = formatting.over(run_style(child(style, "rPr")))
            self._runs[style_id] = formatting
        return self._runs[style_id]

    def num_id_of(self, style_id: str) -> int | None:
        """The list of a numbering style."""
        style = self._by_id.get(style_id)
        return None if style is None else _numbering(style)[0]

    def _resolved(self, style_id: str) -> ParagraphStyle:
        chain = self._chain(style_id)
        if not chain:
            named = _HEADING_NAME.fullmatch(style_id)
            return ParagraphStyle(((style_id, None),), int(named[1]) if named else None)
        numbers = [_numbering(style) for style in chain]
        formatting = PLAIN
        for style in chain:
            formatting = formatting.over(run_style(child(style, "rPr")))
        return ParagraphStyle(
            tuple((value(style, "styleId") or "", level) for style, (_, level) in zip(chain, numbers, strict=True)),
            next((level for level in map(_outline_level, chain) if level is not None), None) or None,
            next((num_id for num_id, _ in numbers if num_id is not None), None),
            next(
                (int(named[1]) - 1 for style in chain if (named := _LIST_NAME.fullmatch(_child_value(style, "name")))),
                0,
            ),
            formatting,
        )

    def _chain(self, style_id: str) -> list[Element]:
        """A style and those it is based on, even if they form a cycle."""
        chain: list[Element] = []
        style = self._by_id.get(style_id)
        while style is not None and style not in chain and len(chain) < _MAX_ANCESTORS:
            chain.append(style)
            style = self._by_id.get(_child_value(style, "basedOn"))
        return chain

    @cached_property
    def _by_id(self) -> dict[str, Element]:
        found = [] if self.root is None else children(self.root, "style")
        return {value(style, "styleId") or "": style for style in found}

    @cached_property
    def _default(self) -> str:
        is_default = (
            name
            for name, style in self._by_id.items()
            if value(style, "type") == "paragraph" and value(style, "default") in ("1", "true", "on")
        )
        return next(is_default, "")


def run_style(properties: Element | None) -> RunStyle:
    """The formatting that `w:rPr` itself sets."""
    found = {} if properties is None else {name: one for one in properties if (name := _FORMATTING.get(one.tag))}
    if not found:
        return PLAIN
    fonts = found.get("rFonts")
    struck = [is_on(found[name]) for name in ("strike", "dstrike") if name in found]
    return RunStyle(
        is_on(found["b"]) if "b" in found else None,
        is_on(found["i"]) if "i" in found else None,
        any(struck) if struck else None,
        is_on(found["vanish"]) if "vanish" in found else None,
        _height(found),
        None if fonts is None else _font(fonts),
    )


def _height(found: dict[str, Element]) -> str | None:
    """Super- or subscript: by name or, as LibreOffice writes it, by a distance together with a size."""
    if "vertAlign" in found:
        return value(found["vertAlign"])
    distance = (number(value(found["position"])) or 0) if "position" in found and "sz" in found else 0
    return None if not distance else "superscript" if distance > 0 else "subscript"


def fonts_of(element: Element) -> list[str]:
    """The fonts that `w:rFonts` sets for letters."""
    return [value(element, name) or "" for name in ("ascii", "hAnsi")]


def _font(element: Element) -> str | None:
    """The font; a symbol font if one is set for either half of the letters."""
    fonts = [font for font in fonts_of(element) if font]
    return next((font for font in fonts if is_symbol_font(font)), *fonts[:1]) if fonts else None


def _outline_level(style: Element) -> int | None:
    """1 to 9; 0 if it is explicitly body text; None if it is not set."""
    properties = child(style, "pPr")
    outline = None if properties is None else child(properties, "outlineLvl")
    if outline is not None:
        level = number(value(outline))
        return None if level is None else level + 1 if level < _BODY_LEVEL else 0
    name = _child_value(style, "name")
    if name.casefold() == "title":
        return 1
    named = _HEADING_NAME.fullmatch(name)
    return int(named[1]) if named else None


def _numbering(style: Element) -> tuple[int | None, int | None]:
    properties = child(style, "pPr")
    return list_reference(properties)


def list_reference(properties: Element | None) -> tuple[int | None, int | None]:
    """The list and level that `w:pPr` itself sets."""
    numbering = None if properties is None else child(properties, "numPr")
    if numbering is None:
        return None, None
    return number(_child_value(numbering, "numId")), number(_child_value(numbering, "ilvl"))


def _child_value(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else value(found) or ""
