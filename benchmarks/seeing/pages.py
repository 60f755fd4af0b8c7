"""Scans and pictures in which every word is known: print of known size, as scanners, phones and faxes leave it."""

import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from support import scans

DPI = 300
A4 = (2480, 3508)
_MARGIN, _LINES = 260, 24
_WORDS = [
    "the", "tenant", "shall", "keep", "harbour", "quay", "in", "good", "repair", "before", "noon", "every", "working",
    "day", "unless", "notice", "given", "landlord", "by", "registered", "letter", "within", "ninety", "days", "of",
    "delivery", "payment", "falls", "due", "quarterly", "for", "grain", "timber", "coal", "while", "pilot", "vessel",
    "crane", "berth", "depth", "tide", "northern", "warehouse", "insurance", "liability", "agreement", "clause",
]  # fmt: skip
_NUMBERS, _DARK = 0.07, 150
"""The share of numbers among the words; and the grey below which a fax is black."""


@dataclass(frozen=True)
class Scan:
    """A file, and the words on it in reading order."""

    name: str
    body: bytes
    words: str


def page(seed: int, points: float = 11, columns: int = 1, lines: int = _LINES) -> tuple[Image.Image, str]:
    """A page of running words, with a number now and then, and its list of words."""
    image, chosen = Image.new("L", A4, 252), random.Random(seed)  # noqa: S311 - the same words in every run
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=points * DPI / 72)
    width, words = (A4[0] - _MARGIN * (columns + 1)) // columns, list[str]()
    for column in range(columns):
        for line in range(lines):
            text = list[str]()
            while draw.textlength(" ".join(text), font) < width * 0.86:
                text.append(str(chosen.randint(100, 9_999)) if chosen.random() < _NUMBERS else chosen.choice(_WORDS))
            at = (_MARGIN + column * (width + _MARGIN), _MARGIN + int(line * points * 1.6 * DPI / 72))
            draw.text(at, " ".join(text), fill=25, font=font)
            words += text
    return image, " ".join(words)


def all_scans() -> list[Scan]:
    """Scans and pictures as `tests/support/scans.py` has them for the stand-in, in print that can be read."""
    return [
        _pdf("skewed.pdf", [page(1)], scans.skewed),
        _pdf("photographed.pdf", [page(2)], scans.photographed),
        _pdf("columns.pdf", [page(3, 9, columns=2)]),
        _pdf("small-print.pdf", [page(4, 7, lines=36)]),
        _pdf("twelve-pages.pdf", [page(number, lines=8) for number in range(10, 22)]),
        _mixed(),
        _picture("shot.png", 5, lambda image: scans.saved(_scanned(image), "PNG")),
        _picture("phone.jpg", 6, lambda image: scans.turned(scans.photographed(_scanned(image)), 6)),
        _picture("upside-down.webp", 7, lambda image: scans.turned(_scanned(image), 3, "WEBP")),
        _picture("mirrored.png", 8, _mirrored),
        _fax(),
    ]


def _scanned(image: Image.Image) -> Image.Image:
    """At 200 dots per inch, as most scanners are set."""
    return image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.LANCZOS)


def _pdf(
    name: str, pages: Sequence[tuple[Image.Image, str]], how: Callable[[Image.Image], Image.Image] = _scanned
) -> Scan:
    images = [_scanned(how(image)) if how is not _scanned else how(image) for image, _ in pages]
    return Scan(name, scans.pdf(images), " ".join(words for _, words in pages))


def _mixed() -> Scan:
    """A page of text between two scanned ones."""
    (first, before), (third, after) = page(30), page(31)
    between = "The second page was typed and needs no eyes to be read. " * 12
    return Scan("mixed.pdf", scans.pdf([_scanned(first), between, _scanned(third)]), f"{before} {between} {after}")


def _picture(name: str, seed: int, save: Callable[[Image.Image], bytes]) -> Scan:
    image, words = page(seed)
    return Scan(name, save(image), words)


def _mirrored(image: Image.Image) -> bytes:
    """As some front cameras store it: on its side and mirrored (orientation 5)."""
    exif = Image.Exif()
    exif[0x0112] = 5
    return scans.saved(_scanned(image).transpose(Image.Transpose.TRANSPOSE), "PNG", exif=exif)


def _fax() -> Scan:
    """Two pages in black and white."""
    made = [page(seed, 12) for seed in (40, 41)]
    pages = [_scanned(image).point(lambda value: 255 * (value > _DARK)).convert("1") for image, _ in made]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], compression="group4")
    return Scan("fax.tiff", file.getvalue(), " ".join(words for _, words in made))
