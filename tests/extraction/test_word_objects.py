"""Tables, text boxes, pictures, charts and documents within a Word file are read in their place, or noted there."""

import pytest

from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

from . import corpus
from .wordfiles import A, W, docx, extracted, item, level, numbering, p, r, row, shown, tbl


def drawing(graphic: str, about: str = "", size: tuple[int, int] = (100, 100)) -> str:
    """A run with a drawing in it."""
    frame = f'<wp:extent cx="{size[0]}" cy="{size[1]}"/><wp:docPr id="1" name="Picture 1"{about}/>'
    data = f'<a:graphic><a:graphicData uri="x">{graphic}</a:graphicData></a:graphic>'
    return f"<w:r><w:drawing><wp:inline>{frame}{data}</wp:inline></w:drawing></w:r>"


def picture(about: str = "", size: tuple[int, int] = (100, 100), own: str = "") -> str:
    """A picture."""
    named = f'<pic:nvPicPr><pic:cNvPr id="1" name="a.png"{own}/></pic:nvPicPr>'
    return drawing(f'<pic:pic>{named}<pic:blipFill><a:blip r:embed="x"/></pic:blipFill></pic:pic>', about, size)


def box(inside: str) -> str:
    """A text box as Word writes it: once for newer programs, and once for older ones."""
    new = f"<wps:wsp><wps:txbx><w:txbxContent>{inside}</w:txbxContent></wps:txbx></wps:wsp>"
    old = f"<v:shape><v:textbox><w:txbxContent>{inside}</w:txbxContent></v:textbox></v:shape>"
    choice = f'<mc:Choice Requires="wps"><w:drawing>{new}</w:drawing></mc:Choice>'
    fallback = f"<mc:Fallback><w:pict>{old}</w:pict></mc:Fallback>"
    return f"<w:r><mc:AlternateContent>{choice}{fallback}</mc:AlternateContent></w:r>"


def test_text_boxes_appear_once() -> None:
    """They precede their paragraph if anchored at its beginning, and otherwise follow it, with tables and lists."""
    look = {"numbering.xml": numbering(level(0, "decimal", "%1."))}
    inside = p("box") + tbl(row("a", "b")) + item("in", 1) + p(r("x") + box(p("inner")))
    body = item("one", 1) + p(box(inside) + r("text")) + p(r("more") + box(p("behind"))) + item("three", 1)
    assert shown(body, look) == (
        "1. one\n\nbox\n\n| a | b |\n| --- | --- |\n\n2. in\n\nx\n\ninner\n\ntext\n\nmore\n\nbehind\n\n3. three"
    )
    old = (
        "<w:r><w:pict><v:rect><v:textbox><w:txbxContent>"
        + p("old")
        + "</w:txbxContent></v:textbox></v:rect></w:pict></w:r>"
    )
    assert shown(tbl(row(p(r("cell") + old), "b"))) == "| cell<br>old | b |\n| --- | --- |"


def test_only_one_of_several_alternatives_is_read() -> None:
    """This holds around paragraphs too; if the newer one has no content for us, the older one counts."""
    new = f'<mc:Choice Requires="x">{p("new")}</mc:Choice>'
    around = f"<mc:AlternateContent>{new}<mc:Fallback>{p('old')}</mc:Fallback></mc:AlternateContent>"
    within = '<w:r><mc:AlternateContent><mc:Choice Requires="x"><w:drawing/></mc:Choice><mc:Fallback><w:t>old</w:t>'
    body = around + p(within + "</mc:Fallback></mc:AlternateContent></w:r>") + tbl(row(around, "c"))
    assert shown(body) == "new\n\nold\n\n| new | c |\n| --- | --- |"


def test_tables_keep_their_columns() -> None:
    """Merged and omitted cells, pipes and breaks are handled; an empty table is nothing, a single cell is a box."""

    def cell(text: str, about: str) -> str:
        return f"<w:tc><w:tcPr>{about}</w:tcPr>{p(text)}</w:tc>"

    wide, begin, goes_on = '<w:gridSpan w:val="2"/>', '<w:vMerge w:val="restart"/>', "<w:vMerge/>"
    body = (
        tbl(
            row(cell("a|b", wide), "c"), row(cell("d", begin), p("e") + p("f"), "g"),
            row(cell("", goes_on), "h", "i"), row("j", properties='<w:trPr><w:gridBefore w:val="2"/></w:trPr>'),
            row("k"),
        )
        + tbl(row("")) + tbl(row(p("boxed") + p("Head", '<w:outlineLvl w:val="0"/>')))
    )  # fmt: skip
    assert shown(body) == (
        "| a\\|b |  | c |\n| --- | --- | --- |\n| d | e<br>f | g |\n|  | h | i |\n|  |  | j |\n| k |  |  |\n\n"
        "boxed\n\n# Head"
    )


