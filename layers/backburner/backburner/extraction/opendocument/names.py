"""Names of elements and attributes of OpenDocument, short as its standard writes them: `text:p`."""

from functools import cache

from backburner.extraction.xmltree import Element

_OASIS = "urn:oasis:names:tc:opendocument:xmlns:"
_SPACES = {
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
_OF_SHORT = {short: long for long, short in _SPACES.items()}


@cache
def _short(tag: str) -> str:
    space, _, local = tag.removeprefix("{").rpartition("}")
    return f"{_SPACES.get(space, '?')}:{local}"


@cache
def _full(name: str) -> str:
    short, _, local = name.partition(":")
    return f"{{{_OF_SHORT[short]}}}{local}"


def name_of(element: Element) -> str:
    """What an element is; "" of what is none."""
    tag = element.tag
    return _short(tag) if isinstance(tag, str) else ""


def value(element: Element, name: str) -> str:
    """An attribute; "" where there is none."""
    return element.get(_full(name)) or ""


def number(element: Element, name: str, otherwise: int) -> int:
    """An attribute that is a number, within bounds that any document keeps."""
    try:
        return min(max(int(value(element, name)), -_MAX), _MAX)
    except ValueError:
        return otherwise


def children(element: Element, name: str) -> list[Element]:
    """The children of a name."""
    return list(element.iterchildren(_full(name)))


_MAX = 1_000_000
