"""XLSX, XLSM and XLTX: the sheets in the workbook's order, each read as a stream of rows."""

from collections.abc import Iterator

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.graphics import related_parts
from backburner.extraction.markdown import cell
from backburner.extraction.parts import Parts, Relationship, packed_parts
from backburner.extraction.sheets.extras import Extras
from backburner.extraction.sheets.numberformats import Formats, NumberFormat
from backburner.extraction.sheets.workbook import Sheet, Writer
from backburner.extraction.sheets.worksheet import Shared, Worksheet, plain_text, unescaped
from backburner.extraction.xmltree import Element, attribute, complete_elements, local_name, whole_number

_STATES = {"hidden": "hidden", "veryhidden": "very hidden"}
_SHEETS = ("worksheet", "chartsheet", "dialogsheet", "xlMacrosheet", "xlIntlMacrosheet")
_TRUE = frozenset({"1", "true", "on"})


def read_xlsx(body: bytes) -> Extracted:
    """The workbook as Markdown, with a note for each thing that cannot be read. Raises `JobError`."""
    parts = packed_parts(body, "a workbook")
    main = parts.main(".main")
    workbook = parts.tree(main)
    is_1904 = any((attribute(one, "date1904") or "").lower() in _TRUE for one in workbook.iter("{*}workbookPr"))
    writer = Writer()
    shared = Shared(_strings(parts, main, writer), _styles(parts, main, writer, since_1904=is_1904))
    extras = Extras(parts, main)
    for sheet, relationship in _listed(parts, main, workbook):
        _read_sheet(parts, shared, sheet, relationship)
        if relationship is not None:
            extras.add_to(sheet, relationship.target)
        writer.add(sheet)
    return writer.extracted()


def _listed(parts: Parts, main: str, workbook: Element) -> Iterator[tuple[Sheet, Relationship | None]]:
    """The sheets in the workbook's order, each with its relationship; if none are listed, the sheets that exist."""
    relationships = parts.relationships(main)
    listed = [one for sheets in workbook.iter("{*}sheets") for one in sheets if local_name(one) == "sheet"]
    for one in listed:
        identity = next((one.get(key) for key in one.attrib if str(key).endswith("}id")), None)
        state = _STATES.get((attribute(one, "state") or "").lower(), "")
        yield Sheet(unescaped(attribute(one, "name") or ""), state), relationships.get(identity or "")
    if not listed:
        for number, relationship in enumerate((one for one in relationships.values() if one.kind in _SHEETS), 1):
            yield Sheet(f"Sheet{number}"), relationship


def _read_sheet(parts: Parts, shared: Shared, sheet: Sheet, relationship: Relationship | None) -> None:
    """A sheet's rows; if it is damaged, those up to that point."""
    if not has_cells(parts, sheet, relationship):
        return
    assert relationship is not None
    worksheet = Worksheet(shared, sheet)
    try:
        with parts.open(relationship.target) as file:
            for element in complete_elements(file, f"a sheet ({sheet.name})", *Worksheet.TAKES):
                worksheet.take(element)
    except JobError:
        sheet.truncated_after(worksheet.row)
    try:
        worksheet.finish(parts.relationships(relationship.target))
    except JobError:
        worksheet.finish({})  # a note about the damaged list is added elsewhere


def has_cells(parts: Parts, sheet: Sheet, relationship: Relationship | None) -> bool:
    """Whether there are cells to read; a chart sheet is marked as one, a missing sheet gets a note."""
    if relationship is None or relationship.is_external or not parts.has(relationship.target):
        sheet.missing("its data are missing from the file")
        return False
    if relationship.kind == "chartsheet":
        sheet.state = ", ".join(word for word in (sheet.state, "chart") if word)
        return False
    return True


def _strings(parts: Parts, main: str, writer: Writer) -> list[str]:
    """The shared strings, without phonetic readings of Japanese (`rPh`)."""
    texts: list[str] = []
    for part in related_parts(parts, main, "sharedStrings")[:1]:
        try:
            with parts.open(part) as file:
                texts.extend(cell(plain_text(one)) for one in complete_elements(file, "a list of texts", "si"))
        except JobError:
            writer.notes.append(f"the workbook's shared strings are damaged after {len(texts)} strings")
    return texts


def _styles(parts: Parts, main: str, writer: Writer, *, since_1904: bool) -> list[NumberFormat | None]:
    """The number format of each cell style."""
    formats = Formats(since_1904=since_1904)
    for part in related_parts(parts, main, "styles")[:1]:
        try:
            styles = parts.tree(part)
        except JobError:
            writer.notes.append("the workbook's styles are damaged: dates appear as numbers")
            continue
        for one in styles.iter("{*}numFmt"):
            formats.codes[whole_number(attribute(one, "numFmtId"))] = attribute(one, "formatCode") or "General"
        return [
            formats.of_number(whole_number(attribute(one, "numFmtId")))
            for listed in styles.iter("{*}cellXfs")
            for one in listed
            if local_name(one) == "xf"
        ]
    return []
