"""HTML pages: nothing of the body is dropped, and its structure becomes Markdown."""

import time
from pathlib import Path

import pytest

from backburner.errors import JobError, Reason
from backburner.extraction.reading import read
from backburner.extraction.web.html import markdown_of

CASES = Path(__file__).with_name("cases")
WHOLE = {
    "aspnet.html": "ASPNET whole page is in a form\n\nParagraph\n",
    "bodyheader.html": "# BODYHEADER title\n\ntext\n",
    "d62.html": "start\n\nDEEPTEXT\n\nend\n",
    "sjisplain.html": "契約書です\n",
    "sup.html": "Area 25 m^2^, 10^6^ units, claim^1^ 5, H~2~O, 2^10^=1024\n",
    "datauri.html": "Text before\n\nafter\n",
}


def page(body: str) -> str:
    """The Markdown of a page with this body."""
    return markdown_of(f"<!doctype html><html><body>{body}</body></html>").text


@pytest.mark.parametrize("name", WHOLE)
def test_a_page_is_read_whole(name: str) -> None:
    found = read((CASES / name).read_bytes(), name)
    assert found.text == WHOLE[name]
    assert found.notes == ()


def test_forms_show_what_is_in_them() -> None:
    """Values, choices, ticks and buttons are read; what the page does not show (view state, passwords) is left out."""
    text = page(
        "<form><label>Name <input value=Bob></label><input type=hidden value=zzz><input type=password value=yyy>"
        "<label><input type=checkbox checked> Paid</label><label><input type=radio> Cash</label>"
        "<select><option>Red<option selected>Blue</select><textarea>one\ntwo  three</textarea>"
        "<input type=submit value=Send><button>Reset</button></form>"
    )
    assert text == "Name Bob ☒ Paid ☐ Cash ☐ Red ☒ Blue one\ntwo three Send Reset\n"
    many = "".join(f"<option {'selected' if n == 7 else ''}>c{n}</option>" for n in range(200))
    assert page(f"<select>{many}</select>") == "☒ c7 [199 other choices]\n"


def test_lists_keep_their_numbers() -> None:
    """Start values, numbers set by an item, reversed lists and nested lists are honoured."""
    text = page(
        "<ol start=5><li>five<li value=9>nine<li>ten<ul><li>a<p>more</ul></ol><ol reversed><li>x<li>y</ol>"
        "<dl><dt>Term<dd>Meaning</dl>"
    )
    assert text == "5. five\n9. nine\n10. ten\n    - a\n      more\n\n2. x\n1. y\n\nTerm\n\n: Meaning\n"


def test_tables_keep_merged_cells_in_their_columns() -> None:
    """A merged cell is at its first place; pipes and line breaks in cells do not break the table."""
    text = page(
        "<table><caption>Prices</caption><tr><th>A<th>B<th>C<tr><td rowspan=2>x<td>1<td>2<tr><td>3<td>4 | 5"
        "<tr><td colspan=2>wide<br>line<td>6</table>"
    )
    rows = ["| A | B | C |", "| --- | --- | --- |", "| x | 1 | 2 |", "|  | 3 | 4 \\| 5 |", "| wide<br>line |  | 6 |"]
    assert text == "Prices\n\n" + "\n".join(rows) + "\n"


def test_nested_tables_are_read() -> None:
    """They become lines of the cell if the outer table is marked as one; otherwise it is taken for layout."""
    inner = "<table><tr><td>a<td>b<tr><td>c<td>d</table>"
    assert "| 1 | a; b<br>c; d |" in page(f"<table><tr><th>N<th>M<tr><td>1<td>{inner}</table>")
    layout = page(f"<table><tr><td><h2>Left</h2>text<td>{inner}</table>")
    assert layout == "## Left\n\ntext\n\n| a | b |\n| --- | --- |\n| c | d |\n"


def test_running_text_keeps_its_marks() -> None:
    """Links, code, emphasis, struck words, ruby, formulas and entities are kept."""
    text = page(
        '<p>a&nbsp;b &lt;tag&gt; <b> bold </b><i></i><a href="https://e.org/x">link</a> <a href="#f">1</a> '
        "<code>x y</code> <del>old</del> <ruby>漢<rp>(<rt>かん<rp>)</ruby> "
        "<math><msup><mi>x</mi><mn>2</mn></msup></math> <q>so</q>"
    )
    written = "a\xa0b <tag> **bold** [link](https://e.org/x) 1 `x y` ~~old~~ 漢(かん) x^2 “so”\n"
    assert text == written
    assert page("<pre>a  b\n  <b>c</b>&amp;</pre>") == "```\na  b\n  c&\n```\n"
    assert page("<blockquote><p>one<p>two<br>three</blockquote>") == "> one\n>\n> two\n> three\n"


