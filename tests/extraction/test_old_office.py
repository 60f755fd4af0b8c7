"""DOC and PPT are read like their successors; LibreOffice wrote the samples from one text."""

# ruff: noqa: RUF001 - the letters are Cyrillic on purpose

import gzip
import struct
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.compound import Compound
from backburner.extraction.doc.properties import CharacterProperties, Sprm, changes, character_properties
from backburner.extraction.reading import read

from .conftest import Extract

CASES = Path(__file__).parent / "cases"


def _case(name: str) -> bytes:
    """A sample. LibreOffice puts a half-megabyte picture into each PPT, so that one is compressed."""
    return (
        gzip.decompress((CASES / f"{name}.gz").read_bytes()) if name.endswith(".ppt") else (CASES / name).read_bytes()
    )


RICH = """\
Header: Confidential draft

# Supply contract

Between Jürgen Müller, Łódź, and ООО Вода; 東京 and 서울 agree.

## Clauses

1. Rent
  1.1 It is due monthly.
  1.2 It is paid
    (a) in advance,
    (b) by transfer.
2. Termination
Article I Scope
Article II Parties
- first bullet
  - nested bullet
- second bullet

Area 10^6^ of H~2~O, ~~old price~~ new price[^1] and more[^e1].

See [the terms](https://example.org/terms)[hidden text: secret] here [comment by Anna: Check this.].

| Port | Tons | Price\\|net |
| --- | --- | --- |
| Гданьск | 12<br>and 13 | 1.500,00 € |
| both columns |  | 9 |

Anchor paragraph.

In the box

second line of it

Non   breaking and\ttab
line two.

The end.

[^1]: A footnote with ünïcode.

[^e1]: An endnote.

Footer: Footer of ACME
"""


@pytest.mark.parametrize("name", ["styled.doc", "styled.rtf", "styled.odt"])
def test_one_document_reads_the_same_in_every_format(name: str) -> None:
    """Numbers, notes, comments, boxes, tables with spans, hidden and struck text, and four alphabets are compared."""
    shown = read((CASES / name).read_bytes(), name)
    assert shown == Extracted(RICH)


NESTED = """\
Header: Confidential draft

# Deep

1. one
2. two

between

3. three continued

again

4. fresh start
9. at nine

RTL: שלום مرحبا สวัสดี 😀 𠀀 end

| A1<br>n1 \\| n2<br>n3 \\| n4<br>after nested | - li1<br>- li2 |
| --- | --- |
| tall | b2[^1] |
|  | b3 |

| x1 | x2 | x3 |
| --- | --- | --- |
| wide |  |  |
| y1 |  | y3 |

in section

### Level three

first[^2] second[^3][^e1]

Quote \u201cx\u201d \u2013 dash …\x20\u00a0nbsp \u2011 hyphen | pipe # hash * star

End.

[^1]: in table

[^2]: fn A

[^3]: fn B

[^e1]: en A

Footer: Footer of ACME
"""


@pytest.mark.parametrize("name", ["nested.doc", "nested.rtf"])
def test_nested_tables_and_continued_lists_are_read(name: str) -> None:
    """So are cells across rows and columns, notes in cells, right-to-left text, and astral characters."""
    shown = read((CASES / name).read_bytes(), name)
    # LibreOffice writes the new list into the DOC as a continued one, and shows it so itself.
    assert shown.text.replace("1. fresh start", "4. fresh start") == NESTED
    assert shown.notes == ()


def test_a_word_document_is_read_in_the_child(extract: Extract) -> None:
    """Its numbers are as Word shows them."""
    assert extract((CASES / "numbering.doc").read_bytes(), "a.doc") == (
        "1. Rent\n  1.1 The rent is due monthly.\n    (a) It is paid in advance,\n    (b) by bank transfer.\n"
        "2. Termination\n  2.1 As clause 1.1 says, notice is three months.\nArticle I - Scope\nArticle II - Parties\n"
        "§ 7 Seventh paragraph\n§ 8 Eighth paragraph\n"
    )


