"""Presentations: every text appears once, in the order of the presentation; what is not read is reported."""

import copy
import io
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.oxml.ns import qn
from pptx.util import Inches

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read

from . import corpus
from .conftest import Extract
from .workbooks import relations

CASES = Path(__file__).parent / "cases"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
PICTURE += b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
TITLE_ONLY, BLANK, CONTENT = 5, 6, 1


def deck(*makers: Callable[[object], None], layout: int = BLANK) -> bytes:
    """A presentation with one slide for each function given."""
    presentation = Presentation()
    for make in makers:
        make(presentation.slides.add_slide(presentation.slide_layouts[layout]))
    file = io.BytesIO()
    presentation.save(file)
    return file.getvalue()


def opened(make: Callable[[object], None], layout: int = BLANK) -> Extracted:
    """The result of reading a single-slide presentation."""
    return read(deck(make, layout=layout), "a.pptx")


def box(slide: object, text: str, top: float = 1, left: float = 1) -> object:
    """A text box; each line of the text is a paragraph."""
    frame = slide.shapes.add_textbox(Inches(left), Inches(top), Inches(2), Inches(1)).text_frame
    frame.text = text
    return frame


def edited(body: bytes, name: str, edit: Callable[[str], str]) -> bytes:
    """A presentation whose part of this name was edited."""
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return corpus.repacked(body, name, edit(archive.read(name).decode()).encode())


def lines(extracted: Extracted) -> list[str]:
    """The lines that are not empty."""
    return [one for one in extracted.text.splitlines() if one]


def test_the_order_is_that_of_the_presentation() -> None:
    """The order of file names does not matter."""
    found = read((CASES / "reordered.pptx").read_bytes(), "a.pptx")
    numbers = [int(one) for one in re.findall(r"BODY(\d+) first", found.text)]
    assert numbers == [12, *range(1, 12)]


def test_a_rich_deck_is_read_whole() -> None:
    """Notes, a hidden slide, a table with a pipe and a line break, a chart's values, groups, a link."""
    found = read((CASES / "deck.pptx").read_bytes(), "a.pptx")
    wanted = (
        "## Slide 1 title", "- BODY1 first\n  - nested bullet 1", "Notes:\n\nSPEAKERNOTE two",
        "## Slide 3 title (hidden)", "| TBL00<br>TBL01 |  |", "| two<br>lines \\| pipe | TBL11 |", "Chart: CHARTTITLE",
        "|  | SERIES1 |", "| CATQ1 | 4711 |", "GROUPED one", "NESTEDGROUP two", "UPPER box",
        "[LINKTEXT](https://example.org/x) A&B <x>", "LOWER box", "one\nverticalbreak tabbed", "## First Second line",
    )  # fmt: skip
    assert re.search(".*".join(map(re.escape, wanted)), found.text, re.DOTALL)
    assert found.notes == ()


def test_a_deck_of_pictures_only_is_refused(extract: Extract) -> None:
    """A real child refuses it too; a deck with nothing on it is empty."""
    with pytest.raises(JobError) as refused:
        extract((CASES / "picturesonly.pptx").read_bytes(), "a.pptx")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    assert "OCR" in str(refused.value)
    with pytest.raises(JobError) as refused:
        opened(lambda _: None)
    assert refused.value.reason is Reason.EMPTY_DOCUMENT


def test_slides_of_pictures_only_are_noted() -> None:
    """They are noted even if they have a title or a footer."""

    def picture(slide: object) -> None:
        slide.shapes.add_picture(io.BytesIO(PICTURE), 0, 0)

    def background(slide: object) -> None:
        fill = f'<p:bg xmlns:p="{P}" xmlns:a="{A}"><p:bgPr><a:blipFill><a:blip/></a:blipFill></p:bgPr></p:bg>'
        slide._element.cSld.insert(0, etree.fromstring(fill))

    def titled(slide: object) -> None:
        picture(slide)
        placeholder(slide, "title", "Look")

    def footed(slide: object) -> None:
        picture(slide)
        placeholder(slide, "ftr", "Confidential")
        placeholder(slide, "sldNum", "5")

    def both(slide: object) -> None:
        picture(slide)
        box(slide, "text")

    found = read(deck(picture, titled, footed, both, background), "a.pptx")
    assert found.notes == (
        "slide 1: no text, only pictures",
        "slide 2: only a title and pictures",
        "slide 3: no text, only pictures",
        "slide 5: no text, only pictures",
    )
    assert all(f"\n[{note}]\n" in found.text for note in found.notes)
    assert lines(found)[4:7] == ["## Slide 3", "Confidential", "[slide 3: no text, only pictures]"]


