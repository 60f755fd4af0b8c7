"""What an XLSX sheet has besides cells: comments, text boxes, charts, labels of buttons, embedded objects."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from backburner.errors import JobError
from backburner.extraction.drawing import drawing_text
from backburner.extraction.graphics import DrawingContent, alternatives, read_reference, related_parts
from backburner.extraction.parts import Parts
from backburner.extraction.sheets.workbook import Sheet
from backburner.extraction.sheets.worksheet import plain_text
from backburner.extraction.xmltree import Element, attribute, local_name

_BLANKS = re.compile(r"\s+")
_MAX_NESTED = 100
"""How deep groups of shapes may be nested."""


@dataclass
class Extras:
    """The contents of a workbook's sheets besides their cells."""

    parts: Parts
    main: str
    binary_comments: Callable[[Parts, str], Iterator[tuple[str, str, str]]] | None = None
    """Reads comments that are not stored as XML."""

    def add_to(self, sheet: Sheet, part: str) -> None:
        """Add all of them below the sheet's cells, and a note for each one that cannot be read."""
        try:
            self.parts.relationships(part)
        except JobError:
            sheet.missing("its list of relationships is damaged: comments and drawings are not read")
            return
        for drawing in related_parts(self.parts, part, "drawing"):
            self._add_drawing(sheet, drawing)
        for drawing in related_parts(self.parts, part, "vmlDrawing"):
            self._add_controls(sheet, drawing)
        self._add_comments(sheet, part)
        for relationship in self.parts.relationships(part).values():
            if relationship.kind in ("oleObject", "package"):
                how = "linked" if relationship.is_external else "embedded"
                sheet.missing(f"{how} object {relationship.target.rpartition('/')[2]} is not read")

    def _add_drawing(self, sheet: Sheet, part: str) -> None:
        found = DrawingContent()
        try:
            root = self.parts.tree(part)
        except JobError:
            sheet.missing("a damaged drawing is not read")
            return
        for kind, element in _drawn(root, 0):
            if kind == "txBody":
                text = drawing_text(element)
                found.add(f"Text box: {text}" if text else "", "")
            elif kind == "pic":
                found.pictures += 1
            else:
                read_reference(self.parts, part, element, found, has_data_elsewhere=True)
        sheet.below.extend(found.texts)
        sheet.has_pictures = sheet.has_pictures or bool(found.pictures)
        for what in found.unread:
            sheet.missing(f"{what} is not read")

    def _add_controls(self, sheet: Sheet, part: str) -> None:
        """Add the labels of buttons and check boxes from the legacy drawing, which also has the frames of comments."""
        try:
            root = self.parts.tree(part)
        except JobError:
            sheet.missing("a damaged drawing of buttons or comments is not read")
            return
        for shape in root.iter("{*}shape"):
            client = next(shape.iter("{*}ClientData"), None)
            if client is not None and attribute(client, "ObjectType") == "Note":
                continue
            text = " ".join("".join("".join(one.itertext()) for one in shape.iter("{*}textbox")).split())
            is_ticked = client is not None and any(one.text == "1" for one in client.iter("{*}Checked"))
            if text:
                sheet.below.append(f"Control: {text}{' (ticked)' if is_ticked else ''}")

    def _add_comments(self, sheet: Sheet, part: str) -> None:
        try:
            threaded = [
                comment
                for name in related_parts(self.parts, part, "threadedComment")
                for comment in self._threaded(name)
            ]
            in_threads = {reference for reference, _, _ in threaded}
            plain = [
                comment for name in related_parts(self.parts, part, "comments") for comment in self._comments(name)
            ]
        except JobError:
            sheet.missing("damaged comments are not read")
            return
        comments = threaded + [comment for comment in plain if comment[0] not in in_threads]
        if comments:
            lines = [f"- {reference}: {text}{f' ({author})' if author else ''}" for reference, author, text in comments]
            sheet.below.append("\n".join(["Comments:", *lines]))

    def _comments(self, part: str) -> Iterator[tuple[str, str, str]]:
        """The cell, author and text of each comment."""
        if self.binary_comments is not None:
            yield from self.binary_comments(self.parts, part)
            return
        root = self.parts.tree(part)
        authors = [one.text or "" for one in root.iter("{*}author")]
        for comment in root.iter("{*}comment"):
            number = attribute(comment, "authorId") or ""
            author = authors[int(number)] if number.isdecimal() and int(number) < len(authors) else ""
            text = "".join(plain_text(one) for one in comment if local_name(one) == "text")
            text = _BLANKS.sub(" ", text).strip().removeprefix(f"{author}:").strip()
            yield attribute(comment, "ref") or "", _BLANKS.sub(" ", author), text

    def _threaded(self, part: str) -> Iterator[tuple[str, str, str]]:
        for comment in self.parts.tree(part).iter("{*}threadedComment"):
            text = " ".join("".join(one.text or "" for one in comment if local_name(one) == "text").split())
            yield attribute(comment, "ref") or "", self._persons.get(attribute(comment, "personId") or "", ""), text

    @cached_property
    def _persons(self) -> dict[str, str]:
        return {
            attribute(one, "id") or "": attribute(one, "displayName") or ""
            for part in related_parts(self.parts, self.main, "person")
            for one in self.parts.tree(part).iter("{*}person")
        }


def _drawn(element: Element, depth: int) -> Iterator[tuple[str, Element]]:
    """The texts, pictures and references of a drawing, in the order of its shapes."""
    if depth > _MAX_NESTED:
        return
    for child in alternatives(element):
        kind = local_name(child)
        if kind in ("txBody", "pic", "relIds") or (kind == "chart" and attribute(child, "id")):
            yield kind, child
        else:
            yield from _drawn(child, depth + 1)
