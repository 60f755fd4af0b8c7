"""EPUB books: their chapters, which are web pages, in reading order."""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import missing
from backburner.extraction.web.html import markdown_of
from backburner.extraction.web.pages import page_of
from backburner.extraction.xmltree import Element, attribute, local_name, parse_xml

_LICENCES = ("META-INF/rights.xml", "META-INF/license.lcpl", "META-INF/sinf.xml")
"""Adobe's, Readium's and Apple's."""
_ENCRYPTION = "META-INF/encryption.xml"
_ONLY_HIDES_FONTS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_CHAPTERS = (".xhtml", ".html", ".htm", ".xml", ".svg")
_PAGES = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "image/svg+xml", "text/xml"})
_CONTENTS = re.compile(r"<nav\b.*?</nav\s*>", re.DOTALL | re.IGNORECASE)
_BAD_MEMBER = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, OSError)


def read_epub(body: bytes) -> Extracted:
    """The chapters as Markdown, with a note for each missing or damaged one. Raises `JobError`."""
    book = _Book(zipfile.ZipFile(io.BytesIO(body)))
    if book.is_licensed():
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            "a book with DRM: its text is encrypted; upload a copy without it, if the seller offers one",
        )
    parts = list(book.parts())
    texts = [part.text.strip("\n") for part in parts if part.text.strip()]
    notes = [note for part in parts for note in part.notes]
    if not any(part.text.strip() and part.text.strip() not in map(missing, part.notes) for part in parts):
        why = notes[0] if notes else "no chapters in it"
        raise JobError(Reason.UNREADABLE_DOCUMENT, f"a book without text ({why}): if it is a scan, run it through OCR")
    return Extracted("\n\n".join(texts) + "\n", tuple(notes))


@dataclass(frozen=True)
class _Item:
    """An entry of the book's manifest."""

    path: str
    kind: str
    properties: str
    fallback: str | None


@dataclass
class _Book:
    """The archive and its package document."""

    archive: zipfile.ZipFile

    def __post_init__(self) -> None:
        """Index the file names regardless of case."""
        self._names = {name.lower(): name for name in reversed(self.archive.namelist())}

    def is_licensed(self) -> bool:
        """Whether its text is encrypted. Obfuscated fonts do not count."""
        if any(name.lower() in self._names for name in _LICENCES):
            return True
        if any(info.flag_bits & 1 for info in self.archive.infolist()):
            return True
        encryption = self._bytes(_ENCRYPTION)
        if encryption is None:
            return False
        methods = [
            attribute(element, "Algorithm")
            for data in parse_xml(encryption, "a book").iter()
            if local_name(data) == "EncryptedData"
            for element in data
            if local_name(element) == "EncryptionMethod"
        ]
        return any(method not in _ONLY_HIDES_FONTS for method in methods)

    def parts(self) -> Iterator[Extracted]:
        """The chapters in reading order."""
        package = self._package()
        if package is None:
            yield from self._by_names()
            return
        root, folder = package
        items = _items(root, folder)
        order = [attribute(ref, "idref") or "" for ref in root.iter() if local_name(ref) == "itemref"]
        for index, name in enumerate(order):
            item = items.get(name)
            if item is None:
                yield _missing_chapter(f"chapter {index + 1}: not in the book's manifest")
                continue
            yield self._chapter(item, items, is_cover=not index)

    def _by_names(self) -> Iterator[Extracted]:
        yield _missing_chapter("the reading order is lost: chapters are sorted by file name")
        for name in sorted(self.archive.namelist()):
            if name.lower().endswith(_CHAPTERS) and not name.startswith("META-INF/"):
                yield self._chapter(_Item(name, "text/html", "", None), {}, is_cover=False)

    def _chapter(self, item: _Item, items: dict[str, _Item], *, is_cover: bool) -> Extracted:
        seen: set[str] = set()
        while item.kind not in _PAGES and item.fallback in items and item.fallback not in seen:
            seen.add(item.fallback)
            item = items[item.fallback]
        if item.kind not in _PAGES:
            return _missing_chapter(f"chapter {item.path}: not read, it is {item.kind or 'of an unknown type'}")
        body = self._bytes(item.path)
        if body is None:
            return _missing_chapter(f"chapter {item.path}: missing or damaged")
        try:
            page = page_of(body)
            is_contents = "nav" in item.properties.split()
            found = markdown_of(_CONTENTS.sub("", page) if is_contents else page, with_local_links=False)
        except JobError as error:
            return _missing_chapter(f"chapter {item.path}: {error}")
        if found.text.strip() or is_cover or not found.notes:
            return found
        return _missing_chapter(f"chapter {item.path}: {found.notes[0]}")

    def _package(self) -> tuple[Element, str] | None:
        """The package document and its folder; None if there is no readable one."""
        container = self._bytes("META-INF/container.xml")
        paths: list[str] = []
        if container is not None:
            paths += re.findall(r"""full-path\s*=\s*["']([^"']+)""", container.decode("utf-8", "replace"))
        paths += [name for name in self.archive.namelist() if name.lower().endswith(".opf")]
        for path in paths:
            body = self._bytes(path)
            try:
                root = parse_xml(body, "a book") if body else None
            except JobError:
                continue
            if root is not None and any(local_name(element) == "itemref" for element in root.iter()):
                return root, posixpath.dirname(path)
        return None

    def _bytes(self, path: str) -> bytes | None:
        """The contents of a file; None if it is missing or damaged."""
        name = self._names.get(path.lower())
        if name is None:
            return None
        try:
            return self.archive.read(name)
        except _BAD_MEMBER:
            return None


def _items(root: Element, folder: str) -> dict[str, _Item]:
    """The manifest's entries by id."""
    items = {}
    for element in root.iter():
        if local_name(element) != "item":
            continue
        href = unquote((element.get("href") or "").partition("#")[0])
        path = posixpath.normpath(posixpath.join(folder, href)).lstrip("/")
        kind = (element.get("media-type") or "").lower()
        items[element.get("id") or ""] = _Item(path, kind, element.get("properties") or "", element.get("fallback"))
    return items


def _missing_chapter(note: str) -> Extracted:
    return Extracted(missing(note), (note,))
