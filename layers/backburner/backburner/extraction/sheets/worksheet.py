"""A sheet of an XLSX file: the cells of each row, as shown."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from backburner.extraction.markdown import cell, counted
from backburner.extraction.parts import Relationship
from backburner.extraction.sheets.grid import Row, column_number
from backburner.extraction.sheets.numberformats import NumberFormat
from backburner.extraction.sheets.values import number_cell, text_cell
from backburner.extraction.sheets.workbook import Sheet, without_codes
from backburner.extraction.xmltree import Element, attribute, local_name, whole_number

_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_ROW = re.compile(r"[A-Za-z]*(\d{1,9})\Z", re.ASCII)
_DIGITS = "0123456789"
_VALUE, _FORMULA, _INLINE = ("}v", "v"), ("}f", "f"), ("}is", "is")
"""The ends of element names, with any namespace or none."""
_NO_TIME = "T00:00:00"


@dataclass(frozen=True)
class Shared:
    """What all sheets of a workbook share: strings, and the number format of each style."""

    texts: Sequence[str]
    """Fit for a table."""
    styles: Sequence[NumberFormat | None]

    def style(self, index: str | None) -> NumberFormat | None:
        """The number format of a cell's style; None if values are shown as they are."""
        number = whole_number(index)
        return self.styles[number] if number < len(self.styles) else None


@dataclass
class Worksheet:
    """Takes the elements of a sheet one by one."""

    TAKES: ClassVar = (
        "row", "hyperlink", "oddHeader", "evenHeader", "firstHeader", "oddFooter", "evenFooter", "firstFooter",
    )  # fmt: skip

    shared: Shared
    sheet: Sheet
    row: int = 0
    """The last row read."""
    _uncalculated: int = 0
    _lost_texts: int = 0
    _links: list[tuple[str, str]] = field(default_factory=list)
    """Cells and the ids of the relationships that hold their links."""

    def take(self, element: Element) -> None:
        """Take a complete element."""
        kind = local_name(element)
        if kind == "row":
            self._take_row(element)
        elif kind == "hyperlink":
            self._links.append((attribute(element, "ref") or "", attribute(element, "id") or ""))
        elif text := without_codes(element.text or ""):
            self.sheet.below.append(f"{kind[-6:]}: {text}")

    def finish(self, relationships: Mapping[str, Relationship]) -> None:
        """Add what was collected: addresses of links, notes on formulas without values."""
        targets = [
            f"- {ref}: {relationships[identity].target}"
            for ref, identity in self._links
            if identity in relationships and relationships[identity].is_external
        ]
        if targets:
            self.sheet.below.append("\n".join(["Links:", *targets]))
        if self._uncalculated:
            self.sheet.missing(
                f"{counted(self._uncalculated, 'formula')} without a calculated value: shown as formulas"
            )
        if self._lost_texts:
            self.sheet.missing(f"the text of {counted(self._lost_texts, 'cell')} is missing from the file")

    def _take_row(self, row: Element) -> None:
        self.row = _row_number(row) or self.row + 1
        columns: list[int] = []
        texts: list[str] = []
        column = 0
        for one in row:
            reference = one.get("r")
            column = (column_number(reference.rstrip(_DIGITS)) if reference else 0) or column + 1
            text = self._shown(one)
            if text:
                columns.append(column)
                texts.append(text)
        if texts:
            self.sheet.rows.append(Row(self.row, columns, texts))

    def _shown(self, element: Element) -> str:
        """What a cell shows, fit for a table."""
        value = formula = inline = None
        for child in element:
            tag = str(child.tag)
            if tag[-2:] in _VALUE:
                value = child.text
            elif tag[-2:] in _FORMULA:
                formula = child
            elif tag[-3:] in _INLINE:
                inline = child
        kind = element.get("t")
        index = element.get("s")
        style = self.shared.style(index) if index is not None else None
        if value is not None and (kind is None or kind == "n"):
            return number_cell(value.strip(), style)
        if inline is not None:
            return text_cell(cell(plain_text(inline)), style)
        if value is None:
            return self._formula(formula, kind)
        return self._other(kind, value, style)

    def _other(self, kind: str | None, value: str, style: NumberFormat | None) -> str:
        """A string, a Boolean, an error or an ISO date."""
        if kind == "s":
            number = whole_number(value.strip(), otherwise=-1)
            if 0 <= number < len(self.shared.texts):
                return text_cell(self.shared.texts[number], style)
            self._lost_texts += 1
            return "[text missing from the file]"
        if kind == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(value.strip(), value.strip().upper())
        if kind == "d":
            return value.strip().removesuffix(_NO_TIME).replace("T", " ")
        return text_cell(cell(unescaped(value)), style)

    def _formula(self, formula: Element | None, kind: str | None) -> str:
        """A formula without a stored value; an empty string counts as a value."""
        if formula is None or kind == "str":
            return ""
        self._uncalculated += 1
        return cell(f"={formula.text}") if formula.text else "[not calculated]"


def plain_text(element: Element) -> str:
    """A text of one or several runs, without phonetic readings (`rPh`)."""
    pieces = []
    for child in element:
        kind = local_name(child)
        if kind == "t":
            pieces.append(child.text or "")
        elif kind == "r":
            pieces.extend(one.text or "" for one in child if local_name(one) == "t")
    return unescaped("".join(pieces))


def unescaped(text: str) -> str:
    """Decodes `_x000D_` and the like, as Office writes characters that XML does not allow."""
    if "_x" not in text:
        return text
    units = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
    return units.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _row_number(row: Element) -> int:
    """The row's own number, or its first cell's; 0 if there is neither."""
    reference = row.get("r") or next((one.get("r") for one in row if one.get("r")), None)
    match = _ROW.match(reference) if reference else None
    return int(match[1]) if match else 0
