"""Each paragraph's content in a Word file is read once, in its place: fields, notes, revisions, formulas."""

# ruff: noqa: RUF001 - letters of other alphabets are wanted

import pytest

from .wordfiles import SPACES, extracted, field, item, level, mark, numbering, p, r, row, shown, styles, tbl

INS = '<w:ins w:id="1" w:author="A">%s</w:ins>'
DEL = '<w:del w:id="1" w:author="A"><w:r><w:delText>gone</w:delText></w:r></w:del>'


def m(inside: str) -> str:
    """A formula."""
    return f"<m:oMath>{inside}</m:oMath>"


def t(text: str) -> str:
    """A run of a formula."""
    return f"<m:r><m:t>{text}</m:t></m:r>"


FORMULAS = {
    f"<m:f><m:num>{t('a+b')}</m:num><m:den>{t('2')}</m:den></m:f>": "(a+b)/2",
    f"<m:f><m:fPr><m:type m:val='noBar'/></m:fPr><m:num>{t('n')}</m:num><m:den>{t('k')}</m:den></m:f>": "(n over k)",
    f"<m:sSup><m:e>{t('x')}</m:e><m:sup>{t('n+1')}</m:sup></m:sSup>": "x^(n+1)",
    f"<m:sSub><m:e>{t('x')}</m:e><m:sub>{t('1')}</m:sub></m:sSub>": "x_1",
    f"<m:sSubSup><m:e>{t('a')}</m:e><m:sub>{t('i')}</m:sub><m:sup>{t('2')}</m:sup></m:sSubSup>": "a_i^2",
    f"<m:sPre><m:sub>{t('1')}</m:sub><m:sup>{t('2')}</m:sup><m:e>{t('H')}</m:e></m:sPre>": "_1^2H",
    f"<m:rad><m:deg/><m:e>{t('y')}</m:e></m:rad>": "√(y)",
    f"<m:rad><m:deg>{t('3')}</m:deg><m:e>{t('8')}</m:e></m:rad>": "∛(8)",
    f"<m:nary><m:naryPr><m:chr m:val='∑'/></m:naryPr><m:sub>{t('i=1')}</m:sub><m:sup>{t('n')}</m:sup>"
    f"<m:e>{t('i')}</m:e></m:nary>": "∑_(i=1)^n i",
    f"<m:nary><m:sub/><m:sup/><m:e>{t('f')}</m:e></m:nary>": "∫ f",
    f"<m:d><m:dPr><m:begChr m:val='['/><m:endChr m:val=')'/></m:dPr><m:e>{t('0')}</m:e><m:e>{t('1')}</m:e>"
    "</m:d>": "[0|1)",
    f"<m:m><m:mr><m:e>{t('a')}</m:e><m:e>{t('b')}</m:e></m:mr><m:mr><m:e>{t('c')}</m:e><m:e>{t('d')}</m:e></m:mr>"
    "</m:m>": "[a, b; c, d]",
    f"<m:func><m:fName>{t('sin')}</m:fName><m:e>{t('2x')}</m:e></m:func>": "sin (2x)",
    f"<m:func><m:fName><m:limLow><m:e>{t('lim')}</m:e><m:lim>{t('x→0')}</m:lim></m:limLow></m:fName><m:e>{t('x')}</m:e>"
    "</m:func>": "lim_(x→0) x",
    f"<m:acc><m:e>{t('a')}</m:e></m:acc>": "â",
    f"<m:acc><m:accPr><m:chr m:val='~'/></m:accPr><m:e>{t('n')}</m:e></m:acc>": "ñ",
    f"<m:bar><m:barPr><m:pos m:val='top'/></m:barPr><m:e>{t('a+b')}</m:e></m:bar>": "(a+b)\u0305",
    f"<m:eqArr><m:e>{t('x&=1')}</m:e><m:e>{t('y&=2')}</m:e></m:eqArr>".replace("&", "&amp;"): "x=1; y=2",
    f"<m:box><m:e>{t('kept')}</m:e></m:box>": "kept",
    f"<m:f><m:num>{t('1')}{DEL}</m:num><m:den>{t('x')}</m:den></m:f>": "1/x",
}


