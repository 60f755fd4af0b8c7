"""A Word file is read however it is packed; damage is noted or refused; a hostile file fails alone."""

import asyncio
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.adapters.extraction import ChildExtractor
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

from . import corpus
from .conftest import Extract
from .wordfiles import SPACES, STRICT, TYPE, R, W, docx, extracted, item, level, numbering, p, r, row, shown, tbl

MACRO = "application/vnd.ms-word.document.macroEnabled.main+xml"
TEMPLATE = TYPE.replace("document.main", "template.main")


@pytest.mark.parametrize(
    ("main", "kind"),
    [
        ("word/document2.xml", TYPE),
        ("content/main.xml", TYPE),
        ("a b/ü.xml", TEMPLATE),
        ("word/document.xml", MACRO),
        ("doc/x.xml", "application/vnd.ms-word.template.macroEnabledTemplate.main+xml"),
    ],
)
def test_the_main_part_is_where_the_file_says(main: str, kind: str) -> None:
    """It may have any name and folder, macros, or be a template; its other parts are beside it."""
    look = numbering(level(0, "decimal", "§ %1"))
    assert read(docx(item("text", 1), {"numbering.xml": look}, main=main, kind=kind), "a").text == "§ 1 text\n"


def test_names_of_parts_are_compared_without_case_and_may_be_absolute() -> None:
    """The format requires this; a file without relationships is read by its parts' types."""
    body = docx(p("text"))
    for old, new in ((b'Target="word/document.xml"', b'Target="/Word/Document.xml"'), (b'Id="main"', b'Id="other"')):
        links = corpus.unpacked(body)["_rels/.rels"].replace(old, new)
        assert read(corpus.repacked(body, "_rels/.rels", links), "a").text == "text\n"
    assert read(corpus.repacked(body, "_rels/.rels", b'<R xmlns="x"/>'), "a").text == "text\n"


def test_any_prefix_and_the_strict_vocabulary_are_read() -> None:
    """Writers choose prefixes freely, and the standard has two vocabularies."""
    look = numbering(level(0, "upperRoman", "%1."))
    body = docx(p(r("a ") + r("b", "<w:b/>")) + item("c", 1), {"numbering.xml": look})
    wanted = "a **b**\n\nI. c\n"
    assert read(body, "a").text == wanted
    prefix = {"<w:": "<ns0:", "</w:": "</ns0:", " w:": " ns0:", "xmlns:w=": "xmlns:ns0="}
    strict = {W: STRICT, R: "http://purl.oclc.org/ooxml/officeDocument/relationships"}
    for changes in (prefix, strict):
        files = {name: _changed(file, changes) for name, file in corpus.unpacked(body).items()}
        assert read(corpus.packed(files), "a").text == wanted


def _changed(file: bytes, changes: dict[str, str]) -> bytes:
    for old, new in changes.items():
        file = file.replace(old.encode(), new.encode())
    return file


def test_a_document_in_one_xml_file_is_read(extract: Extract) -> None:
    """Flat OPC is read; with a text file's name, it is text; the older Word 2003 XML is refused by its name."""
    parts = corpus.unpacked(docx(item("flat", 1), {"numbering.xml": numbering(level(0, "decimal", "%1)"))}))
    inside = "".join(
        f'<pkg:part pkg:name="/{name}" pkg:contentType="{TYPE if name.endswith("document.xml") else "x"}"><pkg:xmlData>'
        f"{body.decode()}</pkg:xmlData></pkg:part>"
        for name, body in parts.items()
        if name != "[Content_Types].xml"
    )
    space = 'xmlns:pkg="http://schemas.microsoft.com/office/2006/xmlPackage"'
    binary = '<pkg:part pkg:name="/x.bin"><pkg:binaryData>AAAA</pkg:binaryData></pkg:part>'
    head = '<?xml version="1.0"?><?mso-application progid="Word.Document"?>'
    flat = f"{head}<pkg:package {space}>{binary}{inside}</pkg:package>"
    assert extract(flat.encode(), "a.xml") == extract(flat.encode("utf-8-sig"), "a") == "1) flat\n"
    assert extract(flat.encode(), "a.txt") == flat
    old = '<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml"><w:body/></w:wordDocument>'
    with pytest.raises(JobError, match="Word 2003") as refused:
        extract(old.encode(), "a.xml")
    assert refused.value.reason is Reason.UNSUPPORTED_TYPE


