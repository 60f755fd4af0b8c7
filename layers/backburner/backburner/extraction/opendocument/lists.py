"""Numbers of items and headings, counted as their styles say."""

import re
from dataclasses import dataclass, field

from backburner.extraction.opendocument.styles import MAX_LEVELS, Level, Styles
from backburner.extraction.ordinals import Numbering, ordinal

_PLACE = re.compile(r"%(\d+)%")


@dataclass
class Counter:
    """Where a list stands, on each of its levels."""

    numbers: dict[int, int] = field(default_factory=dict)

    def next(self, depth: int, level: Level, start: int | None) -> None:
        """The next item of a level, from 1; deeper levels begin again."""
        if start is not None:
            self.numbers[depth] = start
        else:
            self.numbers[depth] = self.numbers[depth] + 1 if depth in self.numbers else level.start
        for deeper in [known for known in self.numbers if known > depth]:
            del self.numbers[deeper]

    def label(self, depth: int, levels: dict[int, Level]) -> str:
        """What stands before the current item of a level."""
        level = levels.get(depth, Level())
        if level.form is Numbering.BULLET:
            return "•"
        if level.pattern:
            return _PLACE.sub(lambda found: self._shown(min(int(found[1]), MAX_LEVELS), levels), level.pattern).strip()
        if level.form is Numbering.NONE:
            return f"{level.prefix}{level.suffix}".strip()
        shown = [self._shown(of, levels) for of in range(max(depth - level.shown_levels + 1, 1), depth + 1)]
        return f"{level.prefix}{'.'.join(number for number in shown if number)}{level.suffix}".strip()

    def _shown(self, depth: int, levels: dict[int, Level]) -> str:
        level = levels.get(depth, Level())
        if level.form in (Numbering.BULLET, Numbering.NONE):
            return ""
        return ordinal(self.numbers.get(depth, level.start), level.form)


@dataclass
class OpenList:
    """A list, or a list in an item, that is being read."""

    style: str
    depth: int
    counter: Counter
    item_label: str | None = None
    """The number that somebody wrote out."""
    start: int | None = None
    is_header: bool = False
    is_begun: bool = False
    """Whether the current item has a paragraph already."""


class Lists:
    """The lists of a document."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._by_id: dict[str, Counter] = {}
        self._by_style: dict[str, Counter] = {}
        self._headings = Counter()

    def counter(self, identity: str, style: str, continued: str, *, is_continued: bool) -> Counter:
        """Where a list that begins counts: where another one stopped, or from its start."""
        counter = self._by_id.get(continued) if continued else None
        if counter is None and is_continued:
            counter = self._by_style.get(style)
        counter = counter or Counter()
        self._by_style[style] = counter
        if identity:
            self._by_id[identity] = counter
        return counter

    def same(self, identity: str, style: str) -> Counter:
        """The counter of numbered paragraphs that belong together."""
        counter = self._by_id.get(identity) or (None if identity else self._by_style.get(style)) or Counter()
        return self.counter(identity, style, "", is_continued=False) if not counter.numbers else counter

    def label(self, of: OpenList, paragraph_style: str) -> str | None:
        """What stands before the paragraph that comes; None if it is a further one, or one of the list's header."""
        if of.is_header or of.is_begun:
            return None
        of.is_begun = True
        used = of.style or self._styles.list_of_paragraph(paragraph_style)
        levels = {depth: self._styles.level(used, depth) for depth in range(1, of.depth + 1)}
        of.counter.next(of.depth, levels[of.depth], of.start)
        return of.item_label if of.item_label is not None else of.counter.label(of.depth, levels)

    def heading(self, depth: int, start: int | None) -> str:
        """The number of the next heading of a level; "" if its level has none."""
        level = self._styles.outline.get(depth)
        self._headings.next(depth, level or Level(), start)
        return self._headings.label(depth, self._styles.outline) if level and level.form is not Numbering.BULLET else ""
