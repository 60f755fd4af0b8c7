"""What is missing from a document is reported, and a file that cannot be read is refused with the true cause."""

import re
import zlib

import pytest

from backburner.documents.pictures import Pages, Show, Wish
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.pdf.legibility import Fault, notes_of
from backburner.extraction.reading import read

from .made import LINE, Made, lines, one_page, shown, turned

FULL = "q 595 0 0 842 0 0 cm /I Do Q "
SMALL = "q 60 0 0 60 100 600 cm /I Do Q "
DRAWN = "".join(f"{x} 100 m {x + 5} 200 l S\n" for x in range(60))
TEXT = lines(60, 780, [LINE] * 3)
OUTLINED = "".join(f"60 {700 - 20 * row} m 300 {703 - 20 * row} l 310 {690 - 20 * row} l f\n" for row in range(20))
SIGNED = [
    "DOCUMENT SIGNED WITH ELECTRONIC SIGNATURE",
    "Certificate: 00A1B2C3D4E5F60718293A4B5C6D7E8F90",
    "Owner: Ivanov Ivan Ivanovich, General Director",
    "Valid: from 01.02.2025 until 01.05.2026",
]
STAMP = lines(300, 150, SIGNED, 8, 10)
SIDEWAYS = "".join(turned(90, 300 + 10 * row, 300, line, 8) for row, line in enumerate(SIGNED))
LETTER = FULL + lines(60, 700, [LINE] * 3)
BELOW = "q 595 0 0 500 0 0 cm /I Do Q " + TEXT
WHOLE = one_page(lines(60, 780, ["Sentinel words.", LINE]))


def pages(*contents: str) -> Extracted:
    """A document whose pages have these contents, which may draw a picture."""
    made = Made()
    picture = made.picture()
    for content in contents:
        made.page(content, xobjects={"I": picture})
    return read(made.bytes(), "a.pdf")


def refused(body: bytes) -> tuple[Reason, str]:
    """Why a document is refused."""
    with pytest.raises(JobError) as error:
        read(body, "a.pdf")
    return error.value.reason, str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (FULL, "no text, probably a scan"),
        ("".join(f"q 595 0 0 85 0 {y} cm /I Do Q " for y in range(0, 842, 85)), "no text, probably a scan"),
        (SMALL, "no text, only a picture"),
        (DRAWN, "no text, only drawings"),
        (FULL + shown(280, 30, "Page 2 of 9"), "hardly any text over a picture, probably a scan"),
        (FULL + shown(200, 400, "RECEIVED 5 March 2024"), "hardly any text over a picture, probably a scan"),
        (
            FULL + shown(40, 820, f"Case 1:20-cv-01234 {LINE}", 8) + shown(40, 20, f"{LINE} Page 2 of 30", 8),
            "hardly any text over a picture, probably a scan",
        ),
        (FULL + STAMP, "hardly any text over a picture, probably a scan"),
        (FULL + SIDEWAYS, "hardly any text over a picture, probably a scan"),
        (BELOW, "a picture takes most of it and was not read"),
        (LETTER, "a picture takes most of it and was not read"),
        (OUTLINED, "no text, only drawings"),
        ("60 600 m 300 600 l S", "no text, only drawings"),
        ("q 12 0 0 12 100 600 cm /I Do Q", "no text, only a picture"),
    ],
    ids=[
        "scan",
        "strips",
        "picture",
        "drawing",
        "number",
        "stamp",
        "filing",
        "signature",
        "sideways",
        "beside",
        "letter",
        "outlined",
        "rule",
        "spot",
    ],
)
def test_a_page_that_shows_more_than_its_text_is_named(content: str, said: str) -> None:
    """It is named in its place and in the notes, whatever text is printed over it."""
    extracted = pages(TEXT, content, TEXT)
    assert extracted.notes == (f"page 2: {said}",)
    before, after = extracted.text.split(f"\n\n[page 2: {said}]\n\n")
    assert LINE in before
    assert LINE in after


@pytest.mark.parametrize(
    "content",
    [
        "",
        "0.1 w q 0 0 595 842 re W* n Q",
        SMALL + TEXT,
        FULL + lines(60, 700, [LINE] * 20),
        FULL + shown(60, 700, "ocr", more="3 Tr"),
        FULL + shown(60, 700, "ocr", more="3 Tr") + STAMP,
        "1 g 0 0 595 842 re f",
    ],
    ids=["blank", "clipped", "logo", "background", "ocr", "ocr and a stamp", "white"],
)
def test_a_page_that_lacks_nothing_is_not_named(content: str) -> None:
    """Blank pages, logos, pictures behind text and pages read by OCR are not reported."""
    assert pages(TEXT, content).notes == ()


def test_adjacent_pages_share_a_note() -> None:
    """Many pages make one line, in document order."""
    faults = [(number, Fault.SCAN) for number in (2, 3, 4, 7)] + [(5, Fault.BROKEN)]
    assert list(notes_of(faults)) == [
        "pages 2 to 4: no text, probably scans", "page 5: damaged, not read", "page 7: no text, probably a scan",
    ]  # fmt: skip
    (note,) = notes_of((number, Fault.BESIDE) for number in (1, 2))
    assert note == "pages 1 to 2: pictures take most of them and were not read"