def test_nested_tables_are_lines_of_their_cell() -> None:
    """This holds at any depth; an impossible span is reduced."""
    inner = tbl(row("1", "2"), row("3", "4"))
    assert shown(tbl(row(p("a") + inner + p("b"), "c"))) == "| a<br>1 \\| 2<br>3 \\| 4<br>b | c |\n| --- | --- |"
    deep = p("deepest")
    for number in range(60):
        deep = tbl(row(p(f"level {number}") + deep, "x"))
    text = shown(deep)
    assert all(text.count(f"level {number}<") == 1 for number in range(1, 60))
    assert text.count("deepest") == 1
    absurd = shown(tbl(row('<w:tc><w:tcPr><w:gridSpan w:val="999999999"/></w:tcPr><w:p/></w:tc>', "x")))
    assert len(absurd) < 20_000


def test_pictures_are_read_by_their_description() -> None:
    """It is in its place; decoration gives nothing; a page-sized picture without a description is noted."""
    a4 = (7_000_000, 10_000_000)
    decoration = f'<a:extLst xmlns:a="{A}"><a:ext><x:decorative xmlns:x="y" val="1"/></a:ext></a:extLst>'
    body = (
        p(r("See ") + picture(' descr="A red&#10;boat"') + r(".")) + p(picture(own=' descr="own"') + picture() + r("x"))
        + p(picture(' title="titled"', a4)) + p(picture("", a4))
        + p('<w:r><w:pict><v:shape alt="older"><v:imagedata r:id="x"/></v:shape></w:pict></w:r>')
        + p(picture(' descr="none"').replace(' descr="none"/>', f' descr="none">{decoration}</wp:docPr>', 1) + r("y"))
    )  # fmt: skip
    found = extracted(body)
    note = "picture 5, as large as a page: not read, perhaps a scan"
    assert found.text.split("\n\n") == [
        "See [picture: A red boat].", "[picture: own]x", "[picture: titled]", f"[{note}]", "[picture: older]", "y\n",
    ]  # fmt: skip
    assert found.notes == (note,)


def test_a_description_belongs_to_its_own_drawing() -> None:
    """It is not given to the next picture, even from a shape or a chart; several pictures have one each."""
    two = picture(own=' descr="first"').replace("</pic:pic>", "</pic:pic>" + "%s", 1)
    inner = picture(own=' descr="second"').partition('<a:graphicData uri="x">')[2].partition("</a:graphicData>")[0]
    body = p(drawing("<wps:wsp/>", ' descr="a shape"') + picture() + r("x") + (two % inner))
    assert shown(body) == "x[picture: first][picture: second]"


def test_pictures_alone_are_a_scan() -> None:
    """A page header does not change that; a document that is merely empty is called empty."""
    header = {"header1.xml": f'<w:hdr xmlns:w="{W}">{p("x")}</w:hdr>'}
    section = '<w:sectPr><w:headerReference w:type="default" r:id="header1"/></w:sectPr>'
    for body, parts, reason, says in (
        (p(picture()), {}, Reason.UNREADABLE_DOCUMENT, "OCR"),
        (p(picture(' descr="page 1"')) + section, header, Reason.UNREADABLE_DOCUMENT, "OCR"),
        (p() + tbl(row("", "")), {}, Reason.EMPTY_DOCUMENT, "without text"),
        (p('<w:r><o:OLEObject ProgID="Visio" r:id="no"/></w:r>'), {}, Reason.UNREADABLE_DOCUMENT, "Visio"),
    ):  # fmt: skip
        with pytest.raises(JobError, match=says) as refused:
            read(docx(body, parts), "a.docx")
        assert refused.value.reason is reason
    assert shown(p() + section, header) == "Header: x"


def test_charts_and_smartart_without_their_parts_are_noted() -> None:
    """A damaged, absent or textless part is noted in its place."""
    chart = '<c:chart r:id="%s"/>'
    parts = {
        "chart1.xml": "<c:chartSpace", "chart2.xml": '<c:chartSpace xmlns:c="x"/>',
        "data1.xml": '<dgm:dataModel xmlns:dgm="x"/>',
    }  # fmt: skip
    body = "".join(p(drawing(chart % name)) for name in ("chart1", "chart2", "no")) + p("text")
    body += p(drawing('<dgm:relIds r:dm="data1"/>'))
    found = extracted(body, parts)
    notes = (
        "chart: damaged, not read", "chart without stored text: not read", "chart: missing from the file",
        "SmartArt without stored text: not read",
    )  # fmt: skip
    assert found.notes == notes
    assert found.text.split("\n\n") == [*(f"[{note}]" for note in notes[:3]), "text", f"[{notes[3]}]\n"]


