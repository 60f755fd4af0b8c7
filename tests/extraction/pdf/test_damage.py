"""A damaged picture is not sent as a white page: PDFium draws nothing in its place, and the document is refused."""

import zlib

import pytest

from backburner.documents.pictures import Piece
from backburner.errors import JobError, Reason
from backburner.extraction.pictures.rendering import rendered
from support import scans

from .made import LINE, Made, lines

SIDE = 200
FULL = "q 595 0 0 842 0 0 cm /I Do Q "
HALVES = "q 595 0 0 421 0 421 cm /Whole Do Q q 595 0 0 421 0 0 cm /I Do Q "
ORNAMENT = "q 20 0 0 20 280 20 cm /I Do Q "
RUBBISH = b"rubbish " * 500
GREY = bytes(range(SIDE)) * SIDE
G4 = "/DecodeParms<</K -1/Columns 200/Rows 200>>"


def page(content: str, data: bytes, filter_: str, more: str = "/ColorSpace/DeviceGray/BitsPerComponent 8") -> bytes:
    """A page that draws a picture with these bytes, and an intact one."""
    made = Made()
    entries = f"/Type/XObject/Subtype/Image/Width {SIDE}/Height {SIDE}/Filter/{filter_}{more}"
    made.page(content, xobjects={"I": made.stream(data, entries), "Whole": made.picture()})
    return made.bytes()


def drawn(body: bytes) -> bytes:
    """Its first page as it is sent."""
    (one,) = rendered(body, [Piece(1)], 400)
    return one.body


JPEG = scans.saved(scans.page(size=(SIDE, SIDE)), "JPEG")
LOST = {
    "JPEG": page(FULL, RUBBISH, "DCTDecode"),
    "head of a JPEG": page(FULL, JPEG[:150], "DCTDecode"),
    "JPEG 2000": page(FULL, RUBBISH, "JPXDecode"),
    "JBIG2": page(FULL, RUBBISH, "JBIG2Decode", "/ColorSpace/DeviceGray/BitsPerComponent 1"),
    "fax": page(FULL, b"", "CCITTFaxDecode", f"/ColorSpace/DeviceGray/BitsPerComponent 1{G4}"),
    "unknown filter": page(FULL, GREY, "FutureDecode"),
    "packed": page(FULL, RUBBISH, "FlateDecode"),
    "packed, drawn white": page(FULL, RUBBISH, "FlateDecode", "/ColorSpace/DeviceCMYK/BitsPerComponent 8"),
    "lower half": page(HALVES, RUBBISH, "DCTDecode"),
    "below a text": page(FULL + lines(60, 780, [LINE] * 3), RUBBISH, "DCTDecode"),
}


@pytest.mark.parametrize("name", LOST)
def test_a_page_whose_picture_is_damaged_is_refused(name: str) -> None:
    """It is not sent as a white or black page that nobody scanned."""
    with pytest.raises(JobError, match="page 1 of the PDF cannot be drawn: save it again") as refused:
        drawn(LOST[name])
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


@pytest.mark.parametrize(
    "body",
    [
        page(FULL, JPEG, "DCTDecode"),
        page(FULL, zlib.compress(GREY), "FlateDecode"),
        page(FULL, zlib.compress(b"\xff" * SIDE * SIDE), "FlateDecode"),
        page(FULL, zlib.compress(b"\xff" * (SIDE * SIDE // 8)), "FlateDecode", "/ImageMask true/BitsPerComponent 1"),
        page(FULL, zlib.compress(bytes(SIDE * SIDE // 4)), "FlateDecode",
             "/ColorSpace[/Indexed/DeviceRGB 1 <ffffff000000>]/BitsPerComponent 2"),
        page(HALVES + ORNAMENT.replace("/I", "/Whole"), JPEG, "DCTDecode"),
        page(lines(60, 780, [LINE]) + ORNAMENT, RUBBISH, "DCTDecode"),
    ],
    ids=["JPEG", "packed", "white", "mask", "palette", "strips", "spoilt ornament"],
)  # fmt: skip
def test_a_page_whose_pictures_are_intact_is_drawn(body: bytes) -> None:
    """A scanned blank sheet is drawn too, and so is a page on which only an ornament is damaged."""
    assert drawn(body)