def test_a_page_without_text_is_shown_to_a_model_that_sees() -> None:
    """Outlined words, a line, a small picture and a signed scan are shown; none of them is taken for blank."""
    made = Made()
    picture = made.picture()
    spot = "q 12 0 0 12 100 600 cm /I Do Q"
    for content in (TEXT, OUTLINED, "60 600 m 300 600 l S", spot, "", FULL + STAMP, BELOW):
        made.page(content, xobjects={"I": picture})
    found = read(made.bytes(), "a.pdf", wish=Wish(Show.TEXTLESS))
    assert found.pages == Pages(text="1, 7", images="2-4, 6", blank="5")
    assert found.notes == ("page 7: a picture takes most of it and was not read",)


def test_a_comment_alone_is_not_shown_as_a_picture() -> None:
    """Its mark adds nothing to its words; a page that is only stamped with a picture is shown."""
    made = Made()
    shape = made.stream("1 0 0 rg 0 0 50 50 re f", "/Type/XObject/Subtype/Form/BBox[0 0 50 50]")
    for kind in ("Text/Contents(Sign here)", "Stamp"):
        note = made.add(f"<</Type/Annot/Subtype/{kind}/Rect[100 100 150 150]/AP<</N {shape} 0 R>>>>")
        made.page(entries=f"/Annots[{note} 0 R]")
    assert read(made.bytes(), "a.pdf", wish=Wish(Show.TEXTLESS)).pages == Pages(text="1", images="2")


@pytest.mark.parametrize(
    "contents",
    [[FULL], [FULL, FULL + shown(280, 30, "2"), ""], [DRAWN], [FULL + STAMP], [OUTLINED]],
    ids=["one", "numbers", "drawn", "signed", "outlined"],
)
def test_a_document_of_scans_is_refused(contents: list[str]) -> None:
    """Numbers and stamps on the scans do not count as text."""
    made = Made()
    picture = made.picture()
    for content in contents:
        made.page(content, xobjects={"I": picture})
    reason, message = refused(made.bytes())
    assert reason is Reason.UNREADABLE_DOCUMENT
    assert "run it through OCR" in message


@pytest.mark.parametrize("count", [3, 5, 9])
def test_a_short_text_on_a_background_is_read(count: int) -> None:
    """Its lines are wider than a stamp's."""
    extracted = pages(FULL + lines(60, 700, [LINE] * count))
    assert extracted.text.count(LINE) == count


def test_a_document_of_blank_pages_is_empty() -> None:
    """OCR would not help, not even if the pages are painted white."""
    note = "a PDF with nothing but blank pages; upload the document again"
    assert refused(one_page("")) == refused(one_page("1 g 0 0 595 842 re f")) == (Reason.EMPTY_DOCUMENT, note)


def test_unmapped_glyphs_are_distinguished_from_tex_fonts() -> None:
    """Bare glyph numbers have no meaning; a TeX font has no table either, but its codes are ASCII."""
    reason, message = refused(glyphs("<000300240003004600520050005100030024>"))
    assert reason is Reason.UNREADABLE_DOCUMENT
    assert "a font or an encoding does not say" in message
    assert (
        read(typed("(the o\x0ece is here and \x0bows there)"), "a.pdf").text == "the office is here and ffows there\n"
    )


def test_a_page_of_unmapped_glyphs_is_named() -> None:
    """On a page with readable letters too, each unknown letter becomes U+FFFD rather than a wrong letter."""
    made = Made()
    glyphs("<00240025>", made)
    made.page("".join(shown(60, 800 - 14 * at, f"{at} {LINE}") for at in range(20)))
    extracted = read(made.bytes(), "a.pdf")
    named = "page 1: some of its characters cannot be read, its fonts do not say what they mean"
    assert extracted.notes[0] == named
    assert extracted.text.startswith(f"[{named}]\n\n\ufffd\ufffd\n\n")


def glyphs(codes: str, made: Made | None = None) -> bytes:
    """Text in glyph numbers, without a table that maps them to characters."""
    made = made or Made()
    inner = made.add(
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/ABCDEF+X/DW 500"
        "/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>>>"
    )
    font = made.add(f"<</Type/Font/Subtype/Type0/BaseFont/ABCDEF+X/Encoding/Identity-H/DescendantFonts[{inner} 0 R]>>")
    made.page(f"BT /F2 11 Tf 1 0 0 1 60 700 Tm {codes} Tj ET", fonts={"F2": font})
    return made.bytes()