def placeholder(slide: object, kind: str, text: str) -> None:
    """A placeholder of the given type, with its text."""
    slide.shapes._spTree.append(
        etree.fromstring(
            f'<p:sp xmlns:p="{P}" xmlns:a="{A}"><p:nvSpPr><p:cNvPr id="99" name="x"/><p:cNvSpPr/><p:nvPr>'
            f'<p:ph type="{kind}"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r>'
            "</a:p></p:txBody></p:sp>"
        )
    )


def test_texts_are_read_from_top_to_bottom_and_left_to_right() -> None:
    """Drawing order does not matter; nearly level tops are one row; groups stay together."""

    def make(slide: object) -> None:
        box(slide, "sixth", 5)
        box(slide, "second", 1.05, 4)
        box(slide, "first", 1.1, 1)
        box(slide, "third", 1, 7)
        group = slide.shapes.add_group_shape()
        for text, top in (("fifth", 3), ("fourth", 2)):
            group.shapes.add_textbox(0, Inches(top), Inches(1), Inches(1)).text_frame.text = text

    assert lines(opened(make))[1:] == ["first", "second", "third", "fourth", "fifth", "sixth"]


def test_lists_have_their_bullets_and_numbers() -> None:
    """The paragraph decides, then its layout, then its master; numbers continue after deeper levels."""
    marks = [
        (0, None, "plain bullet of the master"),
        (1, None, "deeper"),
        (0, "<a:buNone {}/>", "none"),
        (0, '<a:buAutoNum {} type="arabicPeriod"/>', "one"),
        (1, '<a:buAutoNum {} type="alphaLcParenR"/>', "sub"),
        (1, '<a:buAutoNum {} type="alphaLcParenR"/>', "sub"),
        (0, '<a:buAutoNum {} type="arabicPeriod"/>', "two"),
        (0, '<a:buAutoNum {} type="romanUcParenBoth" startAt="4"/>', "other"),
        (0, '<a:buAutoNum {} type="arabicPeriod"/>', "anew"),
    ]

    def make(slide: object) -> None:
        slide.shapes.title.text = "T"
        frame = slide.placeholders[1].text_frame
        for number, (level, mark, text) in enumerate(marks):
            paragraph = frame.paragraphs[0] if not number else frame.add_paragraph()
            paragraph.text, paragraph.level = text, level
            if mark:
                paragraph._p.get_or_add_pPr().append(etree.fromstring(mark.format(f'xmlns:a="{A}"')))

    assert lines(opened(make, CONTENT)) == [
        "## T", "- plain bullet of the master", "  - deeper", "none", "1. one", "  a) sub", "  b) sub", "2. two",
        "(IV) other", "1. anew",
    ]  # fmt: skip


def test_text_boxes_have_no_bullets_and_subtitles_follow_their_layout() -> None:
    """A title slide's layout turns off the master's bullets."""

    def make(slide: object) -> None:
        slide.shapes.title.text = "Title"
        slide.placeholders[1].text = "Subtitle"
        box(slide, "one\ntwo", 6)

    assert lines(opened(make, 0)) == ["## Title", "Subtitle", "one", "two"]


