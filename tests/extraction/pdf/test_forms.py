"""Everything on a page is read: fields with their values, added text, comments, attachments."""

import pytest

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.reading import read

from .made import Made, one_page, shown


def blocks(made: Made) -> list[str]:
    """The parts of a document."""
    return read(made.bytes(), "a.pdf").text.strip().split("\n\n")


def annotated(annotations: list[str], content: str = "", made: Made | None = None) -> Made:
    """A page with annotations."""
    made = made or Made()
    numbers = [made.add(f"<</Type/Annot{entries}>>") for entries in annotations]
    if any("Widget" in entries for entries in annotations):
        fields = " ".join(f"{number} 0 R" for number in numbers)
        made.root["AcroForm"] = f"<</Fields[{fields}]/NeedAppearances true>>"
    made.page(content, entries=f"/Annots[{' '.join(f'{number} 0 R' for number in numbers)}]")
    return made


def test_fields_stand_beside_their_labels() -> None:
    """Text fields, choices, and ticked and unticked boxes are read; a hidden field is not."""
    widgets = [
        "/Subtype/Widget/FT/Tx/T(a)/V(Anna Smith)/Rect[150 776 300 792]",
        "/Subtype/Widget/FT/Ch/T(b)/V(Blue)/Opt[(Red)(Blue)]/Ff 131072/Rect[150 746 300 762]",
        "/Subtype/Widget/FT/Btn/T(c)/V/Yes/AS/Yes/Rect[60 710 72 722]",
        "/Subtype/Widget/FT/Btn/T(d)/V/Off/AS/Off/Rect[60 680 72 692]",
        "/Subtype/Widget/FT/Btn/Ff 32768/T(e)/V/One/AS/One/Rect[60 650 72 662]",
        "/Subtype/Widget/FT/Tx/T(f)/V(secret)/F 2/Rect[150 600 300 616]",
    ]
    labels = shown(60, 780, "Name:") + shown(60, 750, "Colour:")
    labels += "".join(shown(90, y, text) for y, text in ((712, "I agree"), (682, "I do not"), (652, "One")))
    wanted = ["Name: Anna Smith", "Colour: Blue", "☒ I agree", "☐ I do not", "☒ One"]
    assert blocks(annotated(widgets, labels)) == wanted


def test_added_text_is_in_its_place() -> None:
    """It is read with or without an appearance of its own; so is a stamp whose words are only in its appearance."""
    made = Made()
    stamp = made.stream(
        shown(10, 10, "APPROVED"),
        f"/Type/XObject/Subtype/Form/BBox[0 0 200 40]/Resources<</Font<</F1 {made.font} 0 R>>>>",
    )
    added = [
        "/Subtype/FreeText/Rect[60 600 300 620]/Contents(added words)/DA(/Helv 11 Tf)",
        f"/Subtype/Stamp/Rect[300 100 500 140]/AP<</N {stamp} 0 R>>",
        "/Subtype/FreeText/Rect[60 500 300 520]/Contents(hidden)/F 2",
    ]
    page = shown(60, 700, "Above.") + shown(60, 400, "Below.")
    assert blocks(annotated(added, page, made)) == ["Above.", "added words", "Below.", "APPROVED"]


def test_comments_follow_their_page() -> None:
    """They name their author; links and bare marks produce no text."""
    notes = [
        "/Subtype/Text/Rect[60 700 80 720]/Contents(sticky words)/T(Bob)",
        "/Subtype/Highlight/Rect[60 770 200 790]/QuadPoints[60 790 200 790 60 770 200 770]/Contents(check this)",
        "/Subtype/Underline/Rect[60 770 200 790]/QuadPoints[60 790 200 790 60 770 200 770]",
        "/Subtype/Link/Rect[60 770 200 790]/A<</S/URI/URI(http://example.org)>>",
    ]
    assert blocks(annotated(notes, shown(60, 780, "Text."))) == [
        "Text.",
        "[comment by Bob: sticky words]",
        "[comment: check this]",
    ]


