"""Which paragraphs of a slide have bullets or numbers: as its shape, its layout and its master say, in this order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from backburner.errors import JobError
from backburner.extraction.graphics import related
from backburner.extraction.parts import Parts
from backburner.extraction.xmltree import Element, attribute, local_name, whole_number

LEVELS = 9
_TITLES = frozenset({"title", "ctrTitle"})
_OTHERS = frozenset({"dt", "ftr", "sldNum", "hdr"})
_LETTERS = 26
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"),
    (50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip


@dataclass(frozen=True)
class Bullet:
    """The mark before a paragraph: none, a dot, or a number of a scheme (`arabicPeriod`) from a start."""

    scheme: str | None = None
    is_dot: bool = False
    start: int = 1

    @property
    def is_shown(self) -> bool:
        """Whether there is a mark."""
        return self.is_dot or self.scheme is not None


NONE = Bullet()


@dataclass
class Styles:
    """The bullets of placeholders, looked up in layouts and masters and remembered."""

    parts: Parts
    _roots: dict[str, Element | None] = field(default_factory=dict)

    def inherited(self, slide: str, placeholder: Element | None) -> list[Element]:
        """The list styles that hold for a shape beside its own, the nearest first."""
        layout = next(iter(related(self.parts, slide, "slideLayout")), "")
        master = next(iter(related(self.parts, layout or slide, "slideMaster", "notesMaster")), "")
        kind = (attribute(placeholder, "type") or "obj") if placeholder is not None else ""
        found: list[Element] = []
        if placeholder is not None:
            index = attribute(placeholder, "idx")
            found += self._of_placeholder(layout, kind, index)
            found += self._of_placeholder(master, "body" if kind not in _TITLES | _OTHERS else kind, None)
        wanted = "titleStyle" if kind in _TITLES else "otherStyle" if kind in _OTHERS or not kind else "bodyStyle"
        root = self.root(master)
        return found + ([one for one in root.iter("{*}txStyles", "{*}notesStyle") for one in _styles(one, wanted)]
                        if root is not None else [])  # fmt: skip

    def root(self, part: str) -> Element | None:
        """A layout or master; None where it is missing or damaged, for it holds no text of a slide's own."""
        if part not in self._roots:
            try:
                self._roots[part] = self.parts.tree(part) if part else None
            except JobError:
                self._roots[part] = None
        return self._roots[part]

    def _of_placeholder(self, part: str, kind: str, index: str | None) -> Iterator[Element]:
        root = self.root(part)
        if root is None:
            return
        for shape in root.iter("{*}sp"):
            own = next(shape.iter("{*}ph"), None)
            if own is None:
                continue
            fits = attribute(own, "idx") == index if index is not None else _kind(own) == kind
            if fits:
                yield from shape.iter("{*}lstStyle")
                return


def _kind(placeholder: Element) -> str:
    return attribute(placeholder, "type") or "obj"


def _styles(styles: Element, wanted: str) -> Iterator[Element]:
    if local_name(styles) == "notesStyle":
        yield styles
    else:
        yield from (one for one in styles if local_name(one) == wanted)


def bullet_of(properties: Element | None, level: int, styles: Sequence[Element]) -> Bullet:
    """The mark of a paragraph of a level from 0, with its own properties and the styles around it, nearest first."""
    if properties is not None and (own := _said(properties)) is not None:
        return own
    name = f"lvl{min(level, LEVELS - 1) + 1}pPr"
    for style in styles:
        for one in style:
            if local_name(one) == name and (said := _said(one)) is not None:
                return said
    return NONE


def label(scheme: str, number: int) -> str:
    """A number as PowerPoint writes it: `alphaLcParenR` makes `c)` of 3."""
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


def _said(properties: Element) -> Bullet | None:
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
    """27 is aa, 28 bb, as PowerPoint counts on."""
    times, place = divmod(number - 1, _LETTERS)
    return chr(ord("a") + place) * min(times + 1, 10)


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        text += letters * min(times, 10)
    return text
