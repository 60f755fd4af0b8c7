"""Which paragraphs of a slide have bullets or numbers: the shape decides, then its layout, then its master."""

from collections.abc import Sequence
from dataclasses import dataclass

from backburner.extraction.xmltree import Element, attribute, local_name, whole_number

LEVELS = 9
_LETTERS = 26
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True)
class Bullet:
    """The label before a paragraph: none, a bullet, or a number in a scheme (`arabicPeriod`) from a start."""

    scheme: str | None = None
    is_dot: bool = False
    start: int = 1

    @property
    def is_shown(self) -> bool:
        """Whether there is a label."""
        return self.is_dot or self.scheme is not None


NONE = Bullet()


def bullet_of(properties: Element | None, level: int, styles: Sequence[Element]) -> Bullet:
    """The label of a paragraph at a level from 0, by its own properties and the styles around it, nearest first."""
    if properties is not None and (own := _declared_bullet(properties)) is not None:
        return own
    name = f"lvl{min(level, LEVELS - 1) + 1}pPr"
    for style in styles:
        for one in style:
            if local_name(one) == name and (declared := _declared_bullet(one)) is not None:
                return declared
    return NONE


def label(scheme: str, number: int) -> str:
    """A number as PowerPoint writes it: 3 in `alphaLcParenR` is `c)`."""
    if scheme.startswith("alpha"):
        text = _alphabetic(number)
    elif scheme.startswith("roman"):
        text = _roman(number)
    else:
        text = str(number)
    if "Uc" in scheme:
        text = text.upper()
    if scheme.endswith("ParenBoth"):
        return f"({text})"
    if scheme.endswith("ParenR"):
        return f"{text})"
    return text if scheme.endswith("Plain") else f"{text}."


def _declared_bullet(properties: Element) -> Bullet | None:
    for one in properties:
        kind = local_name(one)
        if kind == "buNone":
            return NONE
        if kind in ("buChar", "buBlip"):
            return Bullet(is_dot=True)
        if kind == "buAutoNum":
            scheme = attribute(one, "type") or "arabicPeriod"
            return Bullet(scheme, start=whole_number(attribute(one, "startAt"), otherwise=1))
    return None


def _alphabetic(number: int) -> str:
    """27 is aa, 28 is bb, as PowerPoint counts."""
    times, index = divmod(number - 1, _LETTERS)
    return chr(ord("a") + index) * min(times + 1, 10)


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        text += letters * min(times, 10)
    return text