def portfolio(files: dict[str, bytes]) -> bytes:
    """A PDF with attached files."""
    made = Made()
    names = ""
    for name, body in files.items():
        file = made.stream(body, "/Type/EmbeddedFile")
        specification = made.add(f"<</Type/Filespec/F({name})/UF({name})/EF<</F {file} 0 R>>>>")
        names += f"({name}){specification} 0 R"
    made.root["Names"] = f"<</EmbeddedFiles<</Names[{names}]>>>>"
    made.page(shown(60, 700, "Cover"))
    return made.bytes()


def test_attachments_are_read_or_named() -> None:
    """A text, a PDF and a file attached at a place on a page are read; a picture is named."""
    files = {
        "a.txt": b"inner words",
        "b.pdf": one_page(shown(60, 700, "inner page")),
        "c.png": b"\x89PNG\r\n\x1a\n\x00\x00",
    }
    extracted = read(portfolio(files), "a.pdf")
    note = "attachment c.png: not read: unsupported_type"
    assert extracted.notes == (note,)
    assert extracted.text.strip().split("\n\n") == [
        "Cover", "## Attachment: a.txt", "inner words", "## Attachment: b.pdf", "inner page",
        "## Attachment: c.png", f"[{note}]",
    ]  # fmt: skip
    made = Made()
    file = made.add(f"<</Type/Filespec/F(d.txt)/EF<</F {made.stream('pinned words', '/Type/EmbeddedFile')} 0 R>>>>")
    pinned = annotated(
        [f"/Subtype/FileAttachment/Rect[60 600 80 620]/Contents(d.txt)/FS {file} 0 R"], shown(60, 700, "Page"), made
    )
    assert blocks(pinned) == ["Page", "## Attachment: d.txt", "pinned words"]


def test_nested_attachments_are_bounded() -> None:
    """However deeply they are nested, each is read or named."""
    body = b"the innermost words"
    for depth in range(3):
        body = portfolio({f"{depth}.txt" if not depth else f"{depth}.pdf": body})
    assert "the innermost words" in read(body, "a.pdf").text


@pytest.mark.parametrize("needs_rendering", [True, False])
def test_the_values_of_an_xfa_form_are_read(needs_rendering: bool) -> None:  # noqa: FBT001
    """Its pages only ask the reader to wait; a note says so."""
    extracted = xfa("<form><Name>Anna</Name><Amount>12</Amount></form>", needs_rendering=needs_rendering)
    assert "- Name: Anna\n- Amount: 12\n" in extracted.text
    assert extracted.notes == (
        "an XFA form, which only Adobe's programs show: print it to a PDF there; here are the values of its fields",
    )


def test_an_xfa_form_without_values_is_noted() -> None:
    """Only its shell can be read."""
    assert xfa("", needs_rendering=True).notes == (
        "an XFA form, which only Adobe's programs show: print it to a PDF there",
    )


def xfa(data: str, *, needs_rendering: bool) -> Extracted:
    """An XFA form."""
    made = Made()
    space = 'xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"'
    packet = made.stream(f"<xfa:datasets {space}><xfa:data>{data}</xfa:data></xfa:datasets>")
    made.root["AcroForm"] = f"<</Fields[]/XFA[(datasets) {packet} 0 R]>>"
    made.root["NeedsRendering"] = str(needs_rendering).lower()
    made.page(shown(60, 700, "Please wait... If this message is not eventually replaced, update your viewer."))
    return read(made.bytes(), "a.pdf")


def test_a_bomb_in_an_attachment_affects_only_that_attachment() -> None:
    """A note says what could not be read."""
    extracted = read(portfolio({"x.pdf": b"%PDF-1.7\nrubbish\n%%EOF\n"}), "a.pdf")
    assert extracted.notes == ("attachment x.pdf: not read: unreadable_document",)
    with pytest.raises(JobError):
        read(b"%PDF-1.7\nrubbish\n%%EOF\n", "x.pdf")
