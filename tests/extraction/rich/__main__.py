"""Write the rich document again in every format: LibreOffice converts it from flat OpenDocument.

python -m extraction.rich                     # in tests/; `make rich-documents` runs it
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from . import content

FOLDER = Path(__file__).parent
FORMATS = {
    "odt": "odt", "docx": "docx", "doc": "doc:MS Word 97", "rtf": "rtf", "html": "html:XHTML Writer File:UTF8",
    "epub": "epub", "pdf": "pdf",
}  # fmt: skip
_NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{path}:1.0"'
    for name, path in {
        "office": "office", "style": "style", "text": "text", "table": "table", "fo": "xsl-fo-compatible",
    }.items()
)  # fmt: skip
_STYLES = """
<office:automatic-styles>
  <style:style style:name="Columns" style:family="section"><style:section-properties>
    <style:columns fo:column-count="2" fo:column-gap="0.8cm"/></style:section-properties></style:style>
  <text:list-style style:name="Clauses">
    <text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="."/>
    <text:list-level-style-number text:level="2" style:num-format="1" text:display-levels="2"/>
    <text:list-level-style-number text:level="3" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>
  </text:list-style>
  <text:list-style style:name="Bullets">
    <text:list-level-style-bullet text:level="1" text:bullet-char="•"/>
    <text:list-level-style-bullet text:level="2" text:bullet-char="◦"/>
  </text:list-style>
</office:automatic-styles>"""


def main() -> int:
    """Write all formats beside this file; the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rich.fodt"
        source.write_text(_document(), encoding="utf-8")
        (FOLDER / source.name).write_bytes(source.read_bytes())
        for suffix, target in FORMATS.items():
            command = [
                "soffice",
                f"-env:UserInstallation=file://{folder}/profile",
                "--headless",
                "--convert-to",
                target,
            ]
            subprocess.run(
                [*command, target, "--outdir", folder, source], check=True, env=os.environ | {"HOME": folder}
            )
            (FOLDER / f"rich.{suffix}").write_bytes((Path(folder) / f"rich.{suffix}").read_bytes())
    return 0


def _document() -> str:
    body = "\n".join(_body())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document {_NAMESPACES} office:version="1.2" '
        f'office:mimetype="application/vnd.oasis.opendocument.text">{_STYLES}\n'
        f"<office:body><office:text>\n{body}\n</office:text></office:body></office:document>\n"
    )


def _body() -> Iterator[str]:
    yield f'<text:p text:style-name="Title">{escape(content.TITLE)}</text:p>'
    at = 0
    while at < len(content.BLOCKS):
        block = content.BLOCKS[at]
        last = at + 1
        match block.kind:
            case "heading1" | "heading2":
                level = block.kind[-1]
                style = f'text:style-name="Heading_20_{level}" text:outline-level="{level}"'
                yield f"<text:h {style}>{escape(block.text)}</text:h>"
            case "table":
                yield _table()
            case "columns":
                inner = "".join(f"<text:p>{escape(text)}</text:p>" for text in content.COLUMNS)
                yield f'<text:section text:style-name="Columns" text:name="Columns">{inner}</text:section>'
            case "text":
                notes = content.BLOCKS[at + 1 : at + 2]
                note = _note(notes[0]) if notes and notes[0].kind.endswith("note") else ""
                last += bool(note)
                yield f"<text:p>{escape(block.text)}{note}</text:p>"
            case _:
                kind = block.kind[:-1]
                while last < len(content.BLOCKS) and content.BLOCKS[last].kind.startswith(kind):
                    last += 1
                yield _list(content.BLOCKS[at:last], "Clauses" if kind == "clause" else "Bullets")
        at = last


def _list(blocks: list[content.Block], style: str) -> str:
    """Lists in lists, by the digit at the end of each kind."""
    parts, depth = [f'<text:list text:style-name="{style}">'], 1
    for number, block in enumerate(blocks):
        level = int(block.kind[-1])
        while depth < level:
            parts.append("<text:list>")
            depth += 1
        while depth > level:
            parts.append("</text:list-item></text:list>")
            depth -= 1
        if number and int(blocks[number - 1].kind[-1]) >= level:
            parts.append("</text:list-item>")
        parts.append(f"<text:list-item><text:p>{escape(block.text)}</text:p>")
    return "".join(parts) + "</text:list-item></text:list>" * depth


def _table() -> str:
    rows = "".join(f"<table:table-row>{''.join(map(_cell, row))}</table:table-row>" for row in content.TABLE)
    columns = f'<table:table-column table:number-columns-repeated="{len(content.TABLE[0])}"/>'
    return f'<table:table table:name="Prices">{columns}{rows}</table:table>'


def _cell(text: str) -> str:
    return f'<table:table-cell office:value-type="string"><text:p>{escape(text)}</text:p></table:table-cell>'


def _note(block: content.Block) -> str:
    body = f"<text:note-body><text:p>{escape(block.text)}</text:p></text:note-body>"
    return f'<text:note text:note-class="{block.kind}"><text:note-citation>1</text:note-citation>{body}</text:note>'


if __name__ == "__main__":
    sys.exit(main())