@pytest.mark.parametrize("formula", FORMULAS, ids=FORMULAS.values())
def test_formulas_are_in_their_sentence(formula: str) -> None:
    """They are on one line, as people write them in plain text."""
    assert shown(p(r("where ") + m(formula) + r(" holds."))) == f"where {FORMULAS[formula]} holds."


def test_a_formula_may_be_nested_to_any_depth() -> None:
    """Beyond a bound it loses its structure, never its letters; a formula may also be beside paragraphs."""
    inside = t("x")
    for _ in range(200):
        inside = f"<m:f><m:num>{inside}</m:num><m:den>{t('2')}</m:den></m:f>"
    text = shown(p(m(inside)) + f"<m:oMathPara>{m(t('a'))}{m(t('b'))}</m:oMathPara>")
    assert text.count("2") == 200
    assert text.endswith("\n\na\nb")


def test_fields_show_their_results() -> None:
    """Instructions and fields inside them are left out, whatever pieces Word has cut the field into."""
    nested = mark("begin") + r("no") + field("MERGEFIELD x", "no") + mark("separate") + r("yes") + mark("end")
    across = p(mark("begin") + mark("separate") + r("first")) + p("second") + p(r("third") + mark("end") + r(" on"))
    text = shown(
        p(r("a ") + nested + r(" b")) + across + p('<w:fldSimple w:instr="PAGE"><w:r><w:t>7</w:t></w:r></w:fldSimple>')
    )
    assert text == "a yes b\n\nfirst\n\nsecond\n\nthird on\n\n7"


def test_forms_show_what_was_chosen() -> None:
    """Old-style boxes and lists store it beside the text; a default holds until something is chosen."""

    def form(inside: str, result: str | None = None) -> str:
        return field("FORM", result, f"<w:ffData>{inside}</w:ffData>")

    entries = '<w:listEntry w:val="Red"/><w:listEntry w:val="Blue"/>'
    wanted = {
        form('<w:checkBox><w:checked w:val="0"/></w:checkBox>'): "☐",
        form("<w:checkBox><w:checked/></w:checkBox>"): "☒",
        form('<w:checkBox><w:default w:val="1"/></w:checkBox>', ""): "☒",
        form("<w:checkBox/>"): "☐",
        form(f"<w:ddList>{entries}</w:ddList>"): "Red",
        form(f'<w:ddList><w:default w:val="1"/>{entries}</w:ddList>'): "Blue",
        form(f'<w:ddList><w:result w:val="1"/>{entries}</w:ddList>', "Blue"): "Blue",
        form(f'<w:ddList><w:result w:val="7"/>{entries}</w:ddList>'): "",
        form('<w:textInput><w:default w:val="d"/></w:textInput>', "filled"): "filled",
        form('<w:textInput><w:default w:val="d"/></w:textInput>'): "d",
        form('<w:textInput><w:default w:val="d"/></w:textInput>', "\u2002\u2002"): "",
    }
    text = shown("".join(p(f"{r('=')}{one}{r('.')}") for one in wanted))
    assert [line.strip("=.").strip() for line in text.split("\n\n")] == list(wanted.values())


def test_content_controls_show_their_state() -> None:
    """A box's tick is shown even if its character is no text; choices, dates and repeated rows are read."""

    def control(about: str, inside: str) -> str:
        return f"<w:sdt><w:sdtPr>{about}<w:id w:val='1'/></w:sdtPr><w:sdtContent>{inside}</w:sdtContent></w:sdt>"

    ticked, open_one = ('<w14:checkbox><w14:checked w14:val="1"/></w14:checkbox>', "<w14:checkbox/>")
    line = (
        control(ticked, "") + control(open_one, "<w:r/>") + control(ticked, r("☒")) + control("<w:date/>", r(" 1 May"))
    )
    sign = control(ticked, '<w:r><w:sym w:font="Wingdings" w:char="F0FE"/></w:r>')
    repeated = tbl(row("a"), control("<w15:repeatingSection/>", control("", row("b")) + control("", row("c"))))
    assert shown(p(line + sign) + control("", p("block")) + repeated) == (
        "☒☐☒ 1 May☑\n\nblock\n\n| a |\n| --- |\n| b |\n| c |"
    )


