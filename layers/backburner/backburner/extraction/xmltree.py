"""XML from untrusted files: no entities, nothing from the network or the disk."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from typing import IO, Literal

from lxml import etree

from backburner.errors import JobError, Reason

Element = etree._Element  # noqa: SLF001 - lxml's own name for its public class
_ENTITY = re.compile(rb"<\0{0,3}!\0{0,3}E\0{0,3}N\0{0,3}T\0{0,3}I\0{0,3}T\0{0,3}Y")
"""A declaration, in UTF-8, UTF-16 or UTF-32. Office programs write none; attackers use them to blow up a document."""
_ENTITY_BYTES = 32
"""The length of its beginning in UTF-32."""

_MAX_DIGITS = 9
_ZLIB_NO_MEMORY = "Error -4"
"""Z_MEM_ERROR, as Python's `zlib` words it."""


def parse_xml(body: bytes, what: str) -> Element:
    """The root of an XML document, called `what` in messages.

    Raises `JobError` (`unreadable_document`), and `MemoryError`, which is not to be taken for damage.
    """
    if _ENTITY.search(body):
        raise _entities(what)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True, remove_pis=True, remove_comments=True
    )
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise misread(error, what) from error


def stream_xml(file: IO[bytes], what: str, tags: Sequence[str]) -> Iterator[tuple[Literal["start", "end"], Element]]:
    """The starts and ends of elements with these tags as the file is parsed; the caller clears finished elements.

    Raises `JobError` as `parse_xml` does, also if the file cannot be unpacked.
    """
    events = etree.iterparse(
        _Watched(file, what), events=("start", "end"), tag=tags, resolve_entities=False, no_network=True,
        load_dtd=False, huge_tree=True, remove_pis=True, remove_comments=True,
    )  # fmt: skip
    try:
        for event, element in events:
            yield ("start" if event == "start" else "end"), element
    except (etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise misread(error, what) from error


def complete_elements(file: IO[bytes], what: str, *names: str) -> Iterator[Element]:
    """Each element with one of these local names, complete and in order; cleared when the next one is requested."""
    for event, element in stream_xml(file, what, [f"{{*}}{name}" for name in names]):
        if event == "start":
            continue
        yield element
        element.clear()
        while (before := element.getprevious()) is not None and (parent := before.getparent()) is not None:
            parent.remove(before)


class _Watched:
    """A file that cannot be read past an entity declaration."""

    def __init__(self, file: IO[bytes], what: str) -> None:
        self._file, self._what, self._end = file, what, b""

    def read(self, size: int = -1) -> bytes:
        """The next chunk."""
        piece = self._file.read(size)
        if _ENTITY.search(self._end + piece):
            raise _entities(self._what)
        self._end = piece[-_ENTITY_BYTES:]
        return piece


def _entities(what: str) -> JobError:
    return JobError(Reason.UNREADABLE_DOCUMENT, f"{what} that declares XML entities: save it again without them")


def misread(error: Exception, what: str) -> Exception:
    """What an error of the parser means. libxml2 reports memory that runs out as if the document were malformed."""
    if isinstance(error, etree.XMLSyntaxError) and error.code == etree.ErrorTypes.ERR_NO_MEMORY:
        return MemoryError(what)
    if isinstance(error, zlib.error) and str(error).startswith(_ZLIB_NO_MEMORY):
        return MemoryError(what)
    return JobError(Reason.UNREADABLE_DOCUMENT, f"{what} that is damaged: save it again and upload it again")


def local_name(element: Element) -> str:
    """An element's name without namespace: `p`, whatever the prefix; "" for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


def attribute(element: Element, name: str) -> str | None:
    """The value of an attribute by its local name, in any namespace; None if absent."""
    value = element.get(name)
    if value is not None:
        return value
    return next((found for key, found in element.attrib.items() if key.rpartition("}")[2] == name), None)


def whole_number(text: str | None, *, otherwise: int = 0) -> int:
    """The value of a counting attribute; `otherwise` if it is missing or not a number."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else otherwise