def test_documents_within_the_document_are_read_in_place() -> None:
    """HTML, text, RTF and Word, as programs insert them, are read; what cannot be read is named."""
    inner = docx(p("from Word") + p("[x]"))
    archived = (
        'MIME-Version: 1.0\r\nContent-Type: multipart/related; type="text/html"; boundary="b"\r\n\r\n--b\r\n'
        'Content-Type: text/html; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
        "<html><body><p>from =C3=BC MHT</p></body></html>\r\n--b--\r\n"
    )
    chunks = {
        "c1.html": "<p>from <b>HTML</b></p>", "c2.txt": "from text", "c3.rtf": r"{\rtf1 from RTF}", "c4.docx": inner,
        "c5.bin": bytes(range(256)), "c6.mht": archived,
    }  # fmt: skip
    related = {"sub": ("subDocument", "file:///C:/docs/chapter.docx"), "here": ("aFChunk", "c4.docx")}
    body = "".join(f'<w:altChunk r:id="c{n}"/>' for n in (1, 2, 3, 4, 5, 6)) + p('<w:subDoc r:id="sub"/>')
    found = extracted(p("before") + body + tbl(row(p() + '<w:altChunk r:id="c2"/>', "c")), chunks, related=related)
    texts = (
        "before",
        "from **HTML**",
        "from text",
        "from RTF",
        "from Word",
        "not read",
        "from ü MHT",
        "chapter.docx",
        "| from text | c |",
    )
    places = [found.text.index(text) for text in texts]
    assert places == sorted(places)
    assert found.notes == (
        "inserted document c5.bin: not read (unsupported_type)", "subdocument chapter.docx: missing from the file",
    )  # fmt: skip


def test_embedded_files_are_read_or_named() -> None:
    """A workbook is read in its place; other programs' objects, links, ink and form controls are named."""
    objects = (
        '<w:r><w:object><v:shape><v:imagedata r:id="x"/></v:shape><o:OLEObject ProgID="%s" r:id="%s"/></w:object></w:r>'
    )
    parts = {"book.xlsx": corpus.xlsx(), "oleObject1.bin": b"\xd0\xcf\x11\xe0" + bytes(9)}
    related = {"link": ("oleObject", "file:///C:/a.xlsx")}
    body = (
        p(r("text") + objects % ("Excel.Sheet.12", "book")) + p(objects % ("Equation.3", "oleObject1"))
        + p(objects % ("Excel.Link", "link")) + p('<w:r><w:contentPart r:id="x"/></w:r>')
        + p('<w:r><w:object><w:control r:id="x" w:name="CheckBox1"/></w:object></w:r>')
    )  # fmt: skip
    found = extracted(body, parts, related=related)
    assert "text\n\nEmbedded object (Excel.Sheet.12):\n\n" in found.text
    assert "| Anna | 12 |" in found.text
    assert found.notes == (
        "embedded object Equation.3: not read (unsupported_type)", "embedded object Excel.Link: missing from the file",
        "handwriting: not read", "form control CheckBox1: its state is not read",
    )  # fmt: skip
    assert all(f"[{note}]" in found.text for note in found.notes)


def test_a_form_control_whose_state_is_xml_shows_it() -> None:
    """ActiveX boxes and texts show it; a damaged part is tolerated."""

    def state(**said: str) -> str:
        inside = "".join(f'<ax:ocxPr ax:name="{name}" ax:value="{value}"/>' for name, value in said.items())
        return f'<ax:ocx xmlns:ax="http://schemas.microsoft.com/office/2006/activeX">{inside}</ax:ocx>'

    parts = {"a1.xml": state(Caption="I agree", Value="1"), "a2.xml": state(Value="typed"), "a3.xml": "<broken"}
    body = "".join(
        p(f'<w:r><w:object><w:control r:id="{one}" w:name="C"/></w:object></w:r>') for one in ("a1", "a2", "a3")
    )
    assert shown(body, parts) == "☒ I agree\n\ntyped\n\n[form control C: its state is not read]"


def test_a_document_that_contains_itself_terminates() -> None:
    """Nested documents are read up to a bound, and deeper ones are noted."""
    inner = docx(p("level 0"))
    for number in range(1, 15):
        inner = docx(p(f"level {number}") + '<w:altChunk r:id="c"/>', {"c.docx": inner})
    found = read(inner, "a.docx")
    assert found.text.startswith("level 14\n\nlevel 13\n")
    assert found.notes == ("inserted document c.docx: not read (document_too_large)",)


def test_text_in_shapes_and_word_art_is_read() -> None:
    """Text boxes are not the only shapes with text."""
    inside = "<a:txBody><a:p><a:r><a:t>shape</a:t></a:r></a:p></a:txBody>"
    shape = f'<lc:lockedCanvas xmlns:lc="x"><a:sp><a:txSp>{inside}</a:txSp></a:sp></lc:lockedCanvas>'
    art = '<w:r><w:pict><v:shape><v:textpath string="ART"/></v:shape></w:pict></w:r>'
    assert shown(p(r("a") + drawing(shape) + art)) == "a\n\nshape\n\nART"
