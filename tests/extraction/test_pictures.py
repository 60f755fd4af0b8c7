"""Pictures, and PDF pages as pictures: the right pages, upright, within limits; what is not a picture is refused."""

import asyncio
import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from backburner.adapters.extraction import ChildExtractor
from backburner.documents.pictures import Pages, Piece, Rendered, Show, Wish
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction import reading
from backburner.extraction.pictures.rendering import rendered
from backburner_cli.standin.marks import Mark, mark_of
from support import scans
from support.depth import is_deep

from . import corpus
from .pdf.made import Made, lines

CASES = Path(__file__).parent / "cases"
SMALL = (480, 640)
SEEN = Wish(Show.TEXTLESS, 1200)


def read(body: bytes, wish: Wish = SEEN) -> Extracted:
    """What a document becomes for a model that sees; read in this process, because a child takes a second."""
    return reading.read(body, "document", wish=wish)


def drawn(body: bytes, wish: Wish = SEEN) -> list[Rendered]:
    """Every page that is shown, drawn."""
    return list(rendered(body, [picture.piece for picture in read(body, wish).pictures], wish.max_side_px))


def opened(one: Rendered) -> Image.Image:
    """A picture as its receiver opens it."""
    return Image.open(io.BytesIO(one.body), formats=["JPEG", "PNG"])


def marks(body: bytes, wish: Wish = SEEN) -> list[Mark | None]:
    """The marks on the drawn pages."""
    return [mark_of(opened(one)) for one in drawn(body, wish)]


def png_header(width: int, height: int) -> bytes:
    """A PNG that declares a size and contains no pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


FORMATS = {
    "PNG": lambda page: scans.saved(page, "PNG"),
    "JPEG": lambda page: scans.saved(page, "JPEG"),
    "WebP": lambda page: scans.saved(page, "WEBP"),
    "GIF": lambda page: scans.saved(page, "GIF"),
    "TIFF": lambda page: scans.saved(page, "TIFF"),
    "BMP": lambda page: scans.saved(page, "BMP"),
    "AVIF": lambda page: scans.saved(page, "AVIF", speed=10),
    "16 bits": lambda page: scans.saved(page.convert("I").point(lambda value: value * 200).convert("I;16"), "PNG"),
    "CMYK": lambda page: scans.saved(page.convert("CMYK"), "JPEG"),
    "palette": lambda page: scans.saved(page.convert("P"), "PNG"),
    "transparent": lambda page: scans.saved(on_nothing(page), "PNG"),
    "turned": lambda page: scans.turned(page, 6),
    "turned back": lambda page: scans.turned(page, 8),
    "upside down": lambda page: scans.turned(page, 3, "WEBP"),
    "turned TIFF": lambda page: scans.turned(page, 6, "TIFF"),
    "HEIC": lambda _: (CASES / "phone.heic").read_bytes(),
}


def on_nothing(page: Image.Image) -> Image.Image:
    """The page's ink on a transparent background."""
    inked = Image.new("RGBA", page.size, (0, 0, 0, 0))
    inked.putalpha(page.point(lambda value: 255 - value))
    return inked


@pytest.mark.parametrize("format_", FORMATS)
def test_a_picture_of_any_format_is_drawn_upright(format_: str) -> None:
    """It is a JPEG or PNG that shows the whole page, in the size that was announced before drawing."""
    body = FORMATS[format_](scans.page(size=SMALL))
    told = read(body).pictures[0]
    (one,) = drawn(body)
    assert mark_of(opened(one)) == Mark(1, 1, "upright")
    assert (told.width, told.height) == opened(one).size == SMALL
    assert one.media_type == f"image/{(opened(one).format or '').lower()}"


SPOTS = [[0, 40, 80], [120, 160, 200]]
"""The grey of each square of a picture that looks different in every rotation and reflection."""
STORED = {
    1: lambda row, column: (row, column),
    2: lambda row, column: (row, 2 - column),
    3: lambda row, column: (1 - row, 2 - column),
    4: lambda row, column: (1 - row, column),
    5: lambda row, column: (column, row),
    6: lambda row, column: (column, 2 - row),
    7: lambda row, column: (1 - column, 2 - row),
    8: lambda row, column: (1 - column, row),
}
"""Which square of the scene is at a row and column of the file, by the EXIF standard's table of orientations."""


