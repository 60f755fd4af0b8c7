"""RTF is read as a page shows it: every character set, numbers, tables, notes, and nothing twice."""

# ruff: noqa: RUF001 - the letters are Greek and Cyrillic on purpose

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.reading import read
from backburner.extraction.rtf import encapsulated_html, read_rtf, rtf_text

CASES = Path(__file__).parent / "cases"


def text(body: str | bytes, head: str = "\\ansi\\ansicpg1252") -> str:
    """The text of a body, in a document with the usual header."""
    content = body.encode() if isinstance(body, str) else body
    return read_rtf(b"{\\rtf1" + head.encode() + b" " + content + b"}").text.rstrip("\n")


def test_numbers_of_lists_are_shown() -> None:
    r"""The sample has \listtext and \pntext."""
    assert read((CASES / "lists.rtf").read_bytes(), "lists.rtf") == Extracted(
        "1. First item\n2. Second item\n(a) Third\n- Fourth\n"
    )


def test_special_characters_are_kept() -> None:
    """The sample has no-break spaces, hyphens, a character outside the basic plane, and omitted replacements."""
    shown = read((CASES / "unicode.rtf").read_bytes(), "unicode.rtf")
    wanted = "\u0414\u043e\u0433ovor €100 日x 😀 emoji —\u2013\u2018q\u2019“d”•\u00a0nbsp\u2011hysoft\tTAB\nLINE\n"
    assert shown == Extracted(wanted)


@pytest.mark.parametrize(
    ("charset", "encoded", "wanted"),
    [
        (204, "\\'c2\\'ee\\'e4\\'e0", "Вода"),
        (238, "\\'b3\\'f3d\\'9f", "łódź"),
        (161, "\\'ed\\'e5\\'f1\\'fc", "νερό"),
        (162, "\\'fe\\'f0\\'fd", "şğı"),
        (177, "\\'ee\\'e9\\'ed", "מים"),
        (178, "\\'e3\\'c7\\'c1", "ماء"),
        (128, "\\'93\\'fa\\'83A\\'83\\'5c", "日アソ"),
        (134, "\\'d6\\'d0\\'b9\\'fa", "中国"),
        (136, "\\'a4\\'a4\\'b0\\'ea", "中國"),
        (129, "\\'c7\\'d1", "한"),
        (222, "\\'a1\\'d2", "กา"),
        (77, "\\'8e\\'a5", "é•"),
        (2, "\\'61\\'b7", "α•"),
    ],
)
def test_each_font_has_its_character_set(charset: int, encoded: str, wanted: str) -> None:
    """A byte of a two-byte set may look like a letter or a backslash."""
    fonts = f"{{\\fonttbl{{\\f0\\fcharset0 Arial;}}{{\\f7\\fcharset{charset} Face;}}}}"
    assert text(f"{fonts}\\f0 caf\\'e9 {{\\f7 {encoded}}} caf\\'e9") == f"café {wanted} café"


@pytest.mark.parametrize(
    ("head", "encoded", "wanted"),
    [
        ("\\ansi\\ansicpg1251\\deff0{\\fonttbl{\\f0\\fcharset0 Arial;}}\\f0", b"\\'c2\\'ee\\'e4\\'e0", "Вода"),
        ("\\ansi\\ansicpg1251", "Вода".encode("cp1251"), "Вода"),
        ("\\ansi\\ansicpg932", "表示\\'81\\'40".encode("cp932").replace(b"\x5c\x8e", b"\\\\\x8e"), "表示"),
        ("\\ansi\\ansicpg65001", "Вода".encode(), "Вода"),
        ("\\mac", b"\\'8e\\'a5", "é•"),
        ("\\pc", b"\\'82", "é"),
        ("\\pca", b"\\'b5", "Á"),
        ("\\ansi\\ansicpg1252{\\fonttbl{\\f0\\cpg1250 X;}}\\f0", b"\\'b3", "ł"),
    ],
)
def test_a_document_has_a_code_page(head: str, encoded: bytes, wanted: str) -> None:
    """It applies to fonts that name none, in escaped and raw bytes."""
    assert text(encoded, head) == wanted


def test_replacements_for_old_readers_are_left_out() -> None:
    r"""\uc tells how many characters, words or symbols to skip; a group ends them; a lone surrogate is unreadable."""
    assert text(
        "\\uc2\\u26085\\'93\\'fa\\uc1\\u8211 -\\u8364\\'80x{\\u233 e}y\\uc0\\u945 z"
    ) == "日-€x\u00e9yαz".replace("日-", "日\u2013")
    assert text("\\u-10179 ?x") == "\ufffdx"
    assert text("\\upr{ansi}{\\*\\ud{\\u1044 ?}}") == "Д" == text("{\\upr{ansi}{\\*\\ud{\\u1044 ?}}}")


