"""Numbers of lists and headings are read as Word shows them, checked against what LibreOffice shows for these files."""

# ruff: noqa: RUF001 - letters of other alphabets are wanted

import pytest

from backburner.extraction.listnumbers import padded_like, shown_number

from .wordfiles import extracted, item, level, numbering, p, row, shown, styles, tbl

CLAUSES = (
    level(0, "decimal", "%1.")
    + level(1, "decimal", "%1.%2")
    + level(2, "lowerLetter", "(%3)")
    + level(3, "lowerRoman", "%1.%2.%3.%4")
)
FORMATS = {
    "decimal": (7, "7"), "decimalZero": (7, "07"), "lowerRoman": (1994, "mcmxciv"), "upperRoman": (49, "XLIX"),
    "lowerLetter": (28, "bb"), "upperLetter": (26, "Z"), "ordinal": (112, "112th"), "cardinalText": (21, "Twenty-one"),
    "ordinalText": (130, "One hundred thirtieth"), "none": (3, ""), "hex": (255, "FF"), "chicago": (6, "††"),
    "numberInDash": (4, "- 4 -"), "russianLower": (27, "э"), "russianUpper": (10, "К"), "hebrew1": (16, "טז"),
    "hebrew2": (11, "כ"), "arabicAlpha": (4, "ث"), "arabicAbjad": (4, "د"), "thaiNumbers": (12, "๑๒"),
    "hindiNumbers": (12, "१२"), "decimalFullWidth": (12, "１２"), "decimalEnclosedCircle": (21, "㉑"),
    "decimalEnclosedFullstop": (3, "⒊"), "decimalEnclosedParen": (3, "⑶"), "ideographEnclosedCircle": (2, "㊁"),
    "ideographTraditional": (12, "乙"), "ideographZodiac": (3, "寅"), "ideographZodiacTraditional": (13, "丙子"),
    "ideographDigital": (20, "二〇"), "chineseCounting": (12, "十二"), "chineseCountingThousand": (1003, "一千零三"),
    "taiwaneseCountingThousand": (21, "二十一"), "japaneseCounting": (110, "百十"), "japaneseLegal": (12, "壱拾弐"),
    "chineseLegalSimplified": (25, "贰拾伍"), "ideographLegalTraditional": (3, "參"), "koreanDigital": (10, "일영"),
    "koreanCounting": (23, "이십삼"), "koreanLegal": (12, "열둘"), "ganada": (3, "다"), "chosung": (2, "ㄴ"),
    "aiueo": (2, "ｲ"), "aiueoFullWidth": (3, "ウ"), "iroha": (1, "ｲ"), "irohaFullWidth": (2, "ロ"),
    "bahtText": (5, "5"), "somethingNew": (5, "5"),
}  # fmt: skip


def _list(levels: str, *places: int) -> str:
    """The labels of a list whose items are on these levels; each item is "x"."""
    return shown("".join(item("x", 1, place) for place in places), {"numbering.xml": numbering(levels)})


def _labels(text: str) -> list[str]:
    return [line.strip().removesuffix("x").strip() for line in text.split("\n")]


@pytest.mark.parametrize("form", FORMATS)
def test_each_number_format_is_read(form: str) -> None:
    """All formats in the standard are read; an unknown one gives digits."""
    number, wanted = FORMATS[form]
    assert shown_number(number, form) == wanted


def test_numbers_that_a_format_cannot_write_are_digits() -> None:
    """None fails, however large, zero or negative."""
    for form in FORMATS:
        for number in (0, -5, 10**9):
            assert isinstance(shown_number(number, form), str)
    assert [shown_number(0, form) for form in ("lowerLetter", "upperRoman", "decimalEnclosedCircle")] == ["0"] * 3
    assert padded_like(7, "001, 002, 003, ...") == "007"
    languages = {"de-DE": "3.", "fr-FR": "3e", "es-ES": "3º", "ru-RU": "3-й", "en-GB": "3rd", "xx": "3rd"}
    assert {language: shown_number(3, "ordinal", language) for language in languages} == languages


def test_lower_numbers_include_upper_levels_and_restart_below_them() -> None:
    """This holds even if a level was skipped: Word counts it as begun."""
    assert _labels(_list(CLAUSES, 0, 1, 2, 2, 0, 1)) == ["1.", "1.1", "(a)", "(b)", "2.", "2.1"]
    assert _labels(_list(CLAUSES, 1, 1, 0, 1, 3, 2, 0, 2)) == [
        "1.1", "1.2", "2.", "2.1", "2.1.a.i", "(b)", "3.", "(a)",
    ]  # fmt: skip


