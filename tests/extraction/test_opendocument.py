"""OpenDocument is read whole: each word once, in its place, with the numbers that a page shows."""

import re
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.plain_text import Extracted, plain_text
from backburner.errors import JobError, Reason
from backburner.extraction.opendocument import read_flat
from backburner.extraction.reading import read
from backburner.extraction.xmltree import parse_xml

from .conftest import Extract
from .opendocuments import content, flat, packed

CASES = Path(__file__).parent / "cases"
NUMBERS = (
    '<text:list-style style:name="L">'
    '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="." text:start-value="3"/>'
    '<text:list-level-style-number text:level="2" style:num-format="1" text:display-levels="2"/>'
    '<text:list-level-style-number text:level="3" style:num-format="a" style:num-prefix="(" style:num-suffix=")"/>'
    '</text:list-style><text:list-style style:name="A">'
    '<text:list-level-style-number text:level="1" loext:num-list-format="Article %1% -" style:num-format="I"/>'
    "</text:list-style>"
)


def text(inner: str, styles: str = "", masters: str = "", **others: bytes) -> str:
    """The text of a text document."""
    return read(packed(inner, "text", styles, masters, **others), "a.odt").text.rstrip("\n")


def p(inner: str, style: str = "") -> str:
    return f'<text:p text:style-name="{style}">{inner}</text:p>'


def items(*inner: str, **attributes: str) -> str:
    said = "".join(f' {name.replace("__", ":").replace("_", "-")}="{value}"' for name, value in attributes.items())
    return f"<text:list{said}>{''.join(f'<text:list-item>{one}</text:list-item>' for one in inner)}</text:list>"


def test_each_word_of_the_sample_is_read_once(extract: Extract) -> None:
    """List headers, numbered paragraphs, text boxes, notes and fields are read, by a real child; deletions are not."""
    body = (CASES / "all.odt").read_bytes()
    shown = extract(body, "all.odt")
    with zipfile.ZipFile(CASES / "all.odt") as archive:
        wanted = set(re.findall(r"\b[A-Z]{4,}[A-Z0-9]*\b", archive.read("content.xml").decode())) - {"DELETEDREV"}
    assert {word: shown.count(word) for word in wanted} == dict.fromkeys(wanted, 1)
    assert "DELETEDREV" not in shown
    assert "a   b\tc\nLINEBREAK" in shown
    assert "LI2 p2\n  LISTHEADER\n" in shown
    assert "- NUMBEREDPARA\n" in shown
    assert "[LINKTEXT](https://x.org)[^1] after [comment by A: ANNOTATION] end & <x>\n" in shown
    assert "\n[^1]: FOOTNOTE body\n" in shown
    assert "| c1 p1<br>c1 p2 | - LISTINCELL |\n| NESTEDTABLE |" in shown


def test_lists_count_as_their_styles_say() -> None:
    """Levels, starts, restarts, formats, continued lists, and numbers that the writer wrote out are honoured."""
    nested = items(p("a") + items(p("b"), p("c") + items(p("d"))), p("e") + p("more"), text__style_name="L")
    assert text(nested, NUMBERS) == "3. a\n  3.1 b\n  3.2 c\n    (a) d\n4. e\n  more"
    apart = items(p("f"), text__style_name="L", text__continue_numbering="true")
    assert text(nested + p("x") + apart, NUMBERS).endswith("x\n\n5. f")
    assert text(nested + p("x") + apart.replace("continue-numbering", "other"), NUMBERS).endswith("x\n\n3. f")
    by_id = items(p("g"), xml__id="one", text__style_name="A") + items(p("h"), text__style_name="L")
    assert text(by_id + items(p("i"), text__continue_list="one", text__style_name="A"), NUMBERS) == (
        "Article I - g\n3. h\nArticle II - i"
    )
    written = items("<text:number>§ 7</text:number>" + p("j"), text__style_name="L")
    started = items(p("k"), text__style_name="L").replace("<text:list-item>", '<text:list-item text:start-value="9">')
    assert text(written + started, NUMBERS) == "§ 7 j\n9. k"


