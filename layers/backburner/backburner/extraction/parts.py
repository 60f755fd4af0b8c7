"""The parts of an Office document and their relationships, in a ZIP archive or in a single XML file."""

import base64
import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import IO
from urllib.parse import unquote

from lxml import etree

from backburner.errors import JobError, Reason
from backburner.extraction.packages import Package
from backburner.extraction.xmltree import Element, attribute, local_name, parse_xml

_DAMAGED = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, OSError)


@dataclass(frozen=True)
class Relationship:
    """A reference from a part, by id, to another part or to something outside."""

    kind: str
    """The last word of its type: `header`, `image`, `hyperlink`."""
    target: str
    """A part's name without a leading slash, or an address if it is external."""
    is_external: bool = False


@dataclass(frozen=True)
class Parts:
    """Parts by name; as the format requires, names are compared regardless of case."""

    what: str
    """The document's name in messages: "a DOCX"."""
    _opened: dict[str, Callable[[], IO[bytes]]] = field(repr=False)
    _types: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> list[str]:
        """All names, in lower case."""
        return list(self._opened)

    def has(self, name: str) -> bool:
        """Whether there is such a part."""
        return name.lower() in self._opened

    def open(self, name: str) -> IO[bytes]:
        """A part, to be read as a stream. Raises `JobError` if there is none, or it cannot be unpacked."""
        found = self._opened.get(name.lower())
        if found is None:
            raise self._unreadable(f"lacks the part {name}")
        try:
            return found()
        except _DAMAGED as error:
            raise self._unreadable(f"is damaged in {name}") from error

    def read(self, name: str) -> bytes:
        """A part's bytes. Raises `JobError` likewise."""
        with self.open(name) as file:
            try:
                return file.read()
            except _DAMAGED as error:
                raise self._unreadable(f"is damaged in {name}") from error

    def tree(self, name: str) -> Element:
        """The root of an XML part. Raises `JobError` likewise."""
        return parse_xml(self.read(name), self.what)

    def type_of(self, name: str) -> str:
        """A part's content type; "" if none is declared."""
        return self._types.get(name.lower(), self._types.get(f".{name.rpartition('.')[2].lower()}", ""))

    def relationships(self, name: str = "") -> dict[str, Relationship]:
        """The relationships of a part, or of the package, by id. Raises `JobError` if the list is damaged."""
        folder, file = posixpath.split(name)
        listed = posixpath.join(folder, "_rels", f"{file}.rels")
        if not self.has(listed):
            return {}
        found = (one for one in self.tree(listed).iter() if local_name(one) == "Relationship")
        return {attribute(one, "Id") or "": _relationship(one, folder) for one in found}

    def main(self, types: Iterable[str]) -> str:
        """The name of the main part: the one the package declares, else the first of one of these types."""
        stated = [one.target for one in self.relationships().values() if one.kind == "officeDocument"]
        typed = [name for name in self._opened if any(kind in self.type_of(name) for kind in types)]
        return next((name for name in (*stated, *typed) if self.has(name)), next(iter(stated), ""))

    def _unreadable(self, how: str) -> JobError:
        return JobError(Reason.UNREADABLE_DOCUMENT, f"{self.what} that {how}: save it again and upload it again")


def packed_parts(body: bytes, what: str) -> Parts:
    """The parts of a ZIP archive. Raises `JobError` if it is not one, or would unpack to too much."""
    package = Package(body)
    opened: dict[str, Callable[[], IO[bytes]]] = {
        info.filename.replace("\\", "/").lstrip("/").lower(): partial(package.open, info) for info in package.infos
    }
    parts = Parts(what, opened)
    if not parts.has("[Content_Types].xml"):
        return parts
    types = {}
    for one in parts.tree("[Content_Types].xml"):
        kind = attribute(one, "ContentType") or ""
        if local_name(one) == "Override":
            types[(attribute(one, "PartName") or "").lstrip("/").lower()] = kind
        elif local_name(one) == "Default":
            types[f".{(attribute(one, 'Extension') or '').lower()}"] = kind
    return Parts(what, opened, types)


def flat_parts(root: Element, what: str) -> Parts:
    """The parts of a document in a single XML file (`pkg:package`)."""
    opened: dict[str, Callable[[], IO[bytes]]] = {}
    types = {}
    for part in root:
        name = (attribute(part, "name") or "").lstrip("/").lower()
        types[name] = attribute(part, "contentType") or ""
        for data in part:
            if local_name(data) == "xmlData" and len(data):
                opened[name] = partial(_written, data[0])
            elif local_name(data) == "binaryData":
                opened[name] = partial(_decoded, data.text or "")
    return Parts(what, opened, types)


def _written(root: Element) -> IO[bytes]:
    return io.BytesIO(etree.tostring(root, with_tail=False))


def _decoded(text: str) -> IO[bytes]:
    return io.BytesIO(base64.b64decode(text))


def _relationship(element: Element, folder: str) -> Relationship:
    kind = (attribute(element, "Type") or "").rstrip("/").rpartition("/")[2]
    target = attribute(element, "Target") or ""
    if attribute(element, "TargetMode") == "External":
        return Relationship(kind, target, is_external=True)
    path = unquote(target).replace("\\", "/")
    absolute = path if path.startswith("/") else posixpath.join("/", folder, path)
    return Relationship(kind, posixpath.normpath(absolute).lstrip("/"))
