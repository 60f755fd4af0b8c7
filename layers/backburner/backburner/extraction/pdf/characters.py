"""The characters of a page, as they are drawn."""

from collections.abc import Callable, Container
from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How a character is set: where its origin is, how large it is, at which angle (radians, anticlockwise)."""

    x: float
    y: float
    size: float
    angle: float


@dataclass
class Characters:
    """The characters of a page as it is drawn, in the order of their drawing."""

    text: list[str]
    """One for each; what PDFium has added (spaces, line ends) has a box without width and height."""
    boxes: list[float]
    """Left, top, right, bottom of each, one behind the other: as wide as the font says, as high as the font is."""
    unmapped: list[int]
    """1 for each whose font does not say what it stands for."""
    style: Callable[[int], Style]
    """The style of one of them."""
    drawn_in: Callable[[int], int]
    """What one of them was drawn with: the same number for all that one operator drew."""
    font: Callable[[int], int]
    """A number for the font of one of them."""

    is_invisible: bool = False
    """Whether the first of them leaves no ink, as those do that OCR puts over a picture."""

    @property
    def pieces(self) -> int:
        """By how many operators they were drawn."""
        return len(set(map(self.drawn_in, range(len(self.text)))) - {0})

    def only(self, drawn: Container[int | None]) -> "Characters":
        """Those that were drawn with these; all about them is looked up, so that the page may be closed."""
        kept = [at for at in range(len(self.text)) if self.drawn_in(at) in drawn]
        boxes = [self.boxes[4 * at : 4 * at + 4] for at in kept]
        return Characters(
            text=[self.text[at] for at in kept],
            boxes=[side for box in boxes for side in box],
            unmapped=[self.unmapped[at] for at in kept],
            style=[self.style(at) for at in kept].__getitem__,
            drawn_in=[self.drawn_in(at) for at in kept].__getitem__,
            font=[self.font(at) for at in kept].__getitem__,
        )