def test_a_paragraphs_style_names_its_list() -> None:
    """A list item whose paragraph names no list has a bullet."""
    style = '<style:style style:name="P" style:family="paragraph" style:list-style-name="L"/>'
    assert text(items(p("a", "P")) + items(p("b")), NUMBERS + style) == "3. a\n- b"
    paragraphs = "".join(
        f'<text:numbered-paragraph text:list-id="n" text:style-name="L" text:level="{level}">{p(word)}'
        "</text:numbered-paragraph>"
        for level, word in [(1, "a"), (2, "b"), (2, "c"), (1, "d")]
    )
    assert text(paragraphs, NUMBERS) == "3. a\n  3.1 b\n  3.2 c\n4. d"


def test_headings_are_numbered_by_the_outline() -> None:
    """Styles decide the numbering, and may exclude a heading from it."""
    masters = (
        '<office:styles><text:outline-style style:name="Outline">'
        '<text:outline-level-style text:level="1" style:num-format="I" style:num-suffix="."/>'
        '<text:outline-level-style text:level="2" style:num-format="1" text:display-levels="2"/>'
        '<text:outline-level-style text:level="3" style:num-format=""/></text:outline-style></office:styles>'
    )
    head = '<text:h text:outline-level="{}">{}</text:h>'.format
    unnumbered = '<text:h text:outline-level="1" text:is-list-header="true">x</text:h>'
    shown = text(head(1, "a") + head(2, "b") + head(2, "c") + head(3, "d") + unnumbered + head(1, "e"), masters=masters)
    assert shown == "# I. a\n\n## I.1 b\n\n## I.2 c\n\n### d\n\n# x\n\n# II. e"


def test_notes_and_comments() -> None:
    """Footnotes and endnotes are numbered apart with one mark each; comments name their author; tables have notes."""
    note = (
        '<text:note text:note-class="{}"><text:note-citation>9</text:note-citation><text:note-body><text:p>{}</text:p>'
        "</text:note-body></text:note>"
    ).format
    comment = "<office:annotation><dc:creator>Anna</dc:creator><dc:date>2026</dc:date><text:p>why?</text:p>"
    comment += "</office:annotation>"
    table = f"<table:table><table:table-row><table:table-cell>{p('c' + note('footnote', 'two'))}</table:table-cell>"
    table += f"<table:table-cell>{p('d')}</table:table-cell></table:table-row></table:table>"
    assert text(p("a" + note("footnote", "one") + "b" + note("endnote", "end") + comment) + table) == (
        "a[^1]b[^e1] [comment by Anna: why?]\n\n| c[^2] | d |\n| --- | --- |\n\n[^1]: one\n\n[^2]: two\n\n[^e1]: end"
    )


def test_tables_keep_their_shape() -> None:
    """Spans, repeated cells and pipes are handled; a million repetitions do not make a table with a million cells."""
    row = "<table:table-row{}>{}</table:table-row>".format
    cell = "<table:table-cell {}>{}</table:table-cell>".format
    inner = row(
        "", cell('table:number-columns-spanned="2"', p("a|b")) + "<table:covered-table-cell/>" + cell("", p("c"))
    )
    inner += row("", cell('table:number-columns-repeated="2"', p("d")) + cell("", p("e")))
    inner += row(' table:number-rows-repeated="1000000"', cell('table:number-columns-repeated="16384"', ""))
    assert text(
        f"<table:table>{inner}</table:table><table:table>{row('', cell('', p('x')) + cell('', p('y')))}</table:table>"
    ) == ("| a\\|b |  | c |\n| --- | --- | --- |\n| d |  | e |\n\n| x | y |\n| --- | --- |")


def test_hidden_content_is_marked_as_hidden() -> None:
    """Sections, paragraphs and words that no page shows are marked."""
    styles = (
        '<style:style style:name="H" style:family="text"><style:text-properties text:display="none"/></style:style>'
        '<style:style style:name="I" style:family="text" style:parent-style-name="H"/>'
    )
    section = f'<text:section text:name="Old" text:display="none">{p("secret")}</text:section>'
    shown = read(
        packed(p('a<text:span text:style-name="I">bcd</text:span>e') + section + p("f"), styles=styles), "a.odt"
    )
    note = "hidden section \u201cOld\u201d: left out"
    assert shown == Extracted(f"a[hidden text: bcd]e\n\n[{note}]\n\nf\n", (note,))


def test_a_part_that_is_only_linked_is_named() -> None:
    """A master document may refer to parts elsewhere; what it contains itself is read."""
    section = '<text:section><text:section-source xlink:href="../two.odt"/>{}</text:section>'.format
    note = "linked document \u201c../two.odt\u201d: not in this file"
    shown = read(packed(p("a") + section("") + section(p("b")), said="text-master"), "a.odm")
    assert shown == Extracted(f"a\n\n[{note}]\n\nb\n", (note,))


