"""Names in WordprocessingML: in either of its two namespaces, with any prefix."""

from collections.abc import Iterator

from backburner.extraction.xmltree import Element, attribute

TRANSITIONAL = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
MARKUP = "http://schemas.openxmlformats.org/markup-compatibility/2006"
"""Of `AlternateContent`, which says the same twice."""
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
    """Full tags of these names, in both namespaces."""
    return tuple(f"{{{space}}}{name}" for space in (TRANSITIONAL, STRICT) for name in names)


def child(element: Element, name: str) -> Element | None:
    """The first child of such a name; None if there is none."""
    return next(element.iterchildren(f"{{{TRANSITIONAL}}}{name}", f"{{{STRICT}}}{name}"), None)


def children(element: Element, name: str) -> Iterator[Element]:
    """All children of such a name."""
    return element.iterchildren(*word(name))


def value(element: Element, name: str = "val") -> str | None:
    """An attribute; None where there is none."""
    found = element.get(f"{{{TRANSITIONAL}}}{name}")
    return attribute(element, name) if found is None else found


def relationship_id(element: Element, name: str = "id") -> str:
    """An attribute that refers to a relationship: `r:id`, never `w:id`; "" where there is none."""
    return next((found for space in _RELATIONS if (found := element.get(f"{{{space}}}{name}"))), "")


def number(text: str | None) -> int | None:
    """A whole number of at most nine digits; None for anything else."""
    digits = (text or "").strip().removeprefix("-")
    most_digits = 9
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= most_digits
    return int(text or "") if is_number else None


def switch(properties: Element, name: str) -> bool | None:
    """Whether something is switched on or off; None where nothing is said."""
    found = child(properties, name)
    return None if found is None else is_on(found)


def is_on(element: Element) -> bool:
    """Whether a switch is on: it is unless it says otherwise."""
    return value(element) not in ("0", "false", "off", "none")
