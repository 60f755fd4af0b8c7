"""Styles: what a paragraph is by its style (a heading, an item of a list, hidden), and what characters are."""

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from backburner.extraction.symbolfonts import is_symbol_font
from backburner.extraction.word.names import child, children, is_on, number, value, word
from backburner.extraction.xmltree import Element

_HEADING_NAME = re.compile(r"heading\s?([1-9])", re.IGNORECASE)
_LOOKS: dict[Any, str] = {
    tag: tag.rpartition("}")[2]
    for tag in word("b", "i", "strike", "dstrike", "vanish", "vertAlign", "position", "sz", "rFonts")
}
_LIST_NAME = re.compile(r"List (?:Bullet|Number) ([2-5])", re.IGNORECASE)
_BODY_LEVEL = 9
"""The outline level that says: no heading."""
_MAX_ANCESTORS = 50


@dataclass(frozen=True)
class RunStyle:
    """What is asked of the look of characters; None where nothing is said."""

    is_bold: bool | None = None
    is_italic: bool | None = None
    is_struck: bool | None = None
    is_hidden: bool | None = None
    height: str | None = None
    """`superscript`, `subscript` or `baseline`."""
    font: str | None = None

    def over(self, below: "RunStyle") -> "RunStyle":
        """This where it says something, else what is below it."""
        pairs = [(mine, theirs) for mine, theirs in zip(self.values, below.values, strict=True)]
        return RunStyle(*(theirs if mine is None else mine for mine, theirs in pairs))  # type: ignore[arg-type]

    @cached_property
    def values(self) -> tuple[bool | str | None, ...]:
        """All of it, in order."""
        return (self.is_bold, self.is_italic, self.is_struck, self.is_hidden, self.height, self.font)


PLAIN = RunStyle()


@dataclass(frozen=True)
class ParagraphStyle:
    """What a paragraph is by its style and those that this one is based on."""

    levels: tuple[tuple[str, int | None], ...] = ()
    """These styles by their ids, each with the level of a list that it asks for."""
    heading: int | None = None
    """1 to 9."""
    num_id: int | None = None
    depth: int = 0
    """Of its lists below others: "List Bullet 2" is a list of its own that stands below "List Bullet"."""
    run: RunStyle = PLAIN


@dataclass(frozen=True)
class Styles:
    """The part `styles`; whatever is missing in it has no effect."""

    root: Element | None
    _paragraphs: dict[str, ParagraphStyle] = field(default_factory=dict, repr=False)
    _runs: dict[str, RunStyle] = field(default_factory=dict, repr=False)

    @cached_property
    def language(self) -> str:
        """The document's language, as in "de-DE"."""
        defaults = None if self.root is None else child(self.root, "docDefaults")
        for name in ("rPrDefault", "rPr", "lang"):
            defaults = None if defaults is None else child(defaults, name)
        return (value(defaults) if defaults is not None else None) or "en-US"

    def of_paragraph(self, style_id: str) -> ParagraphStyle:
        """What a paragraph of such a style is; "" means the default."""
        if style_id not in self._paragraphs:
            self._paragraphs[style_id] = self._resolved(style_id or self._default)
        return self._paragraphs[style_id]

    def of_run(self, style_id: str) -> RunStyle:
        """What a character style asks for."""
        if style_id not in self._runs:
            look = PLAIN
            for style in self._chain(style_id):
                look = look.over(run_style(child(style, "rPr")))
            self._runs[style_id] = look
        return self._runs[style_id]

    def num_id_of(self, style_id: str) -> int | None:
        """The list that a numbering style stands for."""
        style = self._by_id.get(style_id)
        return None if style is None else _numbering(style)[0]

    def _resolved(self, style_id: str) -> ParagraphStyle:
        chain = self._chain(style_id)
        if not chain:
            named = _HEADING_NAME.fullmatch(style_id)
            return ParagraphStyle(((style_id, None),), int(named[1]) if named else None)
        numbers = [_numbering(style) for style in chain]
        look = PLAIN
        for style in chain:
            look = look.over(run_style(child(style, "rPr")))
        return ParagraphStyle(
            tuple((value(style, "styleId") or "", level) for style, (_, level) in zip(chain, numbers, strict=True)),
            next((level for level in map(_outline_level, chain) if level is not None), None) or None,
            next((num_id for num_id, _ in numbers if num_id is not None), None),
            next((int(named[1]) - 1 for style in chain if (named := _LIST_NAME.fullmatch(_text(style, "name")))), 0),
            look,
        )

    def _chain(self, style_id: str) -> list[Element]:
        """A style and those that it is based on, without end where they are based on each other."""
        chain: list[Element] = []
        style = self._by_id.get(style_id)
        while style is not None and style not in chain and len(chain) < _MAX_ANCESTORS:
            chain.append(style)
            style = self._by_id.get(_text(style, "basedOn"))
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
    """What `w:rPr` itself asks for."""
    found = {} if properties is None else {name: one for one in properties if (name := _LOOKS.get(one.tag))}
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
    """Raised or lowered: by name, or, as LibreOffice writes it, by a distance together with a size of its own."""
    if "vertAlign" in found:
        return value(found["vertAlign"])
    distance = (number(value(found["position"])) or 0) if "position" in found and "sz" in found else 0
    return None if not distance else "superscript" if distance > 0 else "subscript"


def fonts_of(element: Element) -> list[str]:
    """The fonts of letters that `w:rFonts` names."""
    return [value(element, name) or "" for name in ("ascii", "hAnsi")]


def _font(element: Element) -> str | None:
    """The font, if it is one of signs the one that is: it may be named for either half of the letters."""
    fonts = [font for font in fonts_of(element) if font]
    return next((font for font in fonts if is_symbol_font(font)), *fonts[:1]) if fonts else None


def _outline_level(style: Element) -> int | None:
    """1 to 9; 0 where it is expressly none; None where nothing is said."""
    properties = child(style, "pPr")
    said = None if properties is None else child(properties, "outlineLvl")
    if said is not None:
        level = number(value(said))
        return None if level is None else level + 1 if level < _BODY_LEVEL else 0
    name = _text(style, "name")
    if name.casefold() == "title":
        return 1
    named = _HEADING_NAME.fullmatch(name)
    return int(named[1]) if named else None


def _numbering(style: Element) -> tuple[int | None, int | None]:
    properties = child(style, "pPr")
    return list_place(properties)


def list_place(properties: Element | None) -> tuple[int | None, int | None]:
    """The list and the level that `w:pPr` itself asks for."""
    numbering = None if properties is None else child(properties, "numPr")
    if numbering is None:
        return None, None
    return number(_text(numbering, "numId")), number(_text(numbering, "ilvl"))


def _text(element: Element, name: str) -> str:
    found = child(element, name)
    return "" if found is None else value(found) or ""
