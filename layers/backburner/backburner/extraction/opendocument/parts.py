"""An OpenDocument file's parts, one after the other: a long text is never held as a whole tree."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Protocol

from lxml import etree

from backburner.errors import JobError, Reason
from backburner.extraction.opendocument.names import name_of, value
from backburner.extraction.xmltree import Element, parse_xml

_ENTITY = re.compile(rb"<\0{0,3}!\0{0,3}E\0{0,3}N\0{0,3}T")
_INLINE = frozenset({"office:document", "math:math"})
_OF_ROOT, _OF_KIND = 2, 4
"""How deep styles and paragraphs stand in a document."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, OSError)


class Source(Protocol):
    """Where the parts of a document come from."""

    def parts(self) -> Iterator[tuple[str, Element]]:
        """Each with what it is a part of: styles first, then the text's paragraphs, tables and pages."""

    def embedded(self, element: Element) -> "Source | None":
        """A document within the document; None if there is none that can be read."""


class Packed:
    """A folder of a ZIP archive."""

    def __init__(self, archive: zipfile.ZipFile, folder: str = "") -> None:
        self._archive = archive
        self._folder = folder

    def parts(self) -> Iterator[tuple[str, Element]]:
        """Those of styles.xml and content.xml. Raises `JobError` where there is no content, or a damaged one."""
        styles = self._read("styles.xml")
        if styles:
            yield from ((name_of(root), part) for root in [parse_xml(styles, _STYLES)] for part in root)
        content = self._read("content.xml")
        if not content:
            raise JobError(
                Reason.UNREADABLE_DOCUMENT, f"{_DOCUMENT} without content: save it again and upload it again"
            )
        yield from streamed(content)

    def embedded(self, element: Element) -> "Source | None":
        """One in a folder of its own, or one that stands in the XML."""
        inline = Flat(element).embedded(element)
        if inline is not None:
            return inline
        folder = f"{self._folder}{value(element, 'xlink:href').removeprefix('./').rstrip('/')}/"
        inner = Packed(self._archive, folder)
        return inner if inner._read("content.xml") else None

    def _read(self, name: str) -> bytes:
        try:
            return self._archive.read(f"{self._folder}{name}")
        except KeyError:
            return b""
        except _DAMAGED as error:
            raise JobError(
                Reason.UNREADABLE_DOCUMENT, f"{_DOCUMENT} that is damaged: save it again and upload it again"
            ) from error


class Flat:
    """A document in one tree."""

    def __init__(self, root: Element) -> None:
        self._root = root

    def parts(self) -> Iterator[tuple[str, Element]]:
        """Those of the tree."""
        if name_of(self._root) == "math:math":
            yield "", self._root
        for part in self._root:
            if name_of(part) != "office:body":
                yield name_of(self._root), part
                continue
            for kind in part:
                for child in kind:
                    yield name_of(kind), child

    def embedded(self, element: Element) -> "Source | None":
        """One that stands in the XML."""
        return next((Flat(child) for child in element if name_of(child) in _INLINE), None)


class FlatFile:
    """A document in one file of XML."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def parts(self) -> Iterator[tuple[str, Element]]:
        """Those of the file."""
        return streamed(self._body)

    def embedded(self, element: Element) -> "Source | None":
        """One that stands in the XML."""
        return Flat(element).embedded(element)


def packed(body: bytes) -> Packed:
    """The parts of a package."""
    return Packed(zipfile.ZipFile(io.BytesIO(body)))


def streamed(body: bytes) -> Iterator[tuple[str, Element]]:
    """The parts of a document's XML; each of the text's own is given up when the next one is asked for."""
    if _ENTITY.search(body):
        raise JobError(
            Reason.UNREADABLE_DOCUMENT, f"{_DOCUMENT} that declares XML entities: save it again without them"
        )
    try:
        yield from _streamed(body)
    except etree.XMLSyntaxError as error:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT, f"{_DOCUMENT} that is damaged: save it again and upload it again"
        ) from error


def _streamed(body: bytes) -> Iterator[tuple[str, Element]]:
    depth = 0
    parser = etree.iterparse(
        io.BytesIO(body), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False,
        huge_tree=True, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    for event, element in parser:
        if event == "start":
            depth += 1
            continue
        parent = element.getparent()
        if depth == _OF_ROOT and name_of(element) != "office:body" and parent is not None:
            yield name_of(parent), element
        elif depth == _OF_KIND and parent is not None and _is_body(parent):
            yield name_of(parent), element
            _forget(element, parent)
        elif parent is None and name_of(element) == "math:math":
            yield "", element
        depth -= 1


def _is_body(element: Element) -> bool:
    outer = element.getparent()
    return outer is not None and name_of(outer) == "office:body"


def _forget(element: Element, parent: Element) -> None:
    element.clear()
    while element.getprevious() is not None:
        del parent[0]


_DOCUMENT = "an OpenDocument file"
_STYLES = "an OpenDocument file"
