"""The characters of a page, as drawn."""

from array import array
from collections.abc import Callable, Container
from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """A character's origin, font size, and angle (radians, anticlockwise)."""

    x: float
    y: float
    size: float
    angle: float


@dataclass
class Characters:
    """The characters of a page in drawing order."""

    text: list[str]
    """One string each; those added by PDFium (spaces, line breaks) have boxes without width and height."""
    boxes: "array[float]"
    """Left, top, right, bottom of each, one after another; the width is the font's advance, the height the font's."""
    unmapped: list[int]
    """1 for each character that the font does not map to Unicode."""
    style: Callable[[int], Style]
    """The style of a character, by index."""
    drawn_in: Callable[[int], int]
    """The text object that drew a character: the same number for all characters of one operator."""
    font: Callable[[int], int]
    """A number for the font of a character."""

    is_invisible: bool = False
    """Whether the first character is invisible, as is OCR text over a picture."""

    @classmethod
    def none(cls) -> "Characters":
        """No characters."""
        return cls([], array("f"), [], lambda _: Style(0.0, 0.0, 0.0, 0.0), lambda _: 0, lambda _: 0)

    @property
    def pieces(self) -> int:
        """The number of text objects that drew them."""
        return len(set(map(self.drawn_in, range(len(self.text)))) - {0})

    def only(self, drawn: Container[int | None]) -> "Characters":
        """The characters drawn by these text objects; everything is looked up now, so that the page may be closed."""
        kept = [at for at in range(len(self.text)) if self.drawn_in(at) in drawn]
        boxes = [self.boxes[4 * at : 4 * at + 4] for at in kept]
        return Characters(
            text=[self.text[at] for at in kept],
            boxes=array("f", [side for box in boxes for side in box]),
            unmapped=[self.unmapped[at] for at in kept],
            style=[self.style(at) for at in kept].__getitem__,
            drawn_in=[self.drawn_in(at) for at in kept].__getitem__,
            font=[self.font(at) for at in kept].__getitem__,
        )