def spots(orientation: int, format_: str) -> bytes:
    """The squares as a camera stores them that is held or mirrors in this way."""
    rows, columns = (3, 2) if orientation >= 5 else (2, 3)
    image, exif = Image.new("L", (columns * 100, rows * 100)), Image.Exif()
    for row in range(rows):
        for column in range(columns):
            down, across = STORED[orientation](row, column)
            image.paste(SPOTS[down][across], (column * 100, row * 100, column * 100 + 100, row * 100 + 100))
    exif[0x0112] = orientation
    return scans.saved(image, format_, exif=exif)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_is_turned_and_mirrored_as_its_exif_says(orientation: int, format_: str) -> None:
    """Every pixel is where the camera saw it: a mirrored page would be unreadable."""
    (one,) = drawn(spots(orientation, format_))
    image = opened(one).convert("L")
    assert image.size == (300, 200)
    seen = [[image.getpixel((across * 100 + 50, down * 100 + 50)) for across in range(3)] for down in range(2)]
    assert [[round(grey / 40) * 40 for grey in row] for row in seen] == SPOTS


def test_the_pages_of_a_tiff_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is the same as a PDF's; up to it, all pages are shown."""
    with pytest.raises(JobError, match="5001 pages, at most 5000 are shown: split it up") as refused:
        read(scans.endless(5001))
    assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE
    monkeypatch.setattr("backburner.extraction.pictures.measuring.MAX_SHOWN", 7)
    assert read(scans.endless(7)).pages == Pages(images="1-7")
    with pytest.raises(JobError, match="8 pages, at most 7"):
        read(scans.endless(8))


def test_every_page_of_a_tiff_is_shown() -> None:
    body = scans.document("fax.tiff")
    assert marks(body) == [Mark(page, 3, "upright") for page in (1, 2, 3)]
    assert read(body).pages == Pages(images="1-3")


def test_the_first_frame_of_an_animation_is_shown_and_the_rest_are_noted() -> None:
    frames = [scans.page(number, 3, SMALL) for number in (1, 2, 3)]
    body = scans.saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert marks(body) == [Mark(1, 3, "upright")]
    assert read(body).notes == ("a moving picture: only the first of its 3 pictures was sent",)


def test_auxiliary_pictures_in_a_photo_are_not_an_animation() -> None:
    """Phones add one of the brightness or the depth."""
    body = scans.saved(scans.page(size=SMALL), "MPO", save_all=True, append_images=[Image.new("L", (60, 80))])
    assert (read(body).notes, marks(body)) == ((), [Mark(1, 1, "upright")])


def test_a_white_drawing_on_transparency_is_shown_on_black() -> None:
    """It would be invisible on white; a dark one, or a white one with a background of its own, is shown on white."""
    white = Image.new("LA", (300, 300))
    white.paste((255, 255), (50, 100, 250, 150))
    dark = Image.new("LA", (300, 300))
    dark.paste((20, 255), (50, 100, 250, 150))
    label = white.copy()
    label.paste((20, 255), (100, 120, 200, 130))
    levels = [opened(drawn(scans.saved(one, "PNG"))[0]).convert("L").getextrema() for one in (white, dark, label)]
    assert levels == [(0, 255), (20, 255), (20, 255)]
    (one,) = drawn(scans.saved(label, "PNG"))
    assert opened(one).convert("L").getpixel((0, 0)) == 255


@pytest.mark.parametrize(("grey", "seen"), [(65_535, 255), (0, 0)])
def test_a_plain_16_bit_picture_keeps_its_colour(grey: int, seen: int) -> None:
    (one,) = drawn(scans.saved(Image.new("I;16", (60, 40), grey), "PNG"))
    assert opened(one).convert("L").getextrema() == (seen, seen)


@pytest.mark.parametrize("format_", ["JPEG", "PNG"])
def test_an_invalid_orientation_is_ignored(format_: str) -> None:
    """The picture keeps its shape."""
    exif = Image.Exif()
    exif[0x0112] = 99
    body = scans.saved(Image.new("L", (300, 200), 9), format_, exif=exif)
    assert opened(drawn(body)[0]).size == (read(body).pictures[0].width, read(body).pictures[0].height) == (300, 200)