def test_damaged_parts_are_noted_and_a_damaged_text_is_refused() -> None:
    """The remaining text is read; if the text itself is damaged, truncated or absent, nothing passes for it."""
    parts = dict.fromkeys(("styles.xml", "settings.xml", "comments.xml", "header1.xml", "footnotes.xml"), "<broken")
    section = '<w:sectPr><w:headerReference w:type="default" r:id="header1"/></w:sectPr>'
    note = '<w:r><w:footnoteReference w:id="1"/></w:r>'
    found = extracted(p(r("text") + note) + section, parts)
    assert found.text == (
        "Header: [header: damaged, not read]\n\ntext[^1]\n\n[^1]: [footnote 1: missing from the file]\n"
    )
    assert set(found.notes) == {
        "styles: damaged, not read", "settings: damaged, not read", "comments: damaged, not read",
        "header: damaged, not read", "footnotes: damaged, not read", "footnote 1: missing from the file",
    }  # fmt: skip
    whole = docx(p("text"))
    for broken in (b"", b"<w:document", b"\x00\x01", f"<w:document {SPACES}><w:body>{p('a')}".encode()):
        with pytest.raises(JobError, match="damaged") as refused:
            read(corpus.repacked(whole, "word/document.xml", broken), "a")
        assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    files = corpus.unpacked(whole)
    del files["word/document.xml"]
    with pytest.raises(JobError, match=r"lacks the part word/document\.xml"):
        read(corpus.packed(files), "a")


def test_damage_within_the_archive_is_detected() -> None:
    """Whichever byte of the compressed text is wrong, the outcome is the text or a refusal."""
    whole = docx("".join(p(f"paragraph {number}") for number in range(300)))
    wanted = read(whole, "a").text
    chance = random.Random(7)
    begin = whole.index(b"word/document.xml")
    for _ in range(25):
        place = chance.randrange(begin + 20, begin + 1000)
        damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        assert _read_or_refused(damaged) in (wanted, Reason.UNREADABLE_DOCUMENT)


def test_building_blocks_are_noted_and_placeholders_are_not() -> None:
    """Building blocks kept for later use are not part of the document."""

    def kept(*galleries: str) -> str:
        inside = "".join(
            f'<w:docPart><w:docPartPr><w:gallery w:val="{one}"/></w:docPartPr></w:docPart>' for one in galleries
        )
        return f"<w:glossaryDocument {SPACES}>{inside}</w:glossaryDocument>"

    related = {"g": ("glossaryDocument", "glossary.xml")}
    for galleries, notes in (
        (("placeholder",), ()),
        (("placeholder", "autoTxt"), ("1 building block (AutoText): stored for later use, not read",)),
    ):
        assert extracted(p("text"), {"glossary.xml": kept(*galleries)}, related=related).notes == notes


def test_hostile_nesting_ends_in_a_refusal_or_in_the_text() -> None:
    """Tables, text boxes, formulas, fields, wrappers and ruby are nested hundreds deep."""
    box = "<w:r><w:pict><v:shape><v:textbox><w:txbxContent>%s</w:txbxContent></v:textbox></v:shape></w:pict></w:r>"
    nests = {
        "table": ("<w:tbl><w:tr><w:tc>%s</w:tc></w:tr></w:tbl>", p("deep"), "%s"),
        "box": (f"<w:p>{box}</w:p>", p("deep"), "%s"),
        "formula": (
            "<m:f><m:num>%s</m:num><m:den/></m:f>",
            "<m:r><m:t>deep</m:t></m:r>",
            "<w:p><m:oMath>%s</m:oMath></w:p>",
        ),
        "wrapper": ("<w:ins><w:smartTag>%s</w:smartTag></w:ins>", r("deep"), "<w:p>%s</w:p>"),
        "reading": ("<w:r><w:ruby><w:rt>%s</w:rt><w:rubyBase/></w:ruby></w:r>", r("deep"), "<w:p>%s</w:p>"),
        "alternative": ("<mc:AlternateContent><mc:Choice>%s</mc:Choice></mc:AlternateContent>", p("deep"), "%s"),
        "field": ('<w:r><w:fldChar w:fldCharType="begin"/></w:r>%s', r("deep"), "<w:p>%s</w:p>"),
    }
    for around, inside, within in nests.values():
        body = inside
        for _ in range(300):
            body = around.replace("%s", body)
        found = _read_or_refused(docx(within.replace("%s", body)))
        assert found is Reason.UNREADABLE_DOCUMENT or "deep" in found