def test_fields_without_a_result() -> None:
    """Text in the instruction is shown, a value that is nowhere is noted, layout is ignored."""
    wanted = {
        r'SYMBOL 252 \f "Wingdings"': "✔", r"EQ \f(1;2)": "(1)/(2)", r"EQ \o\ad(\s\up 9(kana),kanji)": "kana",
        "MACROBUTTON NoMacro [Click here]": "[Click here]", 'QUOTE "said"': "said", "PAGE": "",
        r"TOC \o": "", "XE x": "",
        "MERGEFIELD Name": "[field MERGEFIELD Name: no result]",
        r"LISTNUM \l 2": "[number of field LISTNUM: unknown]", "SYMBOL x": "[symbol x: unknown]",
    }  # fmt: skip
    for instruction, text in wanted.items():
        found = extracted(p(r("A") + field(instruction) + r("Z"))).text
        assert text in found
        assert found.startswith("A")
        assert found.rstrip().endswith("Z")
    assert extracted(p(field("MERGEFIELD Name") + r("x"))).notes == ("field MERGEFIELD Name: no result",)


def test_a_field_without_an_end_hides_nothing() -> None:
    """Its text comes at the end, with a note; end marks without a beginning do no harm."""
    found = extracted(p(r("before ") + mark("begin") + r("held")) + p("back"))
    assert found.text == "before\n\n[a field without an end: its contents follow]\n\nheld\nback\n"
    assert found.notes == ("a field without an end: its contents follow",)
    assert "inner" in shown(p(mark("begin") + field("REF x", "inner")) + p("after"))
    assert shown(p(mark("end") + r("a") + mark("separate") + r("b"))) == "ab"


def test_external_links_are_kept() -> None:
    """An address that is its own text is not repeated; links within the document and odd ones are plain text."""
    related = {
        "out": ("hyperlink", "https://example.org/a(b)"), "mail": ("hyperlink", "mailto:a@example.org"),
        "same": ("hyperlink", "https://example.org/"), "odd": ("hyperlink", "javascript:alert(1)"),
    }  # fmt: skip

    def link(name: str, text: str) -> str:
        return f'<w:hyperlink r:id="{name}">{r(text)}</w:hyperlink>{r(" ")}'

    body = (
        link("out", "page") + link("mail", "a@example.org") + link("same", "https://example.org/") + link("odd", "odd")
    )
    body += f'<w:hyperlink w:anchor="x">{r("inside")}</w:hyperlink>' + field(
        'HYPERLINK "http://example.org/f"', " field"
    )
    body += field(r'HYPERLINK \l "x"', " local")
    assert shown(p(body), related=related) == (
        "[page](https://example.org/a%28b%29) a@example.org https://example.org/ odd inside "
        "[field](http://example.org/f) local"
    )