def test_superscripts_subscripts_and_breaks_are_kept() -> None:
    """10^6^ is not 106; a field's text is read, a slide's number is not."""

    def make(slide: object) -> None:
        paragraph = box(slide, "").paragraphs[0]._p
        inside = (
            '<a:r><a:t>10</a:t></a:r><a:r><a:rPr baseline="30000"/><a:t>6</a:t></a:r><a:r><a:t> H</a:t></a:r>'
            '<a:r><a:rPr baseline="-25000"/><a:t>2</a:t></a:r><a:r><a:t>O</a:t></a:r><a:br/>'
            '<a:fld id="x" type="slidenum"><a:t>7</a:t></a:fld><a:fld id="y" type="datetime1"><a:t>1 May</a:t></a:fld>'
        )
        paragraph.extend(etree.fromstring(f'<a:p xmlns:a="{A}">{inside}</a:p>'))

    assert lines(opened(make))[1:] == ["10^6^ H~2~O", "1 May"]


def test_formulas_are_in_their_place() -> None:
    """They are on one line, as in Word documents."""
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    formula = (
        f'<x xmlns:m="{math}" xmlns:a14="a14"><a14:m><m:oMath><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num>'
        "<m:den><m:r><m:t>2</m:t></m:r></m:den></m:f></m:oMath></a14:m></x>"
    )

    def make(slide: object) -> None:
        frame = box(slide, "half is ")
        frame.paragraphs[0]._p.extend(etree.fromstring(formula))

    assert lines(opened(make))[1:] == ["half is (a+b)/2"]


def test_tables_keep_their_columns() -> None:
    """Pipes are escaped, and the places of merged cells are empty."""

    def make(slide: object) -> None:
        table = slide.shapes.add_table(3, 2, 0, 0, Inches(4), Inches(2)).table
        for place, text in {(0, 0): "a|b", (1, 0): "tall", (1, 1): "x\ny", (2, 1): "z"}.items():
            table.cell(*place).text = text
        table.cell(0, 0).merge(table.cell(0, 1))
        table.cell(1, 0).merge(table.cell(2, 0))

    assert lines(opened(make))[1:] == ["| a\\|b |  |", "| --- | --- |", "| tall | x<br>y |", "|  | z |"]


def test_charts_give_their_values_and_diagrams_their_points() -> None:
    """Charts and diagrams missing from the file are reported, and so are embedded objects, videos and handwriting."""

    def make(slide: object) -> None:
        data = CategoryChartData()
        data.categories = ["Riga", "Oslo"]
        data.add_series("Tons", (12.5, 7))
        slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, 0, 0, Inches(2), Inches(2), data)
        tree = slide.shapes._spTree
        frame = copy.deepcopy(tree[-1])
        for chart in frame.iter("{*}chart"):
            chart.set(qn("r:id"), "rId99")
        tree.append(frame)
        for inside in (
            "<p:pic><p:nvPicPr><p:nvPr><a:videoFile/></p:nvPr></p:nvPicPr></p:pic>",
            "<p:contentPart/>",
            "<p:graphicFrame><a:graphicData><p:oleObj progId='Excel.Sheet.12'/></a:graphicData></p:graphicFrame>",
        ):
            tree.extend(etree.fromstring(f'<x xmlns:p="{P}" xmlns:a="{A}">{inside}</x>'))

    found = opened(make)
    assert lines(found)[1:5] == ["Chart:", "|  | Tons |", "| --- | --- |", "| Riga | 12.5 |"]
    assert found.notes == (
        "slide 1: a chart or SmartArt that is missing from the file is not read",
        "slide 1: a film or sound is not read",
        "slide 1: handwriting is not read",
        "slide 1: embedded object (Excel.Sheet.12) is not read",
    )


def test_content_for_old_and_new_programs_is_read_once() -> None:
    """The new one is read, or the old one if there is no other."""

    def make(slide: object) -> None:
        box(slide, "inside")
        tree = slide.shapes._spTree
        shape = etree.tostring(tree[-1]).decode()
        tree.remove(tree[-1])
        fallback = f"<mc:Fallback>{shape.replace('inside', 'old')}</mc:Fallback>"
        for inside in (
            f"<mc:Choice>{shape.replace('inside', 'new')}</mc:Choice>{fallback}",
            f"<mc:Fallback>{shape.replace('inside', 'only')}</mc:Fallback>",
        ):
            tree.append(etree.fromstring(f'<mc:AlternateContent xmlns:mc="{MC}">{inside}</mc:AlternateContent>'))

    assert lines(opened(make))[1:] == ["new", "only"]


