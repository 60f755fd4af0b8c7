"""RTF groups other than the running text (destinations): notes, headers, boxes, fields, font and list tables."""

from collections.abc import Callable

from backburner.extraction.composition import Block, Composition, comment, joined
from backburner.extraction.rtf import vocabulary as words
from backburner.extraction.rtf.fonts import Fonts
from backburner.extraction.rtf.lists import ListTable
from backburner.extraction.rtf.state import Captured, Discarded, Sink, State
from backburner.extraction.rtf.styles import Styles
from backburner.extraction.story import Story
from backburner.extraction.wordfields import Field

_Begin = Callable[[State], None]
_WORD_ART = "gtextUNICODE"
"""The property of a drawn shape that holds its text."""


class Destinations:
    """What each destination does with its text, and what it leaves at its end."""

    def __init__(self, composition: Composition, fonts: Fonts, styles: Styles, lists: ListTable) -> None:
        self.pictures = 0
        self._composition = composition
        self._fonts = fonts
        self._styles = styles
        self._lists = lists
        self._discarded: Sink = Discarded()
        self._levels: Sink = Discarded()
        self._author = ""
        self._fields: list[Field] = []
        self._results: list[Sink] = []
        self._shape_property = ""
        self._begins = self._separate_texts() | self._captures() | self._containers()
        self.known = frozenset(self._begins)

    def is_text(self, state: State) -> bool:
        """Whether a group's text belongs to paragraphs."""
        return state.sink is state.story

    def begin(self, word: bytes, state: State) -> bool:
        """Begin the destination that a control word names; False if it is unknown."""
        begin = self._begins.get(word)
        if begin is None and word.startswith(b"m") and word.endswith(b"Pr"):
            begin = self._send_to(self._discarded)
        if begin is None:
            return False
        begin(state)
        return True

    def is_skipped(self, word: bytes) -> bool:
        """Whether a control word begins a group from which nothing is read."""
        self.pictures += word == b"pict"
        return word in words.SKIPPED

    def property(self, word: bytes, number: int | None, state: State) -> None:
        """Apply a control word within one of the tables, or within a form field."""
        value = 0 if number is None else number
        if state.sink is self._fonts:
            self._font_property(word, value)
        elif state.sink is self._levels and word in words.LIST_PROPERTIES:
            self._lists.property(word.decode(), value)
        elif state.sink is self._styles:
            if word == b"s":
                self._styles.begin(value)
            elif word in words.STYLE_PROPERTIES:
                self._styles.property(word.decode(), value)
        elif word == b"ftnalt":
            state.is_endnote = True
        elif self._fields:
            self._fields[-1].form.property(word.decode(), value)

    def _font_property(self, word: bytes, value: int) -> None:
        match word:
            case b"f":
                self._fonts.begin(value)
            case b"fcharset":
                self._fonts.charset(value)
            case b"cpg":
                self._fonts.code_page(value)

    def _separate_texts(self) -> dict[bytes, _Begin]:
        """Groups with a text of their own."""
        return {
            b"footnote": self._separate(self._footnote),
            b"annotation": self._separate(self._annotation),
            b"shptxt": self._separate(self._box),
            b"dptxbxtext": self._separate(self._box),
            **dict.fromkeys(words.HEADERS, self._separate(self._header)),
            **dict.fromkeys(words.FOOTERS, self._separate(self._footer)),
        }

    def _captures(self) -> dict[bytes, _Begin]:
        """Groups whose text is captured for use elsewhere."""
        return {
            b"atnauthor": self._capture(self._name_author),
            b"listtext": self._capture(self._label),
            b"pntext": self._capture(self._label),
            b"fldinst": self._capture(self._instruct),
            b"leveltext": self._capture(lambda _, text: self._lists.pattern(text)),
            b"sn": self._capture(self._name_property),
            b"sv": self._capture(self._shape_value),
            b"objclass": self._capture(self._object),
            b"ffl": self._capture(self._choice),
            b"ffdeftext": self._capture(self._default_text),
        }

    def _containers(self) -> dict[bytes, _Begin]:
        """Groups that contain other groups, or that only qualify their text."""
        discarded = (b"shp", b"shpinst", b"shpgrp", b"sp", b"do", b"shppict", b"pn", b"upr", b"object", b"formfield")
        as_text = (b"ud", b"result", b"mchr")
        as_it_is = (b"nesttableprops", b"mmath", b"moMath", b"moMathPara")
        return {
            **dict.fromkeys(discarded, self._send_to(self._discarded)),
            **dict.fromkeys(as_text, self._as_text),
            **dict.fromkeys(as_it_is, lambda _: None),
            **{word: self._enclose(*marks) for word, marks in words.MATH.items()},
            b"fonttbl": self._send_to(self._fonts),
            b"stylesheet": self._stylesheet,
            b"listtable": self._send_to(self._levels),
            b"listoverridetable": self._send_to(self._levels),
            b"list": lambda _: self._lists.begin_list(),
            b"listlevel": lambda _: self._lists.begin_level(),
            b"listoverride": lambda _: self._lists.begin_override(),
            b"lfolevel": lambda _: self._lists.override_level(),
            b"field": self._field,
            b"fldrslt": self._result,
        }

    def _send_to(self, sink: Sink) -> _Begin:
        return lambda state: setattr(state, "sink", sink)

    def _as_text(self, state: State) -> None:
        state.sink = state.story

    def _enclose(self, before: str, after: str) -> _Begin:
        def begin(state: State) -> None:
            state.sink.add(before)
            state.at_end = lambda ended: ended.sink.add(after)

        return begin

    def _stylesheet(self, state: State) -> None:
        self._styles.begin(0)
        state.sink = self._styles

    def _separate(self, end: Callable[[State, Story], None]) -> _Begin:
        """A text of its own, passed to `end` together with the text that it belongs to, unless that one is deleted."""

        def begin(state: State) -> None:
            outer, is_left_out = state.story, state.is_deleted
            state.story = state.sink = Story()
            state.reset_characters(state.font)
            state.reset_paragraph()
            state.at_end = None if is_left_out else lambda ended: end(ended, outer)

        return begin

    def _capture(self, use: Callable[[State, str], None]) -> _Begin:
        def begin(state: State) -> None:
            kept = Captured()
            state.sink = kept
            state.at_end = lambda ended: use(ended, str(kept))

        return begin

    def _footnote(self, state: State, outer: Story) -> None:
        outer.add(self._composition.footnote(joined(state.story.finish()), is_endnote=state.is_endnote))

    def _annotation(self, state: State, outer: Story) -> None:
        text = joined(state.story.finish())
        if text:
            outer.add(comment(self._author, text))
        self._author = ""

    def _box(self, state: State, outer: Story) -> None:
        outer.box(state.story.finish())

    def _header(self, state: State, _: Story) -> None:
        self._composition.header(joined(state.story.finish()))

    def _footer(self, state: State, _: Story) -> None:
        self._composition.footer(joined(state.story.finish()))

    def _name_author(self, _: State, text: str) -> None:
        self._author = text

    def _label(self, state: State, text: str) -> None:
        if not state.is_deleted:
            state.story.label = text.strip()

    def _name_property(self, _: State, text: str) -> None:
        self._shape_property = text.strip()

    def _shape_value(self, state: State, text: str) -> None:
        if self._shape_property == _WORD_ART and text.strip():
            state.story.box([Block(text.strip())])

    def _object(self, state: State, text: str) -> None:
        state.story.add(self._composition.missing(f"embedded object ({text.strip()}): not read"))

    def _field(self, state: State) -> None:
        outer = state.sink
        self._fields.append(Field(state.story.position))
        self._results.append(outer)
        state.sink = self._discarded
        state.at_end = lambda _: self._end_field(state.story, outer)

    def _result(self, state: State) -> None:
        if self._fields:
            state.sink = self._results[-1]
            self._fields[-1].start = state.story.position

    def _end_field(self, story: Story, outer: Sink) -> None:
        field = self._fields.pop()
        self._results.pop()
        if outer is not story:
            return
        if story.position == field.start:
            outer.add(field.shown())
        elif field.address:
            story.link(field.start, field.address)

    def _instruct(self, _: State, text: str) -> None:
        if self._fields:
            self._fields[-1].instruction += text

    def _choice(self, _: State, text: str) -> None:
        if self._fields:
            self._fields[-1].form.choices.append(text)

    def _default_text(self, _: State, text: str) -> None:
        if self._fields:
            self._fields[-1].form.text = text