def test_tables_are_tables() -> None:
    """Merged cells are empty, pipes escaped, nested tables inside their cell; adjacent tables stay separate."""
    row = "\\trowd\\cellx1\\cellx2\\intbl A|B\\cell C\\par D\\cell\\row"
    assert text(f"{row}\\pard x\\par {row}") == (
        "| A\\|B | C<br>D |\n| --- | --- |\n\nx\n\n| A\\|B | C<br>D |\n| --- | --- |"
    )
    merged = "\\trowd\\clmgf\\cellx1\\clmrg\\cellx2\\intbl Both\\cell\\cell\\row\\trowd\\intbl 1\\cell 2\\cell\\row"
    assert text(merged) == "| Both |  |\n| --- | --- |\n| 1 | 2 |"
    nested = (
        "\\trowd\\intbl a\\par\\pard\\intbl\\itap2 n1\\nestcell n2\\nestcell{\\*\\nesttableprops\\trowd\\nestrow}"
        "{\\nonesttables\\par}\\pard\\intbl b\\cell c\\cell\\row\\pard end"
    )
    assert text(nested) == "| a<br>n1 \\| n2<br>b | c |\n| --- | --- |\n\nend"
    assert text("\\trowd\\cellx1 no\\cell intbl\\cell\\row\\pard end") == "| no | intbl |\n| --- | --- |\n\nend"
    assert text("\\trowd\\intbl unfinished\\cell row\\cell") == "| unfinished | row |\n| --- | --- |"


def test_notes_have_one_mark_each() -> None:
    """Footnotes and endnotes are numbered apart, comments name their author, headers and footers appear once."""
    shown = text(
        "{\\header Head\\par}{\\footer Foot}One{\\super\\chftn}{\\footnote{\\super\\chftn} first}"
        " two{\\super\\chftn{\\*\\footnote\\ftnalt\\chftn second}}"
        " three{\\*\\atnid AB}{\\*\\atnauthor Anna}\\chatn{\\*\\annotation{\\*\\atnref 1}{\\chatn}why?}.\\par"
        "\\sect{\\headerl Head}{\\headerr Other}"
    )
    assert shown == (
        "Header: Head\n\nHeader: Other\n\nOne[^1] two[^e1] three [comment by Anna: why?].\n\n[^1]: first\n\n"
        "[^e1]: second\n\nFooter: Foot"
    )


def test_fields_show_their_result() -> None:
    """Instructions are left out, links keep their address, and forms show what is ticked and chosen."""
    link = '{\\field{\\*\\fldinst{HYPERLINK "https://x.org/a"}}{\\fldrslt{\\ul site}}}'
    assert text(f"see {link}.") == "see [site](https://x.org/a)."
    box = "{\\field{\\*\\fldinst FORMCHECKBOX{\\*\\formfield{\\fftype1\\ffres%s\\ffdefres1}}}{\\fldrslt}}"
    assert text(f"{box % 1}{box % 0}{box % 25}") == "☒☐☒"
    choice = "{\\field{\\*\\fldinst FORMDROPDOWN{\\*\\formfield{\\fftype2\\ffres1{\\*\\ffl Red}{\\*\\ffl Blue}}}}}"
    assert text(choice) == "Blue"
    assert (
        text('{\\field{\\*\\fldinst SYMBOL 183 \\\\f "Symbol"}{\\fldrslt}}{\\field{\\*\\fldinst PAGE}{\\fldrslt 3}}')
        == "•3"
    )
    assert text("{\\field{\\*\\fldinst TOC}{\\fldrslt One\\tab 1\\par Two\\tab 2\\par}}") == "One\t1\n\nTwo\t2"


def test_deletions_are_left_out() -> None:
    """Deleted text, paragraph ends and notes, and moved text in its old place, are gone; inserted text is read."""
    assert text("a{\\deleted b{\\footnote gone}}{\\revised c}{\\mvf d}\\deleted\\par\\deleted0 e") == "ace"


def test_hidden_text_is_marked_as_hidden() -> None:
    """A page does not show it."""
    assert text("a {\\v secret words} b\\v c\\plain d") == "a [hidden text: secret words] b[hidden text: c]d"