def test_a_level_may_restart_only_after_certain_levels() -> None:
    """`lvlRestart` makes it restart after level 1 only, or never."""
    levels = (
        level(0, "decimal", "%1.") + level(1, "decimal", "%1.%2")
        + level(2, "decimal", "c%3", '<w:lvlRestart w:val="1"/>')
        + level(3, "decimal", "d%4", '<w:lvlRestart w:val="0"/>')
    )  # fmt: skip
    assert _labels(_list(levels, 0, 1, 2, 3, 1, 2, 3, 0, 1, 2, 3)) == [
        "1.", "1.1", "c1", "d1", "1.2", "c2", "d2", "2.", "2.1", "c1", "d3",
    ]  # fmt: skip


def test_levels_that_word_does_not_have_cost_nothing() -> None:
    """It has nine; a level beyond them has no number."""
    absurd = CLAUSES + level(999_999_999, "decimal", "%1")
    body = item("x", 1, 999_999_999) + item("y", 1, -1) + item("z", 1, 0)
    assert shown(body, {"numbering.xml": numbering(absurd)}) == "x\n\ny\n\n1. z"


def test_legal_numbers_are_digits_throughout() -> None:
    """With `isLgl`, Article II has 2.1 below it. A bullet level contributes no number to the levels below."""
    legal = level(0, "upperRoman", "Article %1") + level(1, "decimal", "Section %1.%2", "<w:isLgl/>")
    assert _labels(_list(legal, 0, 0, 1)) == ["Article I", "Article II", "Section 2.1"]
    bullets = level(0, "bullet", "•") + level(1, "decimal", "%1%2)")
    assert _labels(_list(bullets, 0, 1, 1)) == ["-", "1)", "2)"]


def test_lists_of_one_definition_count_together() -> None:
    """One may override the start, once; another look of a level does not change the count."""
    other = '<w:lvlOverride w:ilvl="0">' + level(0, "upperLetter", "%1)") + "</w:lvlOverride>"
    begins = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="8"/></w:lvlOverride>'
    lists = numbering(CLAUSES, overrides={2: (1, ""), 3: (1, begins), 4: (1, other)})
    body = "".join(item("x", num) for num in (1, 2, 3, 1, 3, 4, 1))
    assert _labels(shown(body, {"numbering.xml": lists})) == ["1.", "2.", "8.", "9.", "10.", "K)", "12."]


def test_a_list_continues_after_other_text() -> None:
    """It continues after tables too, whose cells may count."""
    body = item("x", 1) + p("between") + tbl(row(item("x", 1), item("", 1))) + item("x", 1)
    text = shown(body, {"numbering.xml": numbering(CLAUSES)})
    assert text == "1. x\n\nbetween\n\n| 2. x | 3. |\n| --- | --- |\n\n4. x"


def test_numbers_may_come_from_styles() -> None:
    """They come from the style's list and level, a level that names the style, or its base style."""
    look = numbering(
        level(0, "decimal", "%1", '<w:pStyle w:val="H1"/>') + level(1, "decimal", "%1.%2", '<w:pStyle w:val="H2"/>')
        + level(2, "decimal", "%1.%2.%3")
    )  # fmt: skip
    based = styles(
        '<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/><w:pPr><w:numPr><w:numId w:val="1"/>'
        '</w:numPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="heading 2"/><w:basedOn w:val="H1"/>'
        '<w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="Own"><w:name w:val="My heading"/><w:basedOn w:val="H2"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="H3"><w:name w:val="heading 3"/><w:basedOn w:val="H1"/><w:pPr><w:numPr>'
        '<w:ilvl w:val="2"/></w:numPr><w:outlineLvl w:val="2"/></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="No"><w:name w:val="Unnumbered"/><w:basedOn w:val="H1"/><w:pPr><w:numPr>'
        '<w:numId w:val="0"/></w:numPr></w:pPr></w:style>'
    )
    body = "".join(p("x", f'<w:pStyle w:val="{name}"/>') for name in ("H1", "H2", "Own", "H3", "No", "H1"))
    body += p("x", '<w:pStyle w:val="H1"/><w:numPr><w:numId w:val="0"/></w:numPr>')
    text = shown(body, {"numbering.xml": look, "styles.xml": based})
    assert text.split("\n\n") == ["# 1 x", "## 1.1 x", "## 1.2 x", "### 1.2.1 x", "# x", "# 2 x", "# x"]


def test_a_list_may_refer_to_a_list_style() -> None:
    """`numStyleLink` leads to the style, and the style to the list; a cycle gives no numbers."""
    look = numbering(
        '<w:styleLink w:val="LS"/>' + CLAUSES, '<w:numStyleLink w:val="LS"/>', '<w:numStyleLink w:val="No"/>'
    )
    based = styles(
        '<w:style w:type="numbering" w:styleId="LS"><w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="numbering" w:styleId="No"><w:pPr><w:numPr><w:numId w:val="3"/></w:numPr></w:pPr></w:style>'
    )
    body = item("x", 1) + item("x", 2) + item("x", 2, 1) + item("y", 3) + item("y", 99)
    assert shown(body, {"numbering.xml": look, "styles.xml": based}) == "1. x\n2. x\n   2.1 x\n\ny\n\ny"


