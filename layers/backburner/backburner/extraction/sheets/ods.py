"""ODS, the workbooks of LibreOffice: each sheet is a stream of rows; equal rows are stored once with a count."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.markdown import cell, counted
from backburner.extraction.parts import Parts, packed_parts
from backburner.extraction.sheets import displayed
from backburner.extraction.sheets.grid import Row, column_name
from backburner.extraction.sheets.workbook import Sheet, Writer
from backburner.extraction.xmltree import Element, attribute, local_name, stream_xml, whole_number

_CONTENT = "content.xml"
_MAX_REPEATED = 100
"""How many equal rows are written out; a note counts the rest."""
_MAX_COLUMNS = 16_384
_MAX_NESTED = 200
_UNSEEN = frozenset({"annotation", "ruby-text", "note", "shapes", "event-listeners", "forms"})
_DRAWN = frozenset(
    {"frame", "custom-shape", "rect", "ellipse", "line", "g", "polygon", "caption", "connector", "control"}
)

_COPY = re.compile(r"'(?:file|https?|ftp|smb):.*'#")


def read_ods(body: bytes) -> Extracted:
    """The workbook as Markdown, with a note for each thing that cannot be read. Raises `JobError`."""
    parts = packed_parts(body, "an ODS")
    with parts.open(_CONTENT) as file:
        return _Reading(parts).read(file)


@dataclass
class _Reading:
    """One pass through the content."""

    parts: Parts
    writer: Writer = field(default_factory=Writer)
    sheet: Sheet | None = None
    row: int = 0
    """The number of the last row, including repetitions."""
    depth: int = 0
    """Tables inside cells belong to their row."""
    uncalculated: int = 0
    comments: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    """The names of the styles that hide sheets."""

    def read(self, file: IO[bytes]) -> Extracted:
        """All sheets; if the content is truncated, those up to that point."""
        try:
            for event, element in stream_xml(file, "an ODS", ["{*}style", "{*}table", "{*}table-row", "{*}shapes"]):
                if event == "start":
                    self._begin(element)
                else:
                    self._end(element)
        except JobError:
            if self.sheet is None:
                raise
            self.sheet.missing(f"damaged after row {self.row:,}, the rest of the workbook is missing")
            self._finish()
        return self.writer.extracted()

    def _begin(self, element: Element) -> None:
        kind = local_name(element)
        if kind == "table" and self.sheet is None:
            if _COPY.match(attribute(element, "name") or ""):
                return  # a cache of another file that a formula refers to
            state = "hidden" if attribute(element, "style-name") in self.hidden else ""
            self.sheet, self.row = Sheet(attribute(element, "name") or "", state), 0
        elif kind == "table-row":
            self.depth += 1

    def _end(self, element: Element) -> None:
        kind = local_name(element)
        if kind == "style":
            if any(attribute(one, "display") == "false" for one in element.iter("{*}table-properties")):
                self.hidden.add(attribute(element, "name") or "")
        elif kind == "table-row":
            self.depth -= 1
            if self.depth == 0 and self.sheet is not None:
                self._read_row(element, self.sheet)
                _drop(element)
        elif kind == "shapes" and self.depth == 0 and self.sheet is not None:
            self._read_drawing(element, self.sheet)
        elif kind == "table" and self.depth == 0 and self.sheet is not None:
            self._finish()
            _drop(element)

    def _finish(self) -> None:
        sheet = self.sheet
        assert sheet is not None
        if self.comments:
            sheet.below.append("\n".join(["Comments:", *self.comments]))
        if self.links:
            sheet.below.append("\n".join(["Links:", *self.links]))
        if self.uncalculated:
            sheet.missing(f"{counted(self.uncalculated, 'formula')} without a calculated value: shown as formulas")
        self.writer.add(sheet)
        self.sheet, self.comments, self.links, self.uncalculated = None, [], [], 0

    def _read_row(self, element: Element, sheet: Sheet) -> None:
        first, times = self.row + 1, max(whole_number(attribute(element, "number-rows-repeated")), 1)
        self.row += times
        columns: list[int] = []
        texts: list[str] = []
        column = 0
        for one in element:
            if not str(one.tag).endswith("table-cell"):
                continue
            repeated = max(whole_number(attribute(one, "number-columns-repeated")), 1) if len(one.attrib) else 1
            text = self._shown(one, sheet, column + 1, first) if len(one) or len(one.attrib) else ""
            if text:
                columns.extend(range(column + 1, min(column + repeated, _MAX_COLUMNS) + 1))
                texts.extend([text] * (len(columns) - len(texts)))
            column += repeated
        if texts:
            sheet.rows.extend(Row(first + n, columns, texts) for n in range(min(times, _MAX_REPEATED)))
            if times > _MAX_REPEATED:
                sheet.below.append(f"[rows {first + _MAX_REPEATED:,} to {self.row:,} repeat row {first:,}]")

    def _shown(self, element: Element, sheet: Sheet, column: int, row: int) -> str:
        """What a cell shows, fit for a table; its comment and drawings are collected."""
        attributes = {str(name).rpartition("}")[2]: str(value) for name, value in element.attrib.items()}
        if len(element) == 1 and len(element[0]) == 0 and local_name(element[0]) == "p":
            return cell(self._value(attributes, element[0].text or ""))
        reference = f"{column_name(column)}{row}"
        for one in element:
            kind = local_name(one)
            if kind == "annotation":
                creator = next((child.text for child in one if local_name(child) == "creator"), None)
                text = " ".join(_text(one).split())
                self.comments.append(f"- {reference}: {text}{f' ({creator})' if creator else ''}")
            elif kind in _DRAWN:
                self._read_drawing(one, sheet)
        for one in element.iter("{*}a"):
            target = attribute(one, "href") or ""
            if not target.startswith("#") and target != _text(element).strip():
                self.links.append(f"- {reference}: {target}")
        return cell(self._value(attributes, _text(element)))

    def _value(self, attributes: dict[str, str], display: str) -> str:
        """The value of a cell from its attributes, as displayed."""
        kind = attributes.get("value-type")
        if kind in ("float", "currency", "percentage"):
            return displayed.number(attributes.get("value", ""), display.strip(), is_percentage=kind == "percentage")
        if kind == "date":
            return displayed.date(attributes.get("date-value", ""), display.strip())
        if kind == "time":
            return displayed.time(attributes.get("time-value", ""), display.strip())
        if kind == "boolean":
            return display.strip() or attributes.get("boolean-value", "").upper()
        return display or attributes.get("string-value") or self._formula(attributes.get("formula"), kind)

    def _formula(self, formula: str | None, kind: str | None) -> str:
        """A formula without a stored value; an empty text counts as a value."""
        if formula is None or kind is not None:
            return ""
        self.uncalculated += 1
        return "=" + formula.partition("=")[2]

    def _read_drawing(self, element: Element, sheet: Sheet) -> None:
        """Add text boxes, titles of charts, pictures."""
        if local_name(element) != "shapes" and (text := _text(element).strip()):
            sheet.below.append(f"Text box: {text}")
        elif local_name(element) == "shapes":
            for one in element:
                self._read_drawing(one, sheet)
            return
        objects = [attribute(one, "href") or "" for one in element.iter("{*}object", "{*}object-ole")]
        for name in objects:
            self._read_object(name.removeprefix("./"), sheet)
        if not objects:
            sheet.has_pictures = sheet.has_pictures or any(True for _ in element.iter("{*}image"))

    def _read_object(self, name: str, sheet: Sheet) -> None:
        try:
            chart = next(self.parts.tree(f"{name}/{_CONTENT}").iter("{*}chart"), None)
        except JobError:
            chart = None
        if chart is None:
            sheet.missing(f"embedded object {name} is not read")
            return
        titles = [_text(one).strip() for one in chart.iter("{*}title", "{*}subtitle")]
        if shown := ", ".join(" ".join(title.split()) for title in titles if title):
            sheet.below.append(f"Chart: {shown}")


def _text(element: Element) -> str:
    """The paragraphs in an element, one per line."""
    return "\n".join("".join(_pieces(paragraph, 0)) for paragraph in _paragraphs(element, 0))


def _paragraphs(element: Element, depth: int) -> Iterator[Element]:
    for child in element:
        kind = local_name(child)
        if kind in ("p", "h"):
            yield child
        elif depth < _MAX_NESTED and kind not in _UNSEEN and not (depth == 0 and kind in _DRAWN):
            yield from _paragraphs(child, depth + 1)


def _pieces(element: Element, depth: int) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        kind = local_name(child)
        if kind == "s":
            yield " " * min(max(whole_number(attribute(child, "c"), otherwise=1), 1), 100)
        elif kind == "tab":
            yield "\t"
        elif kind == "line-break":
            yield "\n"
        elif depth < _MAX_NESTED and kind not in _UNSEEN:
            yield from _pieces(child, depth + 1)
        yield child.tail or ""


def _drop(element: Element) -> None:
    """Free an element that has been read."""
    element.clear()
    while (before := element.getprevious()) is not None and (parent := before.getparent()) is not None:
        parent.remove(before)