def test_notes_and_comments_are_marked_as_such() -> None:
    """Comments of both types have their authors and replies."""

    def make(slide: object) -> None:
        box(slide, "text")
        slide.notes_slide.notes_text_frame.text = "say this\nthen that"

    new = "http://schemas.microsoft.com/office/powerpoint/2018/8/main"
    text = "<p188:txBody><a:p><a:r><a:t>{}</a:t></a:r></a:p></p188:txBody>"
    body = edited(deck(make), "ppt/slides/_rels/slide1.xml.rels", lambda xml: xml.replace(
        "</Relationships>",
        '<Relationship Id="c1" Type="http://x/comments" Target="../comments/old.xml"/>'
        '<Relationship Id="c2" Type="http://y/comments" Target="../comments/new.xml"/></Relationships>',
    ))  # fmt: skip
    body = edited(body, "ppt/_rels/presentation.xml.rels", lambda xml: xml.replace(
        "</Relationships>",
        '<Relationship Id="a1" Type="http://x/commentAuthors" Target="old.xml"/>'
        '<Relationship Id="a2" Type="http://y/authors" Target="new.xml"/></Relationships>',
    ))  # fmt: skip
    for name, xml in {
        "ppt/comments/old.xml": f'<p:cmLst xmlns:p="{P}"><p:cm authorId="0"><p:text>old\none</p:text></p:cm></p:cmLst>',
        "ppt/comments/new.xml": (
            f'<p188:cmLst xmlns:p188="{new}" xmlns:a="{A}"><p188:cm authorId="{{A}}"><p188:replyLst>'
            f'<p188:reply authorId="{{B}}">{text.format("answer")}</p188:reply></p188:replyLst>{text.format("new one")}'
            "</p188:cm></p188:cmLst>"
        ),
        "ppt/old.xml": f'<p:cmAuthorLst xmlns:p="{P}"><p:cmAuthor id="0" name="Anna"/></p:cmAuthorLst>',
        "ppt/new.xml": f'<p188:authorLst xmlns:p188="{new}"><p188:author id="{{a}}" name="Ben"/></p188:authorLst>',
    }.items():
        body = corpus.repacked(body, name, xml.encode())
    assert lines(read(body, "a.pptx"))[1:] == [
        "text", "Notes:", "say this", "then that", "Comments:", "- old one (Anna)", "- new one (Ben)", "- answer",
    ]  # fmt: skip


def test_text_of_layouts_appears_once() -> None:
    """Layout text that is not a placeholder is on every slide, and belongs to none."""
    body = deck(lambda slide: box(slide, "one"), lambda slide: box(slide, "two"))
    stamp = (
        f'<p:sp xmlns:a="{A}"><p:nvSpPr><p:cNvPr id="9" name="s"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr/>'
        "<p:txBody><a:p><a:r><a:t>Acme, strictly private</a:t></a:r></a:p></p:txBody></p:sp></p:spTree>"
    )
    body = edited(body, "ppt/slideMasters/slideMaster1.xml", lambda xml: xml.replace("</p:spTree>", stamp))
    found = read(body, "a.pptx")
    assert lines(found)[-2:] == ["## Text in the background of the slides", "Acme, strictly private"]
    assert "Click to edit" not in found.text


@pytest.mark.parametrize("name", ["ppt/slides/slide1.xml", "ppt/slides/_rels/slide1.xml.rels"])
def test_a_damaged_slide_is_noted_and_the_others_are_read(name: str) -> None:
    """A slide whose relationships are damaged is unread; nothing is read partially."""
    body = corpus.repacked(deck(lambda slide: box(slide, "one"), lambda slide: box(slide, "two")), name, b"<p:sld")
    found = read(body, "a.pptx")
    note = "slide 1: damaged or missing, not read"
    assert lines(found) == ["## Slide 1", f"[{note}]", "## Slide 2", "two"]
    assert found.notes == (note,)