def test_revisions_are_read_as_accepted() -> None:
    """Insertions stay; deletions and moved-away text go, with rows, cells and paragraph ends; old formats go too."""
    moved = '<w:moveFrom w:id="1"><w:r><w:t>moved</w:t></w:r></w:moveFrom>'
    old = '<w:pPrChange w:id="1"><w:pPr><w:pStyle w:val="Heading1"/><w:outlineLvl w:val="0"/></w:pPr></w:pPrChange>'
    gone_row = row("gone", properties='<w:trPr><w:del w:id="1"/></w:trPr>')
    kept_row = row(
        "kept", properties='<w:trPr><w:ins w:id="1"/><w:trPrChange><w:trPr><w:del/></w:trPr></w:trPrChange></w:trPr>'
    )
    gone_cell = '<w:tc><w:tcPr><w:cellDel w:id="1"/></w:tcPr><w:p><w:r><w:t>gone</w:t></w:r></w:p></w:tc>'
    body = (
        p(r("a ") + DEL + INS % r("b ") + moved + INS % DEL + r("c"), old)
        + p(moved, "<w:rPr><w:moveFrom w:id='1'/></w:rPr>")
        + p(f'<w:moveTo w:id="1">{r("moved")}</w:moveTo>')
        + p(r("joined "), "<w:rPr><w:del w:id='1'/></w:rPr>") + p("up")
        + tbl(gone_row, kept_row, row("x", gone_cell))
        + p(mark("begin") + "<w:del><w:r><w:delInstrText>X</w:delInstrText></w:r></w:del>" + mark("separate"))
        + p(mark("end"))
        + p(r("last"), "<w:rPr><w:del w:id='1'/></w:rPr>")
    )  # fmt: skip
    assert shown(body) == "a b c\n\nmoved\n\njoined up\n\n| kept |\n| --- |\n| x |\n\nlast"


def test_footnotes_and_endnotes_are_distinguished() -> None:
    """Marks are where they are referred to, and each text appears once in reading order; notes may be nested."""

    def notes(kind: str, *texts: tuple[int, str]) -> str:
        inside = "".join(f'<w:{kind} w:id="{n}">{text}</w:{kind}>' for n, text in texts)
        line = f'<w:{kind} w:type="separator" w:id="-1">{p("no")}</w:{kind}>'
        return f"<w:{kind}s {SPACES}>{line}{inside}</w:{kind}s>"

    def refer(kind: str, n: int) -> str:
        return f'<w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:{kind}Reference w:id="{n}"/></w:r>'

    parts = {
        "footnotes.xml": notes("footnote", (1, p("unused")), (2, p("second")), (7, p("first") + p("more"))),
        "endnotes.xml": notes("endnote", (2, p(r("end") + refer("footnote", 9)))),
    }
    body = p(r("a") + refer("footnote", 7) + r(" b") + refer("endnote", 2)) + tbl(
        row(r("c") + refer("footnote", 2), "d")
    )
    body = body.replace("<w:tc><w:r>", "<w:tc><w:p><w:r>").replace("</w:r></w:tc>", "</w:r></w:p></w:tc>")
    found = extracted(body, parts)
    assert found.text == (
        "a[^1] b[^e1]\n\n| c[^2] | d |\n| --- | --- |\n\n[^1]: first\n    more\n\n[^2]: second\n\n[^e1]: end[^3]\n\n"
        "[^3]: [footnote 3: missing from the file]\n"
    )
    assert found.notes == ("footnote 3: missing from the file",)


def test_comments_are_in_their_place() -> None:
    """They name their author; replies and resolved ones are marked; those of deleted text are left out."""

    def comment(n: int, text: str, place: str) -> str:
        inside = f'<w:p w14:paraId="{place}">{r(text)}</w:p>'
        return f'<w:comment w:id="{n}" w:author="Anna">{p("First") if n == 0 else ""}{inside}</w:comment>'

    def refer(n: int) -> str:
        return f'<w:r><w:commentReference w:id="{n}"/></w:r>'

    comments = "".join(comment(n, text, place) for n, text, place in ((0, "why?", "A"), (1, "so", "B"), (2, "x", "C")))
    threads = '<w15:commentEx w15:paraId="A" w15:done="1"/><w15:commentEx w15:paraId="B" w15:paraIdParent="A"/>'
    parts = {
        "comments.xml": f"<w:comments {SPACES}>{comments}</w:comments>",
        "commentsExtended.xml": f"<w15:commentsEx {SPACES}>{threads}</w15:commentsEx>",
    }
    body = p(r("text") + refer(0) + refer(1) + r(" on") + f"<w:del>{refer(2)}</w:del>" + refer(9) + refer(1) + r("end"))
    assert shown(body, parts) == (
        "text [resolved comment by Anna: First / why?] [reply by Anna: so] on [reply by Anna: so] end"
    )


