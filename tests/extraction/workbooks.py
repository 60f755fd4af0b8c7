"""XLSX files written part by part, so that a test controls exactly what is in them."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

from . import corpus

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_EXTERNAL = ' TargetMode="External"'
STRICT_MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
STRICT_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"


def relations(*listed: tuple[str, str, str]) -> bytes:
    """A relationships part: id, last word of the type, target."""
    inside = "".join(
        f'<Relationship Id="{one}" Type="{RELATIONS}/{kind}" Target={quoteattr(target)}'
        f"{_EXTERNAL if target.startswith('http') else ''}/>"
        for one, kind, target in listed
    )
    return f'<Relationships xmlns="{PACKAGE}/relationships">{inside}</Relationships>'.encode()


def xlsx(
    sheets: Mapping[str, str],
    *,
    formats: Sequence[str | int] = (),
    strings: Sequence[str] = (),
    states: Mapping[str, str] | None = None,
    properties: str = "",
    more: Mapping[str, bytes] | None = None,
) -> bytes:
    """Sheets by name with their XML; styles 1, 2, … have the formats; strings are the XML of each `si`."""
    listed = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="s{n}" state="{(states or {}).get(name, "visible")}"/>'
        for n, name in enumerate(sheets, 1)
    )
    codes = {n: code for n, code in enumerate(formats, 200) if isinstance(code, str)}
    numbers = "".join(f'<numFmt numFmtId="{n}" formatCode={quoteattr(code)}/>' for n, code in codes.items())
    cells = "".join(f'<xf numFmtId="{n if isinstance(code, str) else code}"/>' for n, code in enumerate(formats, 200))
    files = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"/>'.encode(),
        "_rels/.rels": relations(("m", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": (
            f'<workbook xmlns="{MAIN}" xmlns:r="{RELATIONS}">{properties}<sheets>{listed}</sheets></workbook>'
        ).encode(),
        "xl/_rels/workbook.xml.rels": relations(
            *((f"s{n}", "worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(sheets) + 1)),
            ("styles", "styles", "styles.xml"),
            ("strings", "sharedStrings", "sharedStrings.xml"),
        ),
        "xl/styles.xml": (
            f'<styleSheet xmlns="{MAIN}"><numFmts>{numbers}</numFmts>'
            f'<cellXfs><xf numFmtId="0"/>{cells}</cellXfs></styleSheet>'
        ).encode(),
        "xl/sharedStrings.xml": (f'<sst xmlns="{MAIN}">{"".join(f"<si>{one}</si>" for one in strings)}</sst>').encode(),
    }
    for number, inside in enumerate(sheets.values(), 1):
        page = f'<worksheet xmlns="{MAIN}" xmlns:r="{RELATIONS}">{inside}</worksheet>'
        files[f"xl/worksheets/sheet{number}.xml"] = page.encode()
    return corpus.packed(files | dict(more or {}))


def data(*rows: str) -> str:
    """Rows of cells, as a sheet contains them."""
    return f"<sheetData>{''.join(rows)}</sheetData>"


def row(number: int, *cells: str) -> str:
    """A row."""
    return f'<row r="{number}">{"".join(cells)}</row>'


def number(reference: str, value: float | str, style: int = 0) -> str:
    """A cell with a number."""
    return f'<c r="{reference}" s="{style}"><v>{value}</v></c>'


def text(reference: str, value: str) -> str:
    """A cell with an inline string."""
    return f'<c r="{reference}" t="inlineStr"><is><t>{escape(value)}</t></is></c>'