def test_strict_files_with_odd_names_are_read() -> None:
    """Parts are recognised by their declared types, with any prefix."""
    strict = "http://purl.oclc.org/ooxml/"
    files = {
        "[Content_Types].xml": (
            b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            b'<Override PartName="/show.xml"'
            b' ContentType="application/vnd.openxmlformats-officedocument.presentationml.slideshow.main+xml"/></Types>'
        ),
        "_rels/.rels": relations(("m", "officeDocument", "show.xml")),
        "show.xml": (
            f'<q:presentation xmlns:q="{strict}presentationml/main" xmlns:z="{strict}officeDocument/relationships">'
            '<q:sldIdLst><q:sldId id="256" z:id="b"/><q:sldId id="257" z:id="a"/></q:sldIdLst></q:presentation>'
        ).encode(),
        "_rels/show.xml.rels": relations(("a", "slide", "one.xml"), ("b", "slide", "Two.xml")),
    } | {
        f"{name}.xml": (
            f'<q:sld xmlns:q="{strict}presentationml/main" xmlns:d="{strict}drawingml/main"><q:cSld><q:spTree><q:sp>'
            f"<q:nvSpPr><q:nvPr/></q:nvSpPr><q:txBody><d:p><d:r><d:t>{name}</d:t></d:r></d:p></q:txBody></q:sp>"
            "</q:spTree></q:cSld></q:sld>"
        ).encode()
        for name in ("one", "two")
    }
    assert lines(read(corpus.packed(files), "a.ppsx")) == ["## Slide 1", "two", "## Slide 2", "one"]


def test_slides_are_bounded() -> None:
    """The same bound holds for pages; only slides that the presentation lists count."""
    listed = "".join(f'<p:sldId id="{n}" r:id="x"/>' for n in range(5_001))
    body = edited(
        deck(lambda slide: box(slide, "one")),
        "ppt/presentation.xml",
        lambda xml: re.sub("<p:sldIdLst>.*</p:sldIdLst>", f"<p:sldIdLst>{listed}</p:sldIdLst>", xml),
    )
    with pytest.raises(JobError) as refused:
        read(body, "a.pptx")
    assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE
    assert "5001 slides" in str(refused.value)


@pytest.mark.parametrize("seed", range(5))
def test_every_text_of_a_random_deck_is_read_once_in_order(seed: int) -> None:
    """Slides are in the order of the presentation, texts in their places on each."""
    chance = random.Random(seed)
    words = (f"w{number}x" for number in range(1_000))
    presentation = Presentation()
    wanted: dict[int, list[str]] = {}
    for number in range(chance.randrange(2, 8)):
        slide = presentation.slides.add_slide(presentation.slide_layouts[TITLE_ONLY])
        slide.shapes.title.text = next(words)
        places = list(range(2, 2 + chance.randrange(6)))
        texts = {top: next(words) for top in places}
        chance.shuffle(places)
        for top in places:
            _add(slide, texts[top], top, chance.randrange(3))
        wanted[number] = [slide.shapes.title.text, *(texts[top] for top in sorted(places))]
        if chance.random() < 0.5:
            slide.notes_slide.notes_text_frame.text = next(words)
            wanted[number].append(slide.notes_slide.notes_text_frame.text)
    order = list(wanted)
    chance.shuffle(order)
    listed = presentation.slides._sldIdLst
    slides = list(listed)
    for number in order:
        listed.append(slides[number])
    file = io.BytesIO()
    presentation.save(file)
    found = read(file.getvalue(), "a.pptx")
    assert re.findall(r"w\d+x", found.text) == [word for number in order for word in wanted[number]]
    assert found.notes == ()


def _add(slide: object, text: str, top: int, kind: int) -> None:
    """A text in a box, in a table, or in a box in a group."""
    if kind == 0:
        box(slide, text, top)
    elif kind == 1:
        slide.shapes.add_table(1, 1, 0, Inches(top), Inches(1), Inches(1)).table.cell(0, 0).text = text
    else:
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(0, Inches(top), Inches(1), Inches(1)).text_frame.text = text