def test_marks_spaces_and_fields_are_read() -> None:
    """XML white space, the document's own spaces, powers, struck words, ruby, and hidden fields are handled."""
    styles = "".join(
        f'<style:style style:name="{name}" style:family="text"><style:text-properties {said}/></style:style>'
        for name, said in [
            ("U", 'style:text-position="super 58%"'),
            ("D", 'style:text-position="-33% 58%"'),
            ("X", 'style:text-line-through-style="solid"'),
        ]
    )
    span = '<text:span text:style-name="{}">{}</text:span>'.format
    assert text(p("10" + span("U", "6") + "\n   H" + span("D", "2") + "O " + span("X", "old ") + "new"), styles) == (
        "10^6^ H~2~O ~~old~~ new"
    )
    assert text(p("a<text:s/><text:s text:c='2'/>b<text:soft-page-break/>c<text:tab/>d")) == "a   bc\td"
    assert (
        text(p('a<text:variable-set text:display="none">9</text:variable-set><text:page-number>3</text:page-number>'))
        == "a3"
    )


def test_forms_show_what_is_filled_in() -> None:
    """Check boxes, lists and fields are read, including those converted from Word."""
    forms = (
        '<office:forms><form:form><form:checkbox form:id="c1" form:label="Yes" form:current-state="checked"/>'
        '<form:listbox form:id="c2"><form:option form:label="Red"/>'
        '<form:option form:label="Blue" form:current-selected="true"/>'
        '</form:listbox><form:text form:id="c3" form:current-value="Anna"/></form:form></office:forms>'
    )
    controls = " ".join(f'<draw:control draw:control="c{number}"/>' for number in (1, 2, 3))
    assert text(forms + p(f"a {controls}")) == "a ☒ Yes Blue Anna"
    box = (
        '<field:fieldmark field:type="vnd.oasis.opendocument.field.FORMCHECKBOX">'
        '<field:param field:name="Checkbox_Checked" field:value="true"/></field:fieldmark>'
    )
    assert text(p(f"b {box}")) == "b ☒"


def test_boxes_follow_their_paragraph() -> None:
    """Frames, shapes and groups appear once each; a box may contain a table."""
    box = "<draw:frame><draw:text-box>{}</draw:text-box></draw:frame>".format
    shape = "<draw:g><draw:custom-shape><svg:title>t</svg:title><text:p>shape</text:p></draw:custom-shape></draw:g>"
    assert text(p(f"a{box(p('one') + p('two'))}b{shape}") + box(p("page")) + p("c")) == (
        "ab\n\none\n\ntwo\n\nshape\n\npage\n\nc"
    )


def test_formulas_and_charts_are_read_and_other_objects_named() -> None:
    """A formula is in its sentence, a chart has a title and a table, another program's object is noted."""
    formula = (
        b'<math xmlns="http://www.w3.org/1998/Math/MathML">'
        b"<semantics><mrow><mfrac><mi>a</mi><mi>b</mi></mfrac>"
        b"<mo>=</mo><msup><mi>x</mi><mn>2</mn></msup></mrow>"
        b'<annotation encoding="StarMath">a over b</annotation></semantics></math>'
    )
    table = (
        "<chart:chart><chart:title><text:p>Sales</text:p></chart:title><table:table><table:table-rows>"
        "<table:table-row><table:table-cell><text:p>Q1</text:p></table:table-cell><table:table-cell><text:p>47</text:p>"
        "</table:table-cell></table:table-row></table:table-rows></table:table></chart:chart>"
    )
    objects = {"Object 1/content.xml": formula, "Object 2/content.xml": content(table, "chart")}
    frame = (
        '<draw:frame><draw:object xlink:href="./Object {}"><loext:p/></draw:object><draw:image/></draw:frame>'.format
    )
    other = '<draw:frame><draw:object-ole xlink:href="./Object 3"/></draw:frame>'
    shown = read(packed(p(f"so {frame(1)} holds") + p(frame(2)) + p(other), **objects), "a.odt")
    note = "embedded object of another program: not read"
    assert shown == Extracted(f"so (a)/(b)=x^(2) holds\n\nSales\n\n| Q1 | 47 |\n| --- | --- |\n\n[{note}]\n", (note,))


