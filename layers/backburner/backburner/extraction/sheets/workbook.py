"""Sheets as Markdown: what every kind of workbook becomes, with notes about what could not be read."""

import re
from dataclasses import dataclass, field

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.markdown import heading, missing
from backburner.extraction.sheets.grid import Output, Row, write_rows

_CODES = re.compile(r'&(?:"[^"]*"|K(?:[0-9A-Fa-f]{6}|\d\d[+-]\d{3})|\d{1,3}|[A-Za-z])')


@dataclass
class Sheet:
    """A sheet: its rows, the paragraphs below them, and notes about what is missing."""

    name: str
    state: str = ""
    """`hidden`, `very hidden` or ""; also `chart` for a chart sheet."""
    rows: list[Row] = field(default_factory=list)
    below: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    has_pictures: bool = False

    def missing(self, what: str) -> None:
        """Note that something in the sheet is not read."""
        self.notes.append(f"sheet {self.name}: {what}")

    def truncated_after(self, row: int) -> None:
        """Note that the sheet is damaged after this row; 0 if no row was read."""
        self.missing(f"damaged after row {row:,}, the rest is missing" if row else "damaged, not read")


@dataclass
class Writer:
    """Writes sheets one after another."""

    output: Output = field(default_factory=Output)
    notes: list[str] = field(default_factory=list)
    has_text: bool = False
    has_pictures: bool = False

    def add(self, sheet: Sheet) -> None:
        """Write a heading, the cells, the paragraphs below, the notes. Raises `JobError` if the text is too long."""
        self.output.paragraph(heading(2, f"{sheet.name} ({sheet.state})" if sheet.state else sheet.name))
        is_empty = not sheet.rows and not sheet.below
        if is_empty and sheet.has_pictures:
            sheet.missing("no text, only pictures")
        elif is_empty and not sheet.notes:
            self.output.paragraph("(empty)")
        write_rows(sheet.rows, self.output)
        for text in sheet.below:
            self.output.paragraph(text)
        for note in sheet.notes:
            self.output.paragraph(missing(note))
        self.notes.extend(sheet.notes)
        self.has_text = self.has_text or not is_empty
        self.has_pictures = self.has_pictures or sheet.has_pictures

    def extracted(self) -> Extracted:
        """The whole workbook. Raises `JobError` if no sheet has text, for whatever reason."""
        if self.has_text:
            return Extracted("\n".join(self.output.lines), tuple(self.notes))
        if self.has_pictures:
            raise JobError(
                Reason.UNREADABLE_DOCUMENT,
                "a workbook with nothing but pictures: run them through OCR and upload the result",
            )
        if self.notes:
            raise JobError(Reason.UNREADABLE_DOCUMENT, f"a workbook without text: {self.notes[0]}; save it again")
        return Extracted("")


def without_codes(text: str) -> str:
    """A page header or footer without the codes for fonts, positions, page numbers and file names."""
    return " ".join(_CODES.sub(" ", text.replace("&&", "\0")).replace("\0", "&").split())
