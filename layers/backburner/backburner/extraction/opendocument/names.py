"""Names of OpenDocument elements and attributes, with the prefixes that the standard uses: `text:p`."""

from functools import cache

from backburner.extraction.xmltree import Element

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_NAMESPACES = {
    **{
        f"{_OASIS}{long}:1.0": short
        for long, short in {
            "office": "office", "text": "text", "table": "table", "drawing": "draw", "presentation": "presentation",
            "style": "style", "xsl-fo-compatible": "fo", "svg-compatible": "svg", "form": "form", "chart": "chart",
            "datastyle": "number", "meta": "meta",
        }.items()
    },
    "http://www.w3.org/1998/Math/MathML": "math",
    "http://www.w3.org/1999/xlink": "xlink",
    "http://purl.org/dc/elements/1.1/": "dc",
    "http://www.w3.org/XML/1998/namespace": "xml",
    "urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0": "loext",
    "urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0": "field",
}  # fmt: skip
_BY_PREFIX = {short: long for long, short in _NAMESPACES.items()}


@cache
def _short(tag: str) -> str:
    space, _, local = tag.removeprefix("{").rpartition("}")
    return f"{_NAMESPACES.get(space, '?')}:{local}"


@cache
def _full(name: str) -> str:
    short, _, local = name.partition(":")
    return f"{{{_BY_PREFIX[short]}}}{local}"


def name_of(element: Element) -> str:
    """An element's prefixed name; "" for comments and the like."""
    tag = element.tag
    return _short(tag) if isinstance(tag, str) else ""


def value(element: Element, name: str) -> str:
    """An attribute; "" if it is absent."""
    return element.get(_full(name)) or ""


def number(element: Element, name: str, otherwise: int) -> int:
    """A numeric attribute, within sensible limits."""
    try:
        return min(max(int(value(element, name)), -_MAX), _MAX)
    except ValueError:
        return otherwise


def children(element: Element, name: str) -> list[Element]:
    """The children with a given name."""
    return list(element.iterchildren(_full(name)))


_MAX = 1_000_000