def _read_or_refused(body: bytes) -> str:
    try:
        return read(body, "a.docx").text
    except JobError as error:
        return error.reason


def test_a_long_document_fits_into_little_memory() -> None:
    """Its element tree would need half as much again as there is, so it is read piecewise, even a single table."""
    empty = "<w:r><w:rPr><w:sz w:val='4'/></w:rPr></w:r>" * 12
    lines = [p(empty + r(f"line {number}")) for number in range(22_000)]
    body = "".join(lines[:11_000]) + tbl(*(row(line) for line in lines[11_000:]))
    text = asyncio.run(ChildExtractor(memory_bytes=100 * 2**20).extract(docx(body), "a.docx")).text
    assert [int(one) for one in re.findall(r"line (\d+)", text)] == list(range(22_000))


WORDS = st.text("abcдж汉字ß&<>", min_size=1, max_size=6)
AROUND = [
    "%s",
    "<w:ins w:id='1'>%s</w:ins>",
    "<w:smartTag>%s</w:smartTag>",
    "<w:hyperlink w:anchor='a'>%s</w:hyperlink>",
    "<w:del w:id='1'>%s</w:del>",
    "<w:moveFrom w:id='1'>%s</w:moveFrom>",
    "<w:moveTo w:id='1'>%s</w:moveTo>",
    "<w:sdt><w:sdtPr/><w:sdtContent>%s</w:sdtContent></w:sdt>",
    "<w:fldSimple w:instr='REF x'>%s</w:fldSimple>",
]
LOOKS = ["", "<w:b/>", "<w:i/>", "<w:sz w:val='4'/>"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_word_is_read_once_and_in_order(data: st.DataObject) -> None:
    """In any mix of paragraphs, tables, wrappers, revisions and fields, only deletions are missing."""
    wanted: list[str] = []
    body = "".join(_block(data, wanted, 0) for _ in range(data.draw(st.integers(1, 5))))
    text = shown(body + p("."))
    found = re.findall(r"q\d+[^q]*?z", text.replace("*", "").replace("\\|", "|"))
    assert found == wanted


def _block(data: st.DataObject, wanted: list[str], depth: int) -> str:
    kind = data.draw(st.sampled_from(["p", "p", "p", "sdt", "tbl", "alternate"])) if depth < 3 else "p"
    if kind == "p":
        return p("".join(_inline(data, wanted) for _ in range(data.draw(st.integers(1, 4)))))
    if kind == "sdt":
        return f"<w:sdt><w:sdtPr/><w:sdtContent>{_block(data, wanted, depth + 1)}</w:sdtContent></w:sdt>"
    if kind == "alternate":
        inside = _block(data, wanted, depth + 1)
        again = f"<mc:Fallback>{inside}</mc:Fallback>"
        return f"<mc:AlternateContent><mc:Choice Requires='x'>{inside}</mc:Choice>{again}</mc:AlternateContent>"
    rows = data.draw(st.integers(1, 3))
    return tbl(*(row(*(_block(data, wanted, depth + 1) for _ in range(2))) for _ in range(rows)))


def _inline(data: st.DataObject, wanted: list[str]) -> str:
    number = len(wanted)
    text, look = data.draw(WORDS), data.draw(st.sampled_from(LOOKS))
    word = f"q{number}{text}z"
    escaped = word.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    around = data.draw(st.sampled_from(AROUND))
    if "del" not in around and "moveFrom" not in around:
        wanted.append(word)
    return around.replace("%s", r(f" {escaped} ", look))


def test_a_document_written_by_python_docx_is_read_whole() -> None:
    """It has that program's own styles and lists."""
    text = read(corpus.docx(), "a.docx").text
    assert text == (
        f"# {corpus.HEADING}\n\n{corpus.SENTENCES[0]}\n\n- first item\n- second item\n\n{corpus.SENTENCES[1]}\n\n"
        f"| Name | Tons |\n| --- | --- |\n| Anna | 12 |\n\n{corpus.SENTENCES[2]}\n"
    )