def test_content_not_shown_at_first_is_read() -> None:
    """Folded and hidden parts, `noscript`, pages in frames, and text in drawings are read."""
    text = page(
        "<header>H</header><nav>N</nav><aside>A</aside><details><summary>S</summary>D</details><div hidden>X</div>"
        "<div style='display:none'>Y</div><noscript>Z</noscript><iframe srcdoc='<p>inner &amp;amp; text'></iframe>"
        "<svg><style>evil</style><text>drawn</text></svg><dialog>box</dialog><footer>F</footer>"
        "<script>evil()</script><style>evil</style>"
    )
    assert text.split() == ["H", "N", "A", "S", "D", "X", "Y", "Z", "inner", "&", "text", "drawn", "box", "F"]


def test_content_outside_the_page_is_noted() -> None:
    """Frames, videos and embedded objects are noted at their place and in the notes."""
    found = markdown_of('<p>a</p><iframe src="https://e.org/f"></iframe><p>b</p><object data="x.swf"></object>')
    assert found.text == "a\n\n[frame https://e.org/f: not read]\n\nb\n\n[embedded object x.swf: not read]\n"
    assert found.notes == ("frame https://e.org/f: not read", "embedded object x.swf: not read")
    frames = markdown_of("<frameset cols=2><frame src=menu.html><frame src=main.html></frameset>")
    assert frames.notes == ("frame menu.html: not read", "frame main.html: not read")


def test_a_picture_is_read_by_its_alternative_text() -> None:
    """A page that consists of pictures without one is a scan."""
    assert page('<p>see <img src="x.png" alt="Sales 2024"></p>') == "see [picture: Sales 2024]\n"
    with pytest.raises(JobError) as refused:
        read(b"<html><body><img src=a.png><img src=b.png></body></html>", "a.html")
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT
    assert "OCR" in str(refused.value)


@pytest.mark.parametrize(
    ("begin", "end", "depth"),
    [("<div>", "</div>", 5000), ("<ul><li>", "", 2000), ("<table><tr><td>", "", 500), ("<table><tr><th>", "", 500),
     ("<blockquote>", "", 2000), ("<font size=1>", "", 5000), ("<b><i>", "", 500)],
)  # fmt: skip
def test_deep_pages_are_read_to_the_bottom(begin: str, end: str, depth: int) -> None:
    """Deeply nested elements, lists, tables and quotes are read."""
    text = page(f"top{begin * depth}DEEP{end * depth}<p>after")
    assert [word in text for word in ("top", "DEEP", "after")] == [True] * 3
    assert len(text) < 100_000


def test_pages_nested_too_deep_are_refused_at_once() -> None:
    """The parser would take minutes."""
    begun = time.process_time()
    with pytest.raises(JobError, match="elements nested deeper than 10000"):
        markdown_of("<div>" * 200_000 + "deep")
    assert time.process_time() - begun < 5


def test_the_charset_is_read_as_browsers_do() -> None:
    """UTF-16 declared in a single-byte page means UTF-8; a byte order mark wins; a title stands in for a heading."""
    body = "<html><head><meta charset=utf-16><title>Вода</title></head><body><p>лёд</body></html>"
    assert read(body.encode(), "a.html").text == "# Вода\n\nлёд\n"
    old = (
        '<html><head><meta http-equiv=Content-Type content="text/html; charset=iso-8859-1"></head><body>“é” – €</body>'
    )
    assert read(old.encode("cp1252"), "a.html").text == "“é” – €\n"
    assert read(body.encode("utf-16"), "a.html").text == "# Вода\n\nлёд\n"
    xml = '<?xml version="1.0" encoding="windows-1251"?><html xmlns="http://www.w3.org/1999/xhtml"><body>лёд</body></html>'
    assert read(xml.encode("cp1251"), "a.xhtml").text == "лёд\n"


def test_huge_spans_take_no_time() -> None:
    """A grid with millions of places is given up; every text is kept."""
    begun = time.process_time()
    assert page("<table>" + "<tr><td colspan=1000 rowspan=60000>x" * 2000 + "</table>").count("x") == 2000
    assert time.process_time() - begun < 10


def test_a_charset_may_be_declared_late() -> None:
    """A declaration after scripts counts; one in a comment does not."""
    head = b"<script>var a=1;</script>" * 300 + b"<!-- <meta charset=koi8-r> --><meta charset=windows-1251>"
    body = b"<html><head>" + head + b"</head><body>" + "Вода и лёд".encode("cp1251") + b"</body></html>"
    assert read(body, "a.html").text == "Вода и лёд\n"