def test_boxes_and_objects_are_read_or_named() -> None:
    """A shape's text appears once, after its paragraph; WordArt is read; embedded objects are named."""
    shape = "{\\shp{\\*\\shpinst{\\sp{\\sn posh}{\\sv 2}}{\\shptxt In the box\\par}}"
    shape += "{\\shprslt{\\*\\do\\dptxbx{\\dptxbxtext In the box}}}}"
    assert text(f"a{shape}b\\par c") == "ab\n\nIn the box\n\nc"
    assert text("{\\shp{\\*\\shpinst{\\sp{\\sn gtextUNICODE}{\\sv DRAFT}}}}") == "DRAFT"
    embedded = read_rtf(
        b"{\\rtf1 a {\\object\\objemb{\\*\\objclass Excel.Sheet.8}{\\*\\objdata 0105}{\\result{\\pict 00}}}}"
    )
    assert embedded == Extracted(
        "a [embedded object (Excel.Sheet.8): not read]\n", ("embedded object (Excel.Sheet.8): not read",)
    )


def test_headings_are_recognised_by_outline_and_style() -> None:
    """They keep the number before them."""
    styles = "{\\stylesheet{\\s0 Normal;}{\\s1\\outlinelevel0 Titel;}{\\s2 heading 2;}}"
    shown = text(
        f"{styles}\\pard\\s1 One\\par\\pard\\s2{{\\listtext 1.1\\tab}}Two\\par\\pard\\outlinelevel2 Three\\par\\pard x"
    )
    assert shown == "# One\n\n## 1.1 Two\n\n### Three\n\nx"


def test_numbers_that_are_not_written_out_are_counted() -> None:
    """The list table gives levels, formats, starts and restarts."""
    levels = (
        "{\\listlevel\\levelnfc0\\levelstartat3{\\leveltext\\'02\\'00.;}}"
        "{\\listlevel\\levelnfc4\\levelstartat1{\\leveltext\\'04\\'00.\\'01);}}"
        "{\\listlevel\\levelnfc23{\\leveltext\\'01\\u8226 ?;}}"
    )
    tables = (
        f"{{\\*\\listtable{{\\list{levels}\\listid9}}}}"
        "{\\*\\listoverridetable{\\listoverride\\listid9\\listoverridecount0\\ls1}"
        "{\\listoverride\\listid9\\listoverridecount1{\\lfolevel\\listoverridestartat\\levelstartat7}\\ls2}}"
    )
    items = "".join(
        f"\\pard\\ls{number}\\ilvl{level} {name}\\par"
        for number, level, name in [
            (1, 0, "a"),
            (1, 1, "b"),
            (1, 1, "c"),
            (1, 2, "d"),
            (1, 0, "e"),
            (1, 1, "f"),
            (2, 0, "g"),
        ]
    )
    assert text(tables + items) == "3. a\n  3.a) b\n  3.b) c\n    - d\n4. e\n  4.a) f\n7. g"


def test_powers_and_struck_words_are_marked() -> None:
    """10^6^ is not 106."""
    assert (
        text("10{\\super 6}, H{\\sub 2}O, {\\strike old }new \\super x\\nosupersub y")
        == "10^6^, H~2~O, ~~old~~ new ^x^y"
    )


def test_formulas_are_on_one_line() -> None:
    """They are in their place in the sentence."""
    math = "{\\mmath{\\*\\moMath{\\mf{\\mfPr{\\mtype bar}}{\\mnum{\\mr a}}{\\mden{\\mr b}}}}}"
    assert text(f"x={math} here") == "x=(a)/(b) here"


def test_binary_data_is_skipped() -> None:
    """It may contain braces."""
    assert text("a{\\pict\\bin5 }}}}}}b{\\*\\unknown\\bin3 {{{ x{y}}c") == "abc"
    assert text("a\\bin3 }}}b") == "ab"


def test_a_scan_is_refused_and_a_truncated_file_is_noted() -> None:
    """A scan has only pictures; a truncated file keeps its beginning; a mail's body may be empty."""
    with pytest.raises(JobError, match="nothing but pictures") as refused:
        read_rtf(b"{\\rtf1{\\pict 0102}}")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    with pytest.raises(JobError) as refused:
        read(b"{\\rtf1 }", "a.rtf")
    assert refused.value.reason is Reason.EMPTY_DOCUMENT
    assert rtf_text(b"{\\rtf1 }") == Extracted("")
    note = "the document is cut off here: it ends within a group"
    assert read_rtf(b"{\\rtf1 whole {\\b half") == Extracted(f"whole half\n\n[{note}]\n", (note,))