def test_word_forms_show_what_is_ticked_and_chosen() -> None:
    """The states of a check box and a list are stored outside the text."""
    shown = read((CASES / "fields.doc").read_bytes(), "a.doc").text
    assert "Text form: FORMTEXT filled\n\nCheckbox: ☒ LEGACYCHECK yes\n\nDropdown: DROPCHOSEN Blue\n" in shown
    assert "HYPERLINK" not in shown
    assert "[FLDLINK text](https://example.org/a)" in shown
    assert "\n\nTOCENTRY Introduction\t3\n" in shown


SLIDES = """\
## Überschrift Вода

- first point
  - nested point 東京

Notes: Say hello

## Table

| Port | Tons |
| --- | --- |
| A\\|B | 12 |
| Oslo | 9 |

## Slide 3

[slide 3: no text, only pictures]

## Hidden one (hidden)

box
line

grouped
"""


@pytest.mark.parametrize("name", ["slides.ppt", "slides.odp"])
def test_one_presentation_reads_the_same_in_every_format(name: str) -> None:
    """Titles, bullets by depth, tables and notes are the same; slides that are hidden or only pictures are reported."""
    assert read(_case(name), name) == Extracted(SLIDES, ("slide 3: no text, only pictures",))


def _changed(name: str, stream: str, place: int, value: bytes) -> bytes:
    """A sample with a few bytes of one stream changed."""
    body = _case(name)
    at = body.index(Compound(body).read(stream)[:64]) + place
    return body[:at] + value + body[at + len(value) :]


def _flags(name: str) -> int:
    return struct.unpack_from("<H", Compound(_case(name)).read("WordDocument"), 10)[0]


@pytest.mark.parametrize(
    ("body", "reason", "said"),
    [
        (
            _changed("styled.doc", "WordDocument", 10, struct.pack("<H", _flags("styled.doc") | 0x0100)),
            Reason.UNREADABLE_DOCUMENT,
            "an encrypted DOC: save it without a password",
        ),
        (_changed("styled.doc", "WordDocument", 0, b"\xdc\xa5\x68\x00"), Reason.UNSUPPORTED_TYPE, "Word 95 or older"),
        (
            _changed("slides.ppt", "Current User", 12, struct.pack("<I", 0xF3D1C4DF)),
            Reason.UNREADABLE_DOCUMENT,
            "an encrypted PPT: save it without a password",
        ),
        (_case("styled.doc")[:9000], Reason.UNREADABLE_DOCUMENT, "damaged or truncated"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), Reason.UNREADABLE_DOCUMENT, "damaged or truncated"),
    ],
)
def test_an_unreadable_file_says_why(body: bytes, reason: Reason, said: str) -> None:
    """It is encrypted, too old or truncated."""
    with pytest.raises(JobError, match=said) as refused:
        read(body, "a")
    assert refused.value.reason is reason


def test_property_modifiers_are_read_one_by_one() -> None:
    """Operands have many sizes: switches, numbers, definitions with a length; a truncated one ends the list."""
    grpprl = b"\x37\x08\x01\x08\xd6\x05\x00\x01\x02\x03\x04\x48\x2a\x01\x15\xc6\x02\x01\x02\x00\x08\x01"
    assert [code for code, _ in changes(grpprl)] == [Sprm.STRIKE, Sprm.ROW, Sprm.POSITION, 0xC615, Sprm.DELETED]
    assert character_properties(grpprl) == CharacterProperties(is_struck=True, is_deleted=True, position="^")
    assert list(changes(b"\x37")) == []


@settings(max_examples=60, deadline=None)
@given(data=st.data(), name=st.sampled_from(["numbering.doc", "slides.ppt"]))
def test_damage_is_refused_or_read_and_never_breaks_the_reader(data: st.DataObject, name: str) -> None:
    """Whichever byte is changed, the reader answers with a text or a reason."""
    body = bytearray(_case(name))
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(512, len(body) - 1))
        body[place] = data.draw(st.integers(0, 255))
    with suppress(JobError):
        assert isinstance(read(bytes(body), name).text, str)