def typed(text: str) -> bytes:
    """Text in a font made of pictures, whose glyph names mean nothing."""
    made = Made()
    shape = made.stream("500 0 0 0 450 700 d1 0 0 450 700 re f")
    codes = sorted({ord(char) for char in text})
    names = " ".join(f"{code} /a{code}" for code in codes)
    shapes = " ".join(f"/a{code} {shape} 0 R" for code in codes)
    font = made.add(
        f"<</Type/Font/Subtype/Type3/FontBBox[0 0 500 700]/FontMatrix[.001 0 0 .001 0 0]/FirstChar 0/LastChar 127"
        f"/Widths[{'500 ' * 128}]/Encoding<</Differences[{names}]>>/CharProcs<<{shapes}>>>>"
    )
    made.page(f"BT /F2 11 Tf 1 0 0 1 60 700 Tm {text} Tj ET", fonts={"F2": font})
    return made.bytes()


AROUND = {
    "http": b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n" + WHOLE,
    "mark": b"\xef\xbb\xbf" + WHOLE,
    "zeros": WHOLE + bytes(5_000) + b"\n" * 300,
    "page": WHOLE + b"<html><body>an error</body></html>" * 300,
    "no end": WHOLE.replace(b"%%EOF\n", b""),
    "wrong place": re.sub(rb"startxref\n\d+", b"startxref\n99999", WHOLE),
    "no table": WHOLE[: WHOLE.index(b"xref\n0")] + b"%%EOF\n",
    "wrong table": WHOLE.replace(b"00000 n ", b"00000 f "),
}


@pytest.mark.parametrize("name", AROUND)
def test_an_intact_document_is_read_despite_what_surrounds_it(name: str) -> None:
    """Garbage before or after the pages, or a wrong cross-reference table, costs nothing."""
    assert read(AROUND[name], "a.pdf").text == f"Sentinel words.\n\n{LINE}\n"


REVISION = b"9 0 obj\n<</Length 4000>>stream\nmuch more"
REFUSED = {
    "cut": (WHOLE[:500], Reason.UNREADABLE_DOCUMENT, "truncated PDF: upload the complete file"),
    "cut revision": (WHOLE + REVISION, Reason.UNREADABLE_DOCUMENT, "truncated PDF: upload the complete file"),
    "rubbish": (b"%PDF-1.7\nrubbish\n%%EOF\n", Reason.UNREADABLE_DOCUMENT, "damaged"),
    "no pages": (re.sub(rb"/Count 1/Kids\[[^]]*\]", b"/Count 0/Kids[]", WHOLE), Reason.UNREADABLE_DOCUMENT, "damaged"),
    "loop": (
        re.sub(rb"/Count 1/Kids\[[^]]*\]", b"/Count 4/Kids[1 0 R 1 0 R]", WHOLE), Reason.UNREADABLE_DOCUMENT, "damaged",
    ),
    "pages": (WHOLE.replace(b"/Count 1", b"/Count 999999"), Reason.DOCUMENT_TOO_LARGE, "at most 5000"),
    "licence": (
        WHOLE.replace(b"/Root", b"/Encrypt<</Filter/FOPN_fLock/V 4/R 4>>/Root"), Reason.UNREADABLE_DOCUMENT, "DRM",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_true_cause(name: str) -> None:
    """Truncated, damaged, protected and too large files are told apart."""
    body, reason, says = REFUSED[name]
    found = refused(body)
    assert found[0] is reason
    assert says in found[1]


def test_a_page_whose_content_is_lost_is_not_taken_for_a_blank_one() -> None:
    """It was meant to show something, so it is reported."""
    made = Made()
    made.page(TEXT)
    packed = zlib.compress(TEXT.encode())
    content = made.stream(packed[:4] + b"\xff" * (len(packed) - 4), "/Filter/FlateDecode")
    made.pages.append(made.add(f"<</Type/Page/Parent {made.tree} 0 R/MediaBox[0 0 595 842]/Contents {content} 0 R>>"))
    assert read(made.bytes(), "a.pdf").notes == ("page 2: damaged, not read",)


def test_the_newest_revision_counts() -> None:
    """Programs save changes by appending them."""
    made = Made()
    made.page(shown(60, 700, "old words"))
    old = made.bytes()
    number = next(number for number, body in made.objects.items() if b"old words" in body)
    stream = shown(60, 700, "new words")
    start = len(old)
    changed = f"{number} 0 obj\n<</Length {len(stream)}>>stream\n{stream}\nendstream\nendobj\n"
    previous = int(re.findall(rb"startxref\n(\d+)", old)[-1])
    root = max(made.objects)
    table = f"xref\n{number} 1\n{start:010} 00000 n \ntrailer\n<</Size {root + 1}/Root {root} 0 R/Prev {previous}>>\n"
    end = f"startxref\n{start + len(changed)}\n%%EOF\n"
    assert read(old + f"{changed}{table}{end}".encode(), "a.pdf").text == "new words\n"


def test_a_form_that_contains_itself_terminates() -> None:
    """The rest of the page is read."""
    made = Made()
    form = len(made.objects) + 1
    made.stream("/X Do", f"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</XObject<</X {form} 0 R>>>>")
    made.page("/X Do " + shown(60, 700, "fine"), xobjects={"X": form})
    assert read(made.bytes(), "a.pdf").text == "fine\n"