def test_headers_and_footers_appear_once() -> None:
    """Those of every page type are read, except those that are switched off."""
    page = (
        '<style:master-page style:name="{}"><style:header><text:p>Head</text:p></style:header>'
        '<style:header-left style:display="false"><text:p>Off</text:p></style:header-left>'
        "<style:footer><text:p>Page <text:page-number>1</text:page-number></text:p></style:footer></style:master-page>"
    ).format
    masters = f"<office:master-styles>{page('a')}{page('b')}</office:master-styles>"
    assert text(p("x"), masters=masters) == "Header: Head\n\nx\n\nFooter: Page 1"


def test_indexes_are_read_without_their_templates() -> None:
    """The title and the entries are read."""
    index = (
        "<text:table-of-content><text:table-of-content-source><text:index-title-template>Contents"
        "</text:index-title-template></text:table-of-content-source><text:index-body><text:index-title><text:p>Contents"
        "</text:p></text:index-title><text:p>One 1</text:p></text:index-body></text:table-of-content>"
    )
    assert text(index) == "Contents\n\nOne 1"


SLIDES = (
    '<presentation:footer-decl presentation:name="f">Foot</presentation:footer-decl>'
    '<draw:page draw:name="p1"><draw:frame><draw:text-box><text:p>body</text:p></draw:text-box></draw:frame>'
    '<draw:frame presentation:class="title"><draw:text-box><text:p>Title</text:p></draw:text-box></draw:frame>'
    '<draw:frame presentation:class="outline" presentation:placeholder="true"><draw:text-box><text:p>Click</text:p>'
    "</draw:text-box></draw:frame><presentation:notes><draw:page-thumbnail/>"
    '<draw:frame presentation:class="notes"><draw:text-box><text:p>said</text:p></draw:text-box></draw:frame>'
    "</presentation:notes></draw:page>"
    '<draw:page draw:name="p2" draw:style-name="off"><draw:frame>'
    '<draw:image xlink:href="Pictures/1.png"/></draw:frame></draw:page>'
)


def test_slides_are_in_order_with_title_and_notes() -> None:
    """A hidden one of pictures only is marked so, and prompts of placeholders are not text."""
    off = (
        '<style:style style:name="off" style:family="drawing-page"><style:drawing-page-properties '
        'presentation:visibility="hidden"/></style:style>'
    )
    note = "slide 2: no text, only pictures"
    assert read(packed(SLIDES, "presentation", off), "a.odp") == Extracted(
        f"## Title\n\nbody\n\nNotes: said\n\n## Slide 2 (hidden)\n\n[{note}]\n\nFooter: Foot\n", (note,)
    )


def test_a_document_of_pictures_only_is_a_scan() -> None:
    """This holds for a presentation and for a text."""
    picture = '<draw:frame><draw:image xlink:href="Pictures/1.png"/></draw:frame>'
    for body in (packed(f"<draw:page>{picture}</draw:page>", "presentation"), packed(p(picture))):
        with pytest.raises(JobError, match="nothing but pictures, probably a scan") as refused:
            read(body, "a")
        assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    with pytest.raises(JobError) as refused:
        read(packed(p("")), "a")
    assert refused.value.reason is Reason.EMPTY_DOCUMENT


@pytest.mark.parametrize("kind", ["text-template", "text-master", "text-web", "presentation-template", "graphics"])
def test_templates_and_master_documents_are_read(kind: str) -> None:
    """The declared type or the manifest tells what they are."""
    body = {"p": "presentation", "g": "drawing"}.get(kind[0], "text")
    shape = "<draw:page><draw:frame><draw:text-box><text:p>word</text:p></draw:text-box></draw:frame></draw:page>"
    inner = p("word") if body == "text" else shape
    assert "word" in read(packed(inner, body, said=kind), "a").text


def test_a_repacked_package_is_recognised_by_its_manifest() -> None:
    """Its type is no longer its first file."""
    manifest = b'<m:manifest xmlns:m="x"><m:file-entry m:full-path="/" '
    manifest += b'm:media-type="application/vnd.oasis.opendocument.text"/></m:manifest>'
    made = packed(p("word"), **{"META-INF/manifest.xml": manifest}).replace(b"mimetype", b"mimetyp_")
    assert read(made, "a").text == "word\n"