def test_headers_and_footers_appear_once_each() -> None:
    """Those of first and even pages appear only if in use; a watermark is text too."""

    def part(kind: str, inside: str) -> str:
        return f"<w:{kind} {SPACES}>{inside}</w:{kind}>"

    def section(*places: tuple[str, str], more: str = "") -> str:
        return "<w:sectPr>" + "".join(
            f'<w:{kind.rstrip("0123456789")}Reference w:type="{place}" r:id="{kind}"/>' for place, kind in places
        ) + f"{more}</w:sectPr>"  # fmt: skip

    water = '<w:r><w:pict><v:shape><v:textpath string="DRAFT"/></v:shape></w:pict></w:r>'
    parts = {
        "header1.xml": part("hdr", tbl(row("Acme", "No. 7")) + p(water)), "header2.xml": part("hdr", p("first page")),
        "header3.xml": part("hdr", p("even")), "header4.xml": part("hdr", tbl(row("Acme", "No. 7")) + p(water)),
        "footer1.xml": part("ftr", p(r("Page ") + field("PAGE", "1"))),
    }  # fmt: skip
    first = section(("default", "header1"), ("first", "header2"), ("even", "header3"), ("default", "footer1"))
    last = section(("default", "header4"), ("first", "header2"), more="<w:titlePg/>")
    body = p("one") + p("", first) + p("two") + last
    assert shown(body, parts) == "Header: Acme | No. 7\nDRAFT\n\nHeader: first page\n\none\n\ntwo\n\nFooter: Page 1"
    even = {"settings.xml": f"<w:settings {SPACES}><w:evenAndOddHeaders/></w:settings>"}
    assert "Header: even" in shown(body, parts | even)


def test_formatting_that_changes_the_meaning_is_kept() -> None:
    """Bold, italic, struck, raised and lowered text is marked without splitting words; headings have no marks."""
    body = (
        p(
            r("Term", "<w:b/>") + r(" means ") + r("x ", "<w:i/>") + r("y", "<w:b/><w:i/>") + r(", 10")
            + r("6", '<w:vertAlign w:val="superscript"/>')
        )
        + p(r("H") + r("2", '<w:vertAlign w:val="subscript"/>') + r("O costs ") + r("5", "<w:strike/>") + r(" 6"))
        + p(
            r("m") + r("3", '<w:position w:val="8"/><w:sz w:val="19"/>') + r(" and ")
            + r("as tall", '<w:position w:val="8"/>')
        )
        + p(
            r("un", "<w:b/>") + r("torn ") + r("a", "<w:b/>") + r("b", "<w:b/><w:lang w:val='x'/>")
            + r(" no", '<w:b w:val="0"/>')
        )
        + p(r("Bold", "<w:b/>"), '<w:outlineLvl w:val="1"/>')
        + p(r("strong", '<w:rStyle w:val="S"/>'))
    )  # fmt: skip
    look = styles('<w:style w:type="character" w:styleId="S"><w:rPr><w:b/></w:rPr></w:style>')
    assert shown(body, {"styles.xml": look}) == (
        "**Term** means *x* ***y***, 10^6^\n\nH~2~O costs ~~5~~ 6\n\nm^3^ and as tall\n\nuntorn **ab** no\n\n"
        "## Bold\n\n**strong**"
    )


