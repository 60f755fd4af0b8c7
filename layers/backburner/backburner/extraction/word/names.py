"""Names in WordprocessingML, in either of its two namespaces."""

from collections.abc import Iterator

from backburner.extraction.xmltree import Element, attribute

TRANSITIONAL = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
MARKUP = "http://schemas.openxmlformats.org/markup-compatibility/2006"
"""The namespace of `AlternateContent`, which offers the same content in several versions."""
MATH = (
    "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "http://purl.oclc.org/ooxml/officeDocument/math",
)
DRAWING = ("http://schemas.openxmlformats.org/drawingml/2006/main", "http://purl.oclc.org/ooxml/drawingml/main")
_RELATIONS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships",
    "http://purl.oclc.org/ooxml/officeDocument/relationships",
)


def word(*names: str) -> tuple[str, ...]:
    """The full tags for these names, in both namespaces."""
    return tuple(f"{{{space}}}{name}" for space in (TRANSITIONAL, STRICT) for name in names)


def child(element: Element, name: str) -> Element | None:
    """The first child with this name; None if there is none."""
    return next(element.iterchildren(f"{{{TRANSITIONAL}}}{name}", f"{{{STRICT}}}{name}"), None)


def children(element: Element, name: str) -> Iterator[Element]:
    """All children with this name."""
    return element.iterchildren(*word(name))


def value(element: Element, name: str = "val") -> str | None:
    """The value of an attribute; None if absent."""
    found = element.get(f"{{{TRANSITIONAL}}}{name}")
    return attribute(element, name) if found is None else found


def relationship_id(element: Element, name: str = "id") -> str:
    """The relationship id in an attribute: `r:id`, never `w:id`; "" if absent."""
    return next((found for space in _RELATIONS if (found := element.get(f"{{{space}}}{name}"))), "")


def number(text: str | None) -> int | None:
    """A whole number of at most nine digits; None for anything else."""
    digits = (text or "").strip().removeprefix("-")
    max_digits = 9
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= max_digits
    return int(text or "") if is_number else None


def switch(properties: Element, name: str) -> bool | None:
    """Whether a property is switched on or off; None if it is absent."""
    found = child(properties, name)
    return None if found is None else is_on(found)


def is_on(element: Element) -> bool:
    """Whether a switch is on, which it is unless it says otherwise."""
    return value(element) not in ("0", "false", "off", "none")