def test_flat_documents_are_read_like_packed_ones() -> None:
    """They are read from bytes and from a parsed tree."""
    inner = items(p("a"), p("b"), text__style_name="L")
    made = flat(inner, "text", NUMBERS)
    assert plain_text(made, "a.fodt") is None
    assert read(made, "a.fodt") == read_flat(parse_xml(made, "x")) == Extracted("3. a\n4. b\n")
    assert read(flat(SLIDES, "presentation"), "a.fodp").text.startswith("## Title\n\nbody\n")


def test_damaged_and_encrypted_packages_are_distinguished() -> None:
    """Entities are refused too."""
    manifest = {"META-INF/manifest.xml": b"<manifest><encryption-data/></manifest>"}
    for body, said in [
        (packed(p("a"), **manifest), "an encrypted ODT: save it without a password"),
        (packed("<text:p>"), "damaged"),
        (flat("<text:p>"), "damaged"),
        (flat(p("a")).replace(b"?>", b'?><!DOCTYPE x [<!ENTITY a "b">]>', 1), "entities"),
    ]:
        with pytest.raises(JobError, match=said) as refused:
            read(body, "a")
        assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def test_deep_nesting_is_safe() -> None:
    """Lists, tables, spans and sections are nested hundreds deep."""
    for tag in ("text:section", "text:list><text:list-item", "draw:g"):
        close = "></".join(reversed(tag.split("><")))
        assert text(f"<{tag}>" * 300 + p("deep") + f"</{close}>" * 300).strip("- ").endswith("deep")
    table = "table:table><table:table-row><table:table-cell"
    close = "></".join(reversed(table.split("><")))
    assert text(f"<{table}>" * 100 + p("deep") + f"</{close}>" * 100) == "deep"
    assert text(p("<text:span>" * 1500 + "deep" + "</text:span>" * 1500)) == "deep"


_WORD = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6)
_TREE = st.recursive(
    _WORD.map(lambda word: ("p", [word])),
    lambda inner: st.tuples(
        st.sampled_from(["list", "section", "table", "box", "heading"]), st.lists(inner, max_size=4)
    ),
    max_leaves=20,
)


def _written(tree: tuple[str, list], words: list[str]) -> str:
    kind, inner = tree
    if kind == "p":
        words += inner
        return p(inner[0])
    parts = [_written(one, words) for one in inner]
    if kind == "list":
        return f"<text:list>{''.join(f'<text:list-item>{part}</text:list-item>' for part in parts)}</text:list>"
    if kind == "section":
        return f"<text:section>{''.join(parts)}</text:section>"
    if kind == "table":
        cells = "".join(f"<table:table-cell>{part}</table:table-cell>" for part in parts)
        return f"<table:table><table:table-row>{cells}</table:table-row></table:table>"
    return f"<draw:frame><draw:text-box>{''.join(parts)}</draw:text-box></draw:frame>"


@given(_TREE)
def test_every_word_is_read_once_and_in_order(tree: tuple[str, list]) -> None:
    """Any element may be inside any other."""
    words: list[str] = []
    body = flat(_written(tree, words))
    shown = read_flat(parse_xml(body, "x")).text
    found = [word for word in re.split(r"[\s|]+|<br>|---|\\", shown) if word not in ("", "-")]
    assert found == words


_TAGS = [
    "text:p", "text:h", "text:span", "text:a", "text:list", "text:list-item", "text:list-header", "text:note",
    "text:s", "text:note-body", "text:numbered-paragraph", "text:section", "office:annotation", "dc:creator",
    "table:table", "table:table-row", "table:table-cell", "table:covered-table-cell", "draw:frame", "draw:text-box",
    "draw:g", "draw:page", "draw:object", "draw:control", "draw:image", "math:mfrac", "math:msup", "text:ruby-text",
    "presentation:notes", "text:tracked-changes", "field:fieldmark", "text:hidden-text",
]  # fmt: skip
_ANY = st.recursive(
    st.just("word"),
    lambda inner: st.builds(
        lambda tag, parts: f"<{tag}>{''.join(parts)}</{tag}>", st.sampled_from(_TAGS), st.lists(inner, max_size=4)
    ),
    max_leaves=25,
)


@given(_ANY, st.sampled_from(["text", "presentation", "chart"]))
def test_no_order_of_elements_breaks_the_reader(inner: str, kind: str) -> None:
    """It answers with a text, or says that there is none."""
    with suppress(JobError):
        assert isinstance(read_flat(parse_xml(flat(inner, kind), "x")).text, str)
