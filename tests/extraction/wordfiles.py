"""Word files made here, element by element, as Word and other programs write them."""

from backburner.documents.plain_text import Extracted
from backburner.extraction.reading import read

from . import corpus

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/wordprocessingml/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SPACES = (
    f'xmlns:w="{W}" xmlns:r="{R}" xmlns:a="{A}" '
    'xmlns:wp="http://schemas.openxmlformats.org/drawingml/2006/wordprocessingDrawing" '
    'xmlns:pic="http://schemas.openxmlformats.org/drawingml/2006/picture" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:w14="http://schemas.microsoft.com/office/word/2010/wordml" '
    'xmlns:w15="http://schemas.microsoft.com/office/word/2012/wordml"'
)
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def r(text: str, properties: str = "") -> str:
    """A run."""
    look = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{look}<w:t xml:space="preserve">{text}</w:t></w:r>'


def p(inside: str = "", properties: str = "") -> str:
    """A paragraph; plain text becomes a run."""
    about = f"<w:pPr>{properties}</w:pPr>" if properties else ""
    return f"<w:p>{about}{inside if inside.startswith('<') or not inside else r(inside)}</w:p>"


def item(text: str, num_id: int, level: int = 0) -> str:
    """A paragraph in a list."""
    return p(text, f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{num_id}"/></w:numPr>')


def row(*cells: str, properties: str = "") -> str:
    """A table row; plain text becomes a paragraph."""
    filled = (cell if cell.startswith("<") else p(cell) for cell in cells)
    inside = "".join(one if one.startswith("<w:tc>") else f"<w:tc>{one}</w:tc>" for one in filled)
    return f"<w:tr>{properties}{inside}</w:tr>"


def tbl(*rows: str) -> str:
    """A table."""
    return f"<w:tbl><w:tblPr/><w:tblGrid/>{''.join(rows)}</w:tbl>"


def mark(kind: str, inside: str = "") -> str:
    """A marker of a complex field."""
    return f'<w:r><w:fldChar w:fldCharType="{kind}">{inside}</w:fldChar></w:r>'


def field(instruction: str, result: str | None = None, form: str = "") -> str:
    """A complex field; without a result it has no separator either."""
    told = f'<w:r><w:instrText xml:space="preserve"> {instruction} </w:instrText></w:r>'
    shown = "" if result is None else mark("separate") + (r(result) if result and result[0] != "<" else result)
    return f"{mark('begin', form)}{told}{shown}{mark('end')}"


def level(place: int, form: str, text: str, more: str = "", start: int = 1) -> str:
    """One level of a list."""
    look = f'<w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
    return f'<w:lvl w:ilvl="{place}">{look}<w:lvlText w:val="{text}"/></w:lvl>'


def numbering(*lists: str, overrides: dict[int, tuple[int, str]] | None = None) -> str:
    """Lists 1, 2, … with the given levels, and further ones by id: the list they use, and their overrides."""
    abstract = "".join(f'<w:abstractNum w:abstractNumId="{n}">{one}</w:abstractNum>' for n, one in enumerate(lists, 1))
    nums = {n: (n, "") for n in range(1, len(lists) + 1)} | (overrides or {})
    inside = "".join(
        f'<w:num w:numId="{n}"><w:abstractNumId w:val="{of}"/>{more}</w:num>' for n, (of, more) in nums.items()
    )
    return f"<w:numbering {SPACES}>{abstract}{inside}</w:numbering>"


def styles(inside: str) -> str:
    """The styles part."""
    return f"<w:styles {SPACES}>{inside}</w:styles>"


def docx(
    body: str,
    parts: dict[str, str | bytes] | None = None,
    *,
    main: str = "word/document.xml",
    kind: str = TYPE,
    related: dict[str, tuple[str, str]] | None = None,
) -> bytes:
    """A packed document. Parts are related under their names without the extension: `footnotes.xml` is `footnotes`.

    `related` adds relationships: their type and their target, which is external if it contains a colon.
    """
    parts = parts or {}
    links = {
        name.rpartition(".")[0]: (name.rpartition("/")[2].partition(".")[0].rstrip("0123456789"), name)
        for name in parts
    }
    links |= related or {}
    folder, _, file = main.rpartition("/")
    inner = "".join(_link(name, what, target) for name, (what, target) in links.items())
    files = {
        "[Content_Types].xml": (
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="html" ContentType="text/html"/>'
            f'<Override PartName="/{main}" ContentType="{kind}"/></Types>'
        ),
        "_rels/.rels": _links(_link("main", "officeDocument", main)),
        f"{folder}/_rels/{file}.rels": _links(inner),
        main: f"<w:document {SPACES}><w:body>{body}</w:body></w:document>",
    } | {f"{folder}/{name}": part for name, part in parts.items()}
    return corpus.packed({name: part.encode() if isinstance(part, str) else part for name, part in files.items()})


def shown(body: str, parts: dict[str, str | bytes] | None = None, **more: object) -> str:
    """The text of such a document."""
    return extracted(body, parts, **more).text.removesuffix("\n")


def extracted(body: str, parts: dict[str, str | bytes] | None = None, **more: object) -> Extracted:
    """The text and the notes of such a document."""
    return read(docx(body, parts, **more), "a.docx")


def _link(name: str, kind: str, target: str) -> str:
    mode = ' TargetMode="External"' if ":" in target else ""
    return f'<Relationship Id="{name}" Type="{R}/{kind}" Target="{target}"{mode}/>'


def _links(inside: str) -> str:
    return f'<Relationships xmlns="{_RELATIONS}">{inside}</Relationships>'