def test_a_byte_order_mark_or_blank_lines_may_precede_it() -> None:
    """Some editors put a byte order mark before everything."""
    assert read(b"\xef\xbb\xbf{\\rtf1 text}", "a").text == read(b"\r\n {\\rtf1 text}\0\0", "a").text == "text\n"


def test_a_scan_with_a_letterhead_is_still_a_scan() -> None:
    """Its body is only pictures, whatever its header contains."""
    with pytest.raises(JobError, match="nothing but pictures"):
        read(b"{\\rtf1{\\header ACME Ltd}{\\pict 0102}\\par}", "a.rtf")


def test_deep_groups_are_safe() -> None:
    """Thousands of levels are read, endless nesting is refused."""
    assert text("{" * 20_000 + "deep" + "}" * 20_000) == "deep"
    with pytest.raises(JobError, match="groups"):
        read_rtf(b"{\\rtf1" + b"{" * 200_000)


def test_a_page_packed_into_rtf_is_restored() -> None:
    """Mail programs pack pages like this; other RTF contains none."""
    packed = (
        b"{\\rtf1\\ansi\\ansicpg1251\\fromhtml1 \\deff0{\\fonttbl{\\f0\\fcharset204 Arial;}}{\\colortbl;}"
        b'{\\*\\htmltag19 <html>}{\\*\\htmltag64}\\htmlrtf {\\htmlrtf0 {\\*\\htmltag84 <b title="\\\'c2">}'
        b"\\htmlrtf \\b\\htmlrtf0 "
        b"\\'c2\\'ee\\u1076 ?a \\{x\\}{\\*\\htmltag92 </b>}"
        b"\\htmlrtf }\\htmlrtf0 {\\*\\mhtmltag84 <i>}\\line{\\*\\htmltag27 </html>}}"
    )
    assert encapsulated_html(packed) == '<html><b title="В">Вода {x}</b>\r\n</html>'.replace("да", "дa")
    assert encapsulated_html(b"{\\rtf1\\ansi plain}") is None


_WORDS = st.lists(
    st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters="|#*~^[]"), min_size=1, max_size=8),
    max_size=30,
)


@given(words=_WORDS, wrapping=st.lists(st.sampled_from(["", "b", "i\\fs20", "*\\bkmkstart x", "pict 00", "field"])))
def test_every_word_is_read_once_and_in_order(words: list[str], wrapping: list[str]) -> None:
    """Any groups may be around and between the words."""
    pieces = []
    for number, word in enumerate(words):
        units = memoryview(word.encode("utf-16-le")).cast("H")
        escaped = "".join(f"\\u{unit - 65536 * (unit > 32767)}?" for unit in units)
        wrap = wrapping[number % len(wrapping)] if wrapping else ""
        if wrap.startswith(("*", "pict")):
            pieces.append(f"{{\\{wrap}}}{escaped} ")
        elif wrap == "field":
            pieces.append(f"{{\\field{{\\*\\fldinst PAGE}}{{\\fldrslt {escaped} }}}}")
        else:
            pieces.append(f"{{\\{wrap} {escaped}}} " if wrap else f"{escaped} ")
    assert rtf_text(f"{{\\rtf1 x {''.join(pieces)}}}".encode()).text.split() == ["x", *words]


_PIECES = [
    *(b"{", b"}", b"\\*", b"\\'", b"\\'e9", b"\\", b"text", b"\\u-9999 ", b"\\u99999999999 ", b"\\itap99999999 "),
    *(
        b"\\" + word + b" "
        for word in (
            b"par cell row trowd intbl itap3 nestcell nestrow footnote field fldinst fldrslt shptxt pict listtext uc3 "
            b"bin4 fonttbl f1 stylesheet s1 list listlevel ls1 leveltext ilvl9999 ansicpg99 upr ud annotation header "
            b"object result mfPr mden deleted v fcharset128 ffl sn sv htmltag htmlrtf"
        ).split()
    ),
]


@given(st.lists(st.sampled_from(_PIECES), max_size=60))
def test_no_order_of_pieces_breaks_the_reader(pieces: list[bytes]) -> None:
    """It answers with a text for any sequence."""
    assert isinstance(rtf_text(b"{\\rtf1" + b"".join(pieces)).text, str)
    encapsulated_html(b"{\\rtf1\\fromhtml1" + b"".join(pieces))
