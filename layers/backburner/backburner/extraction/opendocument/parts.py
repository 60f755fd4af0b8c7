"""The parts of an OpenDocument file, one at a time, so that a long text is never held as one tree."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Protocol

from lxml import etree

from backburner.errors import JobError, Reason
from backburner.extraction.opendocument.names import name_of, value
from backburner.extraction.xmltree import Element, misread, parse_xml

_ENTITY = re.compile(rb"<\0{0,3}!\0{0,3}E\0{0,3}N\0{0,3}T")
_INLINE = frozenset({"office:document", "math:math"})
_ROOT_CHILD_DEPTH, _BODY_CHILD_DEPTH = 2, 4
"""The depths of styles and of paragraphs in a document."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, OSError)


class Source(Protocol):
    """A supplier of a document's parts."""

    def parts(self) -> Iterator[tuple[str, Element]]:
        """Each part with the name of its parent: styles first, then the text's paragraphs, tables and pages."""

    def embedded(self, element: Element) -> "Source | None":
        """A document embedded in this one; None if there is none that can be read."""


class Packed:
    """A folder of a ZIP archive."""

    def __init__(self, archive: zipfile.ZipFile, folder: str = "") -> None:
        self._archive = archive
        self._folder = folder

    def parts(self) -> Iterator[tuple[str, Element]]:
        """The parts of styles.xml and content.xml. Raises `JobError` if the content is missing or damaged."""
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
        """A document in a folder of its own, or in the XML itself."""
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
    """A document that is already a tree."""

    def __init__(self, root: Element) -> None:
        self._root = root

    def parts(self) -> Iterator[tuple[str, Element]]:
        """The parts of the tree."""
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
        """A document in the XML itself."""
        return next((Flat(child) for child in element if name_of(child) in _INLINE), None)


class FlatFile:
    """A document in a single XML file."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def parts(self) -> Iterator[tuple[str, Element]]:
        """The parts of the file."""
        return streamed(self._body)

    def embedded(self, element: Element) -> "Source | None":
        """A document in the XML itself."""
        return Flat(element).embedded(element)


def packed(body: bytes) -> Packed:
    """The parts of a package."""
    return Packed(zipfile.ZipFile(io.BytesIO(body)))


def streamed(body: bytes) -> Iterator[tuple[str, Element]]:
    """The parts of a document's XML; those of the text are freed when the next one is requested."""
    if _ENTITY.search(body):
        raise JobError(
            Reason.UNREADABLE_DOCUMENT, f"{_DOCUMENT} that declares XML entities: save it again without them"
        )
    try:
        yield from _streamed(body)
    except etree.XMLSyntaxError as error:
        raise misread(error, _DOCUMENT) from error


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
        if depth == _ROOT_CHILD_DEPTH and name_of(element) != "office:body" and parent is not None:
            yield name_of(parent), element
        elif depth == _BODY_CHILD_DEPTH and parent is not None and _is_body(parent):
            yield name_of(parent), element
            _free(element, parent)
        elif parent is None and name_of(element) == "math:math":
            yield "", element
        depth -= 1


def _is_body(element: Element) -> bool:
    outer = element.getparent()
    return outer is not None and name_of(outer) == "office:body"


def _free(element: Element, parent: Element) -> None:
    element.clear()
    while element.getprevious() is not None:
        del parent[0]


_DOCUMENT = "an OpenDocument file"
_STYLES = "an OpenDocument file"