def test_hidden_text_is_marked_as_hidden() -> None:
    """The run, its style or the paragraph's style may hide it; a run may show it again."""
    look = styles(
        '<w:style w:type="paragraph" w:styleId="Hid"><w:rPr><w:vanish/></w:rPr></w:style>'
        '<w:style w:type="character" w:styleId="H"><w:rPr><w:vanish/></w:rPr></w:style>'
    )
    body = (
        p(r("a ") + r("b", "<w:vanish/>") + r(" c ") + r("d", '<w:rStyle w:val="H"/>'))
        + p(r("e ") + r("f", '<w:vanish w:val="0"/>'), '<w:pStyle w:val="Hid"/>')
    )  # fmt: skip
    assert shown(body, {"styles.xml": look}) == "a [hidden text: b] c [hidden text: d]\n\n[hidden text: e] f"


def test_special_characters_and_breaks_are_read() -> None:
    """So are all three notations of symbol fonts, hyphens, tabs, and ruby above words."""
    wing = '<w:rFonts w:ascii="Wingdings" w:hAnsi="Wingdings"/>'
    ruby = f"<w:r><w:ruby><w:rubyPr/><w:rt>{r('かな')}</w:rt><w:rubyBase>{r('漢字')}</w:rubyBase></w:ruby></w:r>"
    body = (
        p('<w:r><w:sym w:font="Symbol" w:char="F061"/><w:sym w:font="Wingdings" w:char="00FC"/><w:t> 1</w:t></w:r>')
        + p(r("\uf0fe", wing) + r("o", wing) + r(" ok") + r("\uf0a8", '<w:rFonts w:ascii="A" w:hAnsi="Wingdings"/>'))
        + p("<w:r><w:t>co</w:t><w:noBreakHyphen/><w:t>op Do</w:t><w:softHyphen/><w:t>nau\u00addampf</w:t></w:r>")
        + p('<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t><w:br w:type="page"/><w:t>d</w:t><w:cr/></w:r>')
        + p(ruby + r("です"))
        + p("O", '<w:framePr w:dropCap="drop"/>') + p("nce")
    )  # fmt: skip
    assert shown(body).split("\n\n") == [
        "α✔ 1", "☑□ ok☐", "co-op Donaudampf", "a\tb\nc\nd", "漢字(かな)です", "Once",
    ]  # fmt: skip
    found = extracted(p('<w:r><w:sym w:font="Webdings" w:char="F0FF"/><w:t>x</w:t></w:r>'))
    assert found.text == "[symbol F0FF in font Webdings: unknown]x\n"
    assert found.notes == ("symbol F0FF in font Webdings: unknown",)


def test_headings_are_recognised_by_outline_style_and_name() -> None:
    """This works in any language: a style's id may be localised, its name and outline level are not."""
    look = styles(
        '<w:style w:type="paragraph" w:default="1" w:styleId="a"><w:name w:val="Normal"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Titel"><w:name w:val="Title"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="Toc"><w:basedOn w:val="berschrift2"/><w:pPr><w:outlineLvl w:val="9"/>'
        "</w:pPr></w:style>"
    )
    named = "".join(p(r("two\u00a0words "), f'<w:pStyle w:val="{one}"/>') for one in ("Titel", "berschrift2", "Toc"))
    direct = p("deep", '<w:outlineLvl w:val="7"/>') + p("body", '<w:pStyle w:val="Titel"/><w:outlineLvl w:val="9"/>')
    assert shown(named + direct, {"styles.xml": look}).split("\n\n") == [
        "# two words", "## two words", "two\u00a0words", "###### deep", "body",
    ]  # fmt: skip
    assert shown(p("x", '<w:pStyle w:val="Heading3"/>')) == "### x"


def test_lines_of_an_item_stay_below_it() -> None:
    """A line break within an item does not end the list."""
    look = {"numbering.xml": numbering(level(0, "decimal", "%1.") + level(1, "bullet", "•"))}
    body = item("a", 1) + p(
        "<w:r><w:t>b</w:t><w:br/><w:t>c</w:t></w:r>", '<w:numPr><w:ilvl w:val="1"/><w:numId w:val="1"/></w:numPr>'
    )
    assert shown(body, look) == "1. a\n   - b\n   c"