def test_the_separator_between_number_and_text() -> None:
    """It is a space; none before punctuation if Word leaves none; a level of text without a number shows its text."""
    nothing = '<w:suff w:val="nothing"/>'
    look = numbering(
        level(0, "decimal", "%1.", nothing), level(0, "none", "Note:"), level(0, "decimal", ""),
        level(0, "decimal", "第%1条"),
    )  # fmt: skip
    body = item("word", 1) + item(": mark", 1) + item("text", 2) + item("plain", 3) + item("总则", 4)
    assert _labels(shown(body, {"numbering.xml": look})) == ["1. word", "2.: mark", "Note: text", "plain", "第1条 总则"]


def test_a_custom_format_counts_like_its_examples() -> None:
    """001, 002: Word 2010 writes it beside the older format."""
    custom = (
        '<w:lvl w:ilvl="0"><w:start w:val="9"/><mc:AlternateContent><mc:Choice Requires="w14">'
        '<w:numFmt w:val="custom" w:format="001, 002, 003, ..."/></mc:Choice><mc:Fallback><w:numFmt w:val="decimal"/>'
        '</mc:Fallback></mc:AlternateContent><w:lvlText w:val="%1"/></w:lvl>'
    )
    assert _labels(_list(custom, 0, 0)) == ["009", "010"]


def test_bullets_are_dashes_and_boxes_stay_boxes() -> None:
    """Any character of any font becomes a dash; boxes show whether they are ticked; an empty bullet has no mark."""

    def bullet(sign: str, font: str) -> str:
        look = f'<w:rPr><w:rFonts w:ascii="{font}"/></w:rPr>'
        return f'<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="{sign}"/>{look}</w:lvl>'

    look = numbering(
        bullet("\uf0b7", "Symbol"), bullet("o", "Courier New"), bullet("\uf0fe", "Wingdings"), bullet(" ", "")
    )
    body = "".join(item("x", num) for num in (1, 2, 3, 4)) + item("", 1)
    assert _labels(shown(body, {"numbering.xml": look})) == ["-", "-", "- ☑", ""]


def test_list_styles_are_nested_by_their_names() -> None:
    """Word's "List Bullet 2" is a list of one level, which it shows below "List Bullet"."""
    named = "".join(
        f'<w:style w:type="paragraph" w:styleId="L{n}"><w:name w:val="List {kind}"/><w:pPr><w:numPr>'
        f'<w:numId w:val="{n}"/></w:numPr></w:pPr></w:style>'
        for n, kind in ((1, "Number"), (2, "Bullet 2"), (3, "Bullet 3"))
    )
    look = numbering(level(0, "decimal", "%1."), level(0, "bullet", "•"), level(0, "bullet", "•"))
    body = "".join(p(f"L{n}", f'<w:pStyle w:val="L{n}"/>') for n in (1, 2, 3, 2, 1))
    text = shown(body, {"numbering.xml": look, "styles.xml": styles(named)})
    assert text == "1. L1\n   - L2\n     - L3\n   - L2\n2. L1"


def test_lists_never_turn_into_code() -> None:
    """The first item is at the margin whatever its level; deeper ones are indented below their parent."""
    look = {"numbering.xml": numbering("".join(level(place, "bullet", "•") for place in range(9)))}
    body = item("a", 1, 8) + item("b", 1, 0) + item("c", 1, 5) + item("d", 1, 8) + p("text") + item("e", 1, 3)
    assert shown(body, look) == "- a\n- b\n  - c\n    - d\n\ntext\n\n- e"


def test_deleted_and_hidden_paragraphs_do_not_count() -> None:
    """A deleted paragraph end joins it with the next one, which keeps its number."""
    place = '<w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
    gone = p(
        '<w:del w:id="1"><w:r><w:delText>gone</w:delText></w:r></w:del>', f"{place}<w:rPr><w:del w:id='2'/></w:rPr>"
    )
    joined = p("joined ", f"{place}<w:rPr><w:del w:id='2'/></w:rPr>")
    hidden = p("", f"{place}<w:rPr><w:vanish/></w:rPr>")
    body = item("one", 1) + gone + hidden + joined + item("two", 1) + item("three", 1)
    assert shown(body, {"numbering.xml": numbering(CLAUSES)}) == "1. one\n2. joined two\n3. three"


def test_a_damaged_numbering_part_is_noted() -> None:
    """The text is read all the same."""
    found = extracted(item("text", 1), {"numbering.xml": "<w:numbering"})
    assert found.text == "text\n"
    assert found.notes == ("numbering: damaged, not read",)
