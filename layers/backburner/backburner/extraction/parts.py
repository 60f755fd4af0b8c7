"""The parts of an Office document and what they refer to: packed as a ZIP archive, or written as one XML file."""

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
class Relation:
    """What a part refers to by an id: another part, or something outside."""

    kind: str
    """The last word of its type: `header`, `image`, `hyperlink`."""
    target: str
    """The name of a part without a leading slash; an address where it is outside."""
    is_external: bool = False


@dataclass(frozen=True)
class Parts:
    """Parts by name. Names are compared without regard to case, as the format wants it."""

    what: str
    """What the document is called in messages: "a DOCX"."""
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
        """A part to be read piece by piece. Raises `JobError` where there is none, or where it cannot be unpacked."""
        found = self._opened.get(name.lower())
        if found is None:
            raise self._unreadable(f"lacks its part {name}")
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
        """A part's root, if it is XML. Raises `JobError` likewise."""
        return parse_xml(self.read(name), self.what)

    def type_of(self, name: str) -> str:
        """A part's media type; "" where none is said."""
        return self._types.get(name.lower(), self._types.get(f".{name.rpartition('.')[2].lower()}", ""))

    def relations(self, name: str = "") -> dict[str, Relation]:
        """What a part, or the document itself, refers to, by id. Raises `JobError` where the list is damaged."""
        folder, file = posixpath.split(name)
        listed = posixpath.join(folder, "_rels", f"{file}.rels")
        if not self.has(listed):
            return {}
        found = (one for one in self.tree(listed).iter() if local_name(one) == "Relationship")
        return {attribute(one, "Id") or "": _relation(one, folder) for one in found}

    def main(self, types: Iterable[str]) -> str:
        """The name of the part where the document begins: what the package says, else the first of such a type."""
        stated = [one.target for one in self.relations().values() if one.kind == "officeDocument"]
        typed = [name for name in self._opened if any(kind in self.type_of(name) for kind in types)]
        return next((name for name in (*stated, *typed) if self.has(name)), next(iter(stated), ""))

    def _unreadable(self, how: str) -> JobError:
        return JobError(Reason.UNREADABLE_DOCUMENT, f"{self.what} that {how}: save it again and upload it again")


def packed_parts(body: bytes, what: str) -> Parts:
    """The parts of a ZIP archive. Raises `JobError` where it is none, or would unpack to too much."""
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
    """The parts of a document that is written as one XML file (`pkg:package`)."""
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


def _relation(element: Element, folder: str) -> Relation:
    kind = (attribute(element, "Type") or "").rstrip("/").rpartition("/")[2]
    target = attribute(element, "Target") or ""
    if attribute(element, "TargetMode") == "External":
        return Relation(kind, target, is_external=True)
    path = unquote(target).replace("\\", "/")
    absolute = path if path.startswith("/") else posixpath.join("/", folder, path)
    return Relation(kind, posixpath.normpath(absolute).lstrip("/"))
