"""What a shape inherits from its slide's layout and master: list styles and position."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backburner.errors import JobError
from backburner.extraction.parts import Parts, Relationship
from backburner.extraction.xmltree import Element, attribute, local_name

TITLES = frozenset({"title", "ctrTitle"})
_OTHERS = frozenset({"dt", "ftr", "sldNum", "hdr"})
_MAX_DIGITS = 15


@dataclass(frozen=True)
class Page:
    """A slide or a notes page with its relationships, its layout and its master; "" if it has none."""

    parts: Parts
    part: str
    relationships: Mapping[str, Relationship]
    layout: str
    master: str

    def related(self, kind: str) -> list[str]:
        """The existing parts of this kind that it refers to."""
        return _related(self.parts, self.relationships, kind)


@dataclass
class Layouts:
    """The layouts and masters of a presentation, each read once."""

    parts: Parts
    _roots: dict[str, Element | None] = field(default_factory=dict)
    _masters: dict[str, str] = field(default_factory=dict)
    _shapes: dict[tuple[str, str, str | None], Element | None] = field(default_factory=dict)

    def page(self, part: str) -> Page:
        """A slide with its layout and master. Raises `JobError` if its list of relationships is damaged."""
        relationships = self.parts.relationships(part)
        layout = next(iter(_related(self.parts, relationships, "slideLayout")), "")
        direct = next(iter(_related(self.parts, relationships, "notesMaster")), "")
        return Page(self.parts, part, relationships, layout, direct or self._master(layout))

    def styles(self, page: Page, placeholder: Element | None) -> list[Element]:
        """The list styles that apply to a shape besides its own, nearest first."""
        kind = kind_of(placeholder)
        found = [style for shape in self.shapes(page, placeholder) for style in shape.iter("{*}lstStyle")]
        root = self.root(page.master)
        if root is None:
            return found
        wanted = "titleStyle" if kind in TITLES else "otherStyle" if kind in _OTHERS or not kind else "bodyStyle"
        styles = [one for listed in root.iter("{*}txStyles") for one in listed if local_name(one) == wanted]
        return found + styles + list(root.iter("{*}notesStyle"))

    def shapes(self, page: Page, placeholder: Element | None) -> list[Element]:
        """The placeholders in the layout and the master that a shape fills."""
        if placeholder is None:
            return []
        kind = kind_of(placeholder)
        in_layout = self._placeholder(page.layout, kind, attribute(placeholder, "idx"))
        in_master = self._placeholder(page.master, kind if kind in TITLES | _OTHERS else "body", None)
        return [shape for shape in (in_layout, in_master) if shape is not None]

    def root(self, part: str) -> Element | None:
        """A layout or master; None if it is missing or damaged, since it holds no text of the slide itself."""
        if part not in self._roots:
            try:
                self._roots[part] = self.parts.tree(part) if part else None
            except JobError:
                self._roots[part] = None
        return self._roots[part]

    def _master(self, layout: str) -> str:
        if layout not in self._masters:
            try:
                relationships = self.parts.relationships(layout) if layout else {}
            except JobError:
                relationships = {}
            self._masters[layout] = next(iter(_related(self.parts, relationships, "slideMaster")), "")
        return self._masters[layout]

    def _placeholder(self, part: str, kind: str, index: str | None) -> Element | None:
        key = (part, kind, index)
        if key not in self._shapes:
            self._shapes[key] = self._found(part, kind, index)
        return self._shapes[key]

    def _found(self, part: str, kind: str, index: str | None) -> Element | None:
        root = self.root(part)
        for shape in root.iter("{*}sp") if root is not None else ():
            own = placeholder_of(shape)
            if own is None:
                continue
            own_kind = "title" if kind_of(own) in TITLES else kind_of(own)
            if (
                attribute(own, "idx") == index
                if index is not None
                else own_kind == ("title" if kind in TITLES else kind)
            ):
                return shape
        return None


def placeholder_of(shape: Element) -> Element | None:
    """The element that makes a shape a placeholder, if it is one."""
    for properties in shape:
        if local_name(properties).startswith("nv"):
            return next(properties.iter("{*}ph"), None)
    return None


def kind_of(placeholder: Element | None) -> str:
    """A placeholder's type: `title`, `body`, `ftr`; "" if it is not a placeholder."""
    return "" if placeholder is None else attribute(placeholder, "type") or "obj"


def top_left(shape: Element, layouts: Layouts, page: Page) -> tuple[int, int]:
    """The position of a shape, from the top and from the left; 0, 0 if none is given."""
    for one in (shape, *layouts.shapes(page, placeholder_of(shape))):
        for properties in one:
            frame = properties if local_name(properties) == "xfrm" else _frame(properties)
            for offset in frame if frame is not None else ():
                if local_name(offset) == "off":
                    return _distance(attribute(offset, "y")), _distance(attribute(offset, "x"))
    return 0, 0


def _frame(properties: Element) -> Element | None:
    if local_name(properties) not in ("spPr", "grpSpPr"):
        return None
    return next((one for one in properties if local_name(one) == "xfrm"), None)


def _distance(text: str | None) -> int:
    digits = (text or "").lstrip("-")
    if not digits.isdecimal() or len(digits) > _MAX_DIGITS:
        return 0
    return -int(digits) if (text or "").startswith("-") else int(digits)


def _related(parts: Parts, relationships: Mapping[str, Relationship], kind: str) -> list[str]:
    return [
        one.target
        for one in relationships.values()
        if one.kind == kind and not one.is_external and parts.has(one.target)
    ]
