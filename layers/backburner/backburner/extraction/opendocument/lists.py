"""Numbers of list items and headings, counted as their styles require."""

import re
from dataclasses import dataclass, field

from backburner.extraction.opendocument.styles import MAX_LEVELS, Level, Styles
from backburner.extraction.ordinals import Numbering, ordinal

_LEVEL_NUMBER = re.compile(r"%(\d+)%")


@dataclass
class Counter:
    """The current numbers of a list, by level."""

    numbers: dict[int, int] = field(default_factory=dict)

    def next(self, depth: int, level: Level, start: int | None) -> None:
        """Count the next item of a level, from 1; deeper levels restart."""
        if start is not None:
            self.numbers[depth] = start
        else:
            self.numbers[depth] = self.numbers[depth] + 1 if depth in self.numbers else level.start
        for deeper in [known for known in self.numbers if known > depth]:
            del self.numbers[deeper]

    def label(self, depth: int, levels: dict[int, Level]) -> str:
        """The label of the current item of a level."""
        level = levels.get(depth, Level())
        if level.form is Numbering.BULLET:
            return "•"
        if level.pattern:
            return _LEVEL_NUMBER.sub(
                lambda found: self._shown(min(int(found[1]), MAX_LEVELS), levels), level.pattern
            ).strip()
        if level.form is Numbering.NONE:
            return f"{level.prefix}{level.suffix}".strip()
        shown = [
            self._shown(shown_depth, levels) for shown_depth in range(max(depth - level.shown_levels + 1, 1), depth + 1)
        ]
        return f"{level.prefix}{'.'.join(number for number in shown if number)}{level.suffix}".strip()

    def _shown(self, depth: int, levels: dict[int, Level]) -> str:
        level = levels.get(depth, Level())
        if level.form in (Numbering.BULLET, Numbering.NONE):
            return ""
        return ordinal(self.numbers.get(depth, level.start), level.form)


@dataclass
class OpenList:
    """A list, possibly nested in an item, while it is being read."""

    style: str
    depth: int
    counter: Counter
    item_label: str | None = None
    """A number that the file spells out."""
    start: int | None = None
    is_header: bool = False
    has_paragraph: bool = False
    """Whether the current item already has a paragraph."""


class Lists:
    """The lists of a document."""

    def __init__(self, styles: Styles) -> None:
        self._styles = styles
        self._by_id: dict[str, Counter] = {}
        self._by_style: dict[str, Counter] = {}
        self._headings = Counter()

    def counter(self, identity: str, style: str, continued: str, *, is_continued: bool) -> Counter:
        """The counter of a list that begins: continued from another list, or a new one."""
        counter = self._by_id.get(continued) if continued else None
        if counter is None and is_continued:
            counter = self._by_style.get(style)
        counter = counter or Counter()
        self._by_style[style] = counter
        if identity:
            self._by_id[identity] = counter
        return counter

    def shared_counter(self, identity: str, style: str) -> Counter:
        """The counter shared by numbered paragraphs with the same id or style."""
        counter = self._by_id.get(identity) or (None if identity else self._by_style.get(style)) or Counter()
        return self.counter(identity, style, "", is_continued=False) if not counter.numbers else counter

    def label(self, open_list: OpenList, paragraph_style: str) -> str | None:
        """The label of the next paragraph; None if it is not the first one of an item, or belongs to a list header."""
        if open_list.is_header or open_list.has_paragraph:
            return None
        open_list.has_paragraph = True
        list_style = open_list.style or self._styles.list_of_paragraph(paragraph_style)
        levels = {depth: self._styles.level(list_style, depth) for depth in range(1, open_list.depth + 1)}
        open_list.counter.next(open_list.depth, levels[open_list.depth], open_list.start)
        if open_list.item_label is not None:
            return open_list.item_label
        return open_list.counter.label(open_list.depth, levels)

    def heading(self, depth: int, start: int | None) -> str:
        """The number of the next heading of a level; "" if the level is not numbered."""
        level = self._styles.outline.get(depth)
        self._headings.next(depth, level or Level(), start)
        return self._headings.label(depth, self._styles.outline) if level and level.form is not Numbering.BULLET else ""