def test_a_damaged_page_is_not_left_out_if_all_are_to_be_shown() -> None:
    """With `input: images` the document is refused; with `auto` the other pages are sent, and a note says so."""
    made = Made()
    made.page(lines(60, 780, ["The first page."]))
    content = made.stream(b"x\x9c" + b"\xff" * 90, "/Filter/FlateDecode")
    made.pages.append(made.add(f"<</Type/Page/Parent {made.tree} 0 R/MediaBox[0 0 595 842]/Contents {content} 0 R>>"))
    found = read(made.bytes())
    assert (found.pages, found.notes) == (Pages(text="1", unread="2"), ("page 2: damaged, not read",))
    with pytest.raises(JobError, match="page 2 of the PDF is damaged and cannot be shown") as refused:
        read(made.bytes(), Wish(Show.ALL))
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def ruled(length: int, width: int = 120) -> Image.Image:
    """A long strip whose grey shows how far down a row is: one step for each hundred pixels."""
    image = Image.new("L", (width, length))
    for top in range(0, length, 100):
        image.paste(top // 100, (0, top, width, top + 100))
    return image


@pytest.mark.parametrize("lies", [False, True], ids=["upright", "on its side"])
def test_a_long_picture_is_shown_in_pieces(lies: bool) -> None:  # noqa: FBT001
    """They are in order and in full size, each begins above the end of the last one, and nothing is left out."""
    strip = ruled(8_000).transpose(Image.Transpose.ROTATE_90) if lies else ruled(8_000)
    body = scans.saved(strip, "PNG")
    found, pieces = read(body), [opened(one).convert("L") for one in drawn(body)]
    assert (found.pages, len(pieces)) == (Pages(images="1"), 8)
    assert [one.label for one in found.pictures][:2] == ["[page 1, piece 1 of 8]", "[page 1, piece 2 of 8]"]
    assert [(one.width, one.height) for one in found.pictures] == [piece.size for piece in pieces]
    assert {piece.size for piece in pieces} == {(1_200, 120) if lies else (120, 1_200)}
    steps = [range(low, high + 1) for low, high in (piece.getextrema() for piece in pieces)]
    assert steps == sorted(steps, key=min)
    assert sorted(set().union(*steps)) == list(range(80))


def test_a_long_page_of_a_pdf_is_shown_in_pieces() -> None:
    """Each piece of a three-metre banner shows its own part, as sharply as an ordinary page."""
    made = Made()
    squares = "".join(f"{at / 40:.3f} g {at * 200} 0 200 400 re f\n" for at in range(40))
    made.page(squares, size=(8_000, 400))
    found, pieces = read(made.bytes()), [opened(one).convert("L") for one in drawn(made.bytes())]
    assert found.pages == Pages(images="1")
    assert {piece.size for piece in pieces} == {(1_200, 1_200)}
    lefts = [piece.getpixel((2, 600)) for piece in pieces]
    assert lefts == sorted(set(lefts))
    assert (pieces[0].getpixel((2, 600)), pieces[-1].getpixel((1_197, 600))) == (0, pytest.approx(39 / 40 * 255, abs=3))


def test_a_picture_too_long_to_be_shown_is_refused() -> None:
    """It is not shrunk to a line."""
    made = Made()
    made.page("0 0 m 200000 100 l S", size=(200_000, 400))
    with pytest.raises(JobError, match="too long to be shown: cut it") as refused:
        read(made.bytes())
    assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE


def test_a_fax_keeps_its_proportions() -> None:
    """Its pixels are twice as high as wide; people and models want them square."""
    fax = scans.page(size=(640, 320)).point(lambda value: 255 * (value > 128)).convert("1")
    body = scans.saved(fax, "TIFF", dpi=(200, 100))
    assert opened(drawn(body)[0]).size == (640, 640)


def test_pages_without_text_are_shown_and_the_others_read() -> None:
    """The order is kept: text comes before, between and after the pictures."""
    found = read(scans.document("mixed.pdf"))
    assert found.pages == Pages(text="2, 4", images="1, 3")
    first, third = found.pictures
    assert (first.page, first.at, third.page) == (1, 0, 3)
    assert "second annex" in found.text[: third.at]
    assert found.text[third.at :].startswith("Fourth. ")
    assert "Fourth" not in found.text[: third.at]


def test_all_pages_are_shown_if_the_recipe_asks_for_them() -> None:
    found = read(corpus.pdf(3), Wish(Show.ALL, 800))
    assert (found.text, [picture.page for picture in found.pictures]) == ("", [1, 2, 3])
    assert found.pages == Pages(images="1-3")
    assert [max(opened(one).size) for one in drawn(corpus.pdf(3), Wish(Show.ALL, 800))] == [800] * 3


def test_a_page_of_unmapped_glyphs_is_shown() -> None:
    """Its font does not tell what the letters mean, but they can be seen."""
    found = read((CASES / "notounicode.pdf").read_bytes())
    assert (found.text, found.pages) == ("", Pages(images="1"))


def test_a_pdf_with_text_stays_text() -> None:
    assert read(corpus.pdf(2)).text == read(corpus.pdf(2), Wish()).text
    assert read(corpus.pdf(2)).pictures == ()


@pytest.mark.parametrize("name", ["skewed.pdf", "photographed.pdf", "columns.pdf"])
def test_a_scan_is_shown_whole(name: str) -> None:
    assert marks(scans.document(name)) == [Mark(1, 1, "upright")]


def test_forty_pages_are_drawn_in_the_order_asked_for() -> None:
    body = scans.document("forty.pdf")
    found = asyncio.run(ChildExtractor().render(body, "a.pdf", [Piece(40), Piece(7)], 1000))
    assert [mark_of(opened(one)) for one in found] == [Mark(40, 40, "upright"), Mark(7, 40, "upright")]


def test_a_rotated_page_is_drawn_as_it_is_read() -> None:
    """The page lies on its side, and its /Rotate turns it upright."""
    lying = scans.pdf([scans.page().transpose(Image.Transpose.ROTATE_90)])
    turned = lying.replace(b"/MediaBox", b"/Rotate 90 /MediaBox", 1)
    assert [mark.lies for mark in marks(lying) if mark] == ["on its side"]
    assert [mark.lies for mark in marks(turned) if mark] == ["upright"]


def test_the_size_of_drawn_pages_is_bounded() -> None:
    """Noise does not compress as JPEG: the more pages are sent together, the fewer bytes each may have."""
    noise = Image.effect_noise((1600, 1600), 120)
    assert len(drawn(scans.saved(noise, "PNG", compress_level=1), Wish(Show.ALL, 4096))[0].body) <= 1024 * 1024
    frame = noise.crop((0, 0, 900, 900))
    many = scans.saved(frame, "TIFF", save_all=True, append_images=[frame] * 19)
    assert sum(len(one.body) for one in drawn(many)) <= 16 * 1024 * 1024


def test_a_confined_child_reads_and_draws() -> None:
    """Every decoder can be loaded in confinement, and the pages come back without text."""

    async def both(body: bytes) -> tuple[Extracted, list[Rendered]]:
        extractor = ChildExtractor()
        found = await extractor.extract(body, "inbox/a", SEEN)
        return found, await extractor.render(body, "inbox/a", [one.piece for one in found.pictures], SEEN.max_side_px)

    for body in (
        scans.document("mixed.pdf"),
        (CASES / "phone.heic").read_bytes(),
        FORMATS["AVIF"](scans.page(size=SMALL)),
    ):
        found, pages = asyncio.run(both(body))
        assert (found, pages) == (read(body), drawn(body))


def test_pages_that_take_too_long_to_draw_are_given_up_with_the_remedy() -> None:
    """The child is killed amid four thousand large pages, and none of them is sent."""
    extractor = ChildExtractor(limit_s=0.5)
    with pytest.raises(
        JobError, match=r"more than 0\.5 s .* show fewer pages at a time \(images\.max_pages"
    ) as refused:
        asyncio.run(extractor.render(scans.document("forty.pdf"), "a.pdf", [Piece(1)] * 4_000, 4096))
    assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE


def test_a_child_refuses_what_cannot_be_drawn() -> None:
    with pytest.raises(JobError, match="damaged"):
        asyncio.run(ChildExtractor().render(scans.saved(scans.page(), "PNG")[:9_000], "a.png", [Piece(1)], 800))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"] if is_deep() else ["RGBA"])
def test_a_picture_within_the_limit_is_drawn_within_the_memory(mode: str) -> None:
    """It is the largest that is read, and the child has only its bounds."""
    memory_bytes = 200 * 2**20
    pixels = int(memory_bytes * 0.6) // {"RGB": 4, "RGBA": 10, "L": 1}[mode]
    side = int(pixels**0.5)
    extractor = ChildExtractor(memory_bytes=memory_bytes)
    body = scans.saved(Image.new(mode, (side, side), 7), "PNG", compress_level=1)
    (one,) = asyncio.run(extractor.render(body, "a.png", [Piece(1)], 600))
    assert opened(one).size == (600, 600)
    larger = scans.saved(Image.new(mode, (side + 60, side + 60), 7), "PNG", compress_level=1)
    with pytest.raises(JobError, match="raise the functions' memory"):
        asyncio.run(extractor.render(larger, "a.png", [Piece(1)], 600))


REFUSED = {
    # name: the file, the reason, what its message says
    "a header of 10^9 pixels": (lambda: png_header(40_000, 25_000), Reason.DOCUMENT_TOO_LARGE, "save it smaller"),
    "a bomb": (
        lambda: scans.saved(Image.new("1", (20_000, 20_000)), "PNG", compress_level=1),
        Reason.DOCUMENT_TOO_LARGE,
        "save it smaller",
    ),
    "a header of no pixels": (lambda: png_header(0, 5), Reason.UNREADABLE_DOCUMENT, "damaged"),
    "half a PNG": (
        lambda: scans.saved(scans.page(), "PNG")[:9_000],
        Reason.UNREADABLE_DOCUMENT,
        "upload the complete file",
    ),
    "half a JPEG": (lambda: scans.saved(scans.page(), "JPEG")[:9_000], Reason.UNREADABLE_DOCUMENT, "damaged"),
    "half a TIFF": (lambda: scans.document("fax.tiff")[:9_000], Reason.UNREADABLE_DOCUMENT, "damaged"),
    "half a HEIC": (lambda: (CASES / "phone.heic").read_bytes()[:900], Reason.UNREADABLE_DOCUMENT, "damaged"),
    "a mark and rubbish": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(range(256)), Reason.UNREADABLE_DOCUMENT, "damaged"),
    "a WebP of rubbish": (
        lambda: b"RIFF\x10\x00\x00\x00WEBP" + bytes(range(200)),
        Reason.UNREADABLE_DOCUMENT,
        "damaged",
    ),
    "a film": (lambda: b"\x00\x00\x00\x18ftypmp42" + bytes(200), Reason.UNSUPPORTED_TYPE, "MP4"),
    "a PDF of blank pages": (lambda: scans.pdf([""]), Reason.EMPTY_DOCUMENT, "blank"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_shown_is_refused_with_its_remedy(name: str) -> None:
    """It is refused when measured or, if only decoding reveals it, when drawn: half a page is never sent."""
    make, reason, remedy = REFUSED[name]
    body = make()
    with pytest.raises(JobError, match=remedy) as refused:
        drawn(body)
    assert refused.value.reason is reason


def test_a_tiff_whose_pages_form_a_cycle_ends() -> None:
    """The second page names the first as the next one."""
    body = bytearray(scans.document("fax.tiff"))
    first = struct.unpack_from("<I", body, 4)[0]
    second_at = first + 2 + 12 * struct.unpack_from("<H", body, first)[0]
    second = struct.unpack_from("<I", body, second_at)[0]
    struct.pack_into("<I", body, second + 2 + 12 * struct.unpack_from("<H", body, second)[0], first)
    assert len(read(bytes(body)).pictures) == 2


@pytest.mark.parametrize("name", ["shot.png", "forty.pdf"])
def test_without_a_wish_for_pictures_a_scan_is_refused(name: str) -> None:
    """A model that is not known to see gets what it always got: a refusal that says why."""
    body = scans.document(name)
    reason = Reason.UNSUPPORTED_TYPE if name.endswith("png") else Reason.UNREADABLE_DOCUMENT
    with pytest.raises(JobError) as refused:
        read(body, Wish())
    assert refused.value.reason is reason
