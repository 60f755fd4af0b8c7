"""Generated scans and pictures: pages with lines of text and a page mark, as scanners, cameras and faxes leave them."""

import io
import random
import re
import struct
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFilter

from backburner_cli.standin.marks import widths
from support.depth import is_deep

A4 = (1240, 1754)
"""150 dots per inch."""
_WORDS = ("harbour", "report", "tons of grain", "arrived", "before noon", "while", "the pilot", "waited for a tide")


@cache
def page(number: int = 1, of: int = 1, size: tuple[int, int] = A4, *, columns: int = 1) -> Image.Image:
    """A page of text in one or two columns, with its mark above and below the middle; it is not to be modified."""
    image = Image.new("L", size, 250)
    draw, words = ImageDraw.Draw(image), random.Random(number)
    width = size[0] // columns
    for column in range(columns):
        for line in range(12, size[1] // 14 - 8):
            if not 0.36 < line * 14 / size[1] < 0.64:
                text = " ".join(words.choices(_WORDS, k=max(2, width // 70)))
                draw.text((column * width + width // 14, line * 14), text, fill=20)
    bars, unit = widths(number, of), size[0] * 0.9 / sum(widths(number, of))
    at, top, bottom = size[0] * 0.05, int(size[1] * 0.4), int(size[1] * 0.6)
    for n, units in enumerate(bars):
        if n % 2 == 0:
            draw.rectangle((round(at), top, round(at + units * unit) - 1, bottom), fill=10)
        at += units * unit
    return image


def skewed(image: Image.Image, degrees: float = 2.0) -> Image.Image:
    """The page as if it lay askew on the glass."""
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=250)


def photographed(image: Image.Image) -> Image.Image:
    """The page as a phone sees it: from the side, with a shadow, out of focus, in colour."""
    width, height = image.size
    left, right = (-0.06 * width, -0.04 * height, -0.02 * width, 1.05 * height), (1.09, 1.02, 1.04, 0.0)
    corners = (*left, right[0] * width, right[1] * height, right[2] * width, right[3])
    seen = image.transform(image.size, Image.Transform.QUAD, corners, Image.Resampling.BICUBIC, fillcolor=120)
    shadow = Image.linear_gradient("L").resize(image.size).point(lambda value: 255 - value // 3)
    lit = Image.composite(seen, Image.new("L", image.size, 40), shadow).filter(ImageFilter.GaussianBlur(1))
    return Image.merge("RGB", (lit, lit.point(lambda value: value * 0.96), lit.point(lambda value: value * 0.85)))


def saved(image: Image.Image, format_: str, **options: Any) -> bytes:
    """An image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def turned(image: Image.Image, orientation: int, format_: str = "JPEG") -> bytes:
    """A picture stored turned, with its EXIF orientation: 6 as from a phone held upright, 3 upside down."""
    stored = {1: None, 3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    how, exif = stored[orientation], Image.Exif()
    exif[0x0112] = orientation
    return saved(image if how is None else image.transpose(how), format_, exif=exif)


def pdf(images: Sequence[Image.Image | str]) -> bytes:
    """A PDF with a full page for each picture and a page of text for each text."""
    document = FPDF(unit="pt", format="A4")
    document.set_font("Helvetica", size=12)
    document.set_auto_page_break(False)
    for one in images:
        document.add_page()
        if isinstance(one, str):
            document.multi_cell(0, 16, one)
        else:
            document.image(one if one.mode == "RGB" else io.BytesIO(saved(one, "PNG")), 0, 0, 595, 842)
    return bytes(document.output())


_HEIC = Path(__file__).parents[1] / "extraction/cases/phone.heic"
"""A small page that was saved elsewhere, since the library that reads HEIC cannot write it."""
BERTHS = " ".join(["The second annex lists every berth, its depth and its crane."] * 12)
_SCANS: dict[str, Callable[[], bytes]] = {
    "skewed.pdf": lambda: pdf([skewed(page())]),
    "photographed.pdf": lambda: pdf([photographed(page())]),
    "columns.pdf": lambda: pdf([page(columns=2)]),
    "forty.pdf": lambda: pdf([page(n, 40, (496, 702)) for n in range(1, 41)]),
    "mixed.pdf": lambda: pdf([page(1, 4), BERTHS, page(3, 4), f"Fourth. {BERTHS}"]),
}
_PICTURES: dict[str, Callable[[], bytes]] = {
    "shot.png": lambda: saved(page(), "PNG"),
    "phone.jpg": lambda: turned(photographed(page()), 6),
    "photo.webp": lambda: turned(page(), 3, "WEBP"),
    "drawn.gif": lambda: saved(page(1, 1, (620, 877)), "GIF"),
    "fax.tiff": lambda: fax(3),
    "phone.heic": _HEIC.read_bytes,
}
SCANS, PICTURES = tuple(_SCANS), tuple(_PICTURES)
"""The five scans and six pictures that must still be sent whole after every change."""


def chosen() -> tuple[str, ...]:
    """All of them in the deep run; in the quick one a scan that has pages of text, and a photo that is stored turned.

    They serve tests that another cloud sends them too; `tests/handlers` sends each kind of file.
    """
    return (*SCANS, *PICTURES) if is_deep() else ("mixed.pdf", "phone.jpg")


@cache
def document(name: str) -> bytes:
    """One of the files by name."""
    return (_SCANS | _PICTURES)[name]()


def fax(count: int) -> bytes:
    """Black-and-white pages in one TIFF."""
    grey = [page(number, count, (620, 877)) for number in range(1, count + 1)]
    pages = [one.point(lambda value: 255 * (value > 128)).convert("1") for one in grey]
    return saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="group4")


def endless(count: int) -> bytes:
    """A TIFF of many pages that all show the same pixel."""
    longs = {256: 1, 257: 1, 273: 8, 278: 1, 279: 1}
    tags = sorted([*longs.items(), (258, 8), (259, 1), (262, 1), (277, 1)])
    entries = (struct.pack("<HHII", tag, 4 if tag in longs else 3, 1, value) for tag, value in tags)
    page = struct.pack("<H", len(tags)) + b"".join(entries)
    first, size = 12, len(page) + 4
    nexts = (struct.pack("<I", first + size * number if number < count else 0) for number in range(1, count + 1))
    return struct.pack("<2sHI4s", b"II", 42, first, b"\x80") + b"".join(page + following for following in nexts)


def pages_of(name: str) -> list[int]:
    """The pages of a file that are sent as pictures."""
    return {"forty.pdf": list(range(1, 41)), "mixed.pdf": [1, 3], "fax.tiff": [1, 2, 3]}.get(name, [1])


_SEEN = re.compile(r"\[picture: (\d+) x (\d+) pixels, (\d+) bytes, page (\d+) of \d+, upright\]")


def seen(answer: str, max_side_px: int = 1600) -> list[int]:
    """The pages that the stand-in says it saw, in order; fails unless all are upright and within limits."""
    matches = [tuple(map(int, match)) for match in _SEEN.findall(answer)]
    assert len(matches) == answer.count("[picture: "), answer
    assert all(max(width, height) <= max_side_px and size <= 1_048_576 for width, height, size, _ in matches), answer
    return [page for *_, page in matches]
