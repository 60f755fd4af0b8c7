"""RTF tokens to Markdown; groups are kept on a stack, so that thousands of nested ones are harmless."""

from collections.abc import Callable

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.composition import HIDDEN, Block, Composition, finished_document
from backburner.extraction.rtf import vocabulary as words
from backburner.extraction.rtf.destinations import Destinations
from backburner.extraction.rtf.fonts import Fonts
from backburner.extraction.rtf.lists import ListTable
from backburner.extraction.rtf.state import State
from backburner.extraction.rtf.styles import Styles
from backburner.extraction.rtf.tokens import Kind, Token, Tokens
from backburner.extraction.story import Paragraph, Story
from backburner.extraction.symbols import symbol, with_symbols

MAX_GROUPS = 100_000
"""How deep groups may be nested."""
_HIGH, _LOW, _PLANE = 0xD800, 0xDC00, 0x10000
_LAST_SURROGATE, _LAST = 0xDFFF, 0x10FFFF
_UNITS = 0x10000
_BEGIN = b"{\\rtf"


def read_rtf(body: bytes) -> Extracted:
    """The text of an RTF document. Raises `JobError` if it has only pictures, or too deeply nested groups."""
    reader = _Reader(body)
    blocks = reader.read()
    return finished_document(reader.composition, blocks, "an RTF", reader.destinations.pictures)


def rtf_text(body: bytes) -> Extracted:
    """The same for a text inside something else, such as a mail; it may be empty."""
    reader = _Reader(body)
    return reader.composition.extracted(reader.read())


class _Reader:
    def __init__(self, body: bytes) -> None:
        self.composition = Composition()
        self.fonts = Fonts()
        self.styles = Styles()
        self.lists = ListTable()
        self.destinations = Destinations(self.composition, self.fonts, self.styles, self.lists)
        self._story = Story()
        self._state = State(self._story, self._story)
        self._stack: list[State] = []
        self._default_font: int | None = None
        self._bytes = bytearray()
        self._skip = 0
        self._high = 0
        self._held = ""
        self._edges: list[int] = []
        self._words = self._vocabulary()
        self.tokens = Tokens(
            body[max(body.find(_BEGIN), 0) :], self.destinations.known | words.KNOWN | set(self._words)
        )

    def read(self) -> list[Block]:
        for token in self.tokens:
            self._take(token)
        self._flush()
        self._write("")
        if self._stack:
            self._cut_off()
        return self._story.finish()

    def _cut_off(self) -> None:
        """Close the groups still open at the end: their text is kept, and a note says that the rest is missing."""
        while self._stack:
            self._close()
        self._story.end_paragraph(Paragraph(), 0)
        self._story.add(self.composition.missing("the document is cut off here: it ends within a group"))

    def _take(self, token: Token) -> None:
        kind = token.kind
        if kind is Kind.WORD:
            self._word(token)
        elif kind is Kind.TEXT or kind is Kind.BYTE:
            self._text(token.value)
        elif kind is Kind.OPEN:
            self._open()
        elif kind is Kind.CLOSE:
            self._flush()
            self._close()
        else:
            self._symbol(token.value)

    def _text(self, piece: bytes) -> None:
        skipped = min(self._skip, len(piece))
        self._skip -= skipped
        self._bytes += piece[skipped:]

    def _open(self) -> None:
        self._flush()
        self._skip = 0
        if len(self._stack) >= MAX_GROUPS:
            raise JobError(
                Reason.UNREADABLE_DOCUMENT, f"an RTF with more than {MAX_GROUPS} nested groups: save it again"
            )
        self._stack.append(self._state)
        self._state = self._state.child()

    def _close(self) -> None:
        self._skip = 0
        if not self._stack:
            return
        ended, self._state = self._state, self._stack.pop()
        if ended.at_end is not None:
            ended.at_end(ended)

    def _symbol(self, char: bytes) -> None:
        if self._skip:
            self._skip -= 1
        elif char in words.LITERALS:
            self._text(char)
        elif char == b"*":
            self._state.is_starred = True
        elif char in words.SYMBOLS:
            self._flush()
            self._write(words.SYMBOLS[char])
        elif char in (b"\n", b"\r", b"\r\n"):
            self._flush()
            self._paragraph()

    def _word(self, token: Token) -> None:
        if self._skip:
            self._skip -= 1
            return
        self._flush()
        word = token.value
        if self._begin_destination(word):
            return
        if (shown := words.CHARACTERS.get(word)) is not None:
            self._write(shown)
        elif (act := self._words.get(word)) is not None:
            act(token.number)
        else:
            self._property(word, token.number)

    def _begin_destination(self, word: bytes) -> bool:
        """Whether a word begins a destination; those without text are skipped."""
        state = self._state
        if self.destinations.begin(word, state):
            state.is_starred = False
            return True
        if state.is_starred or self.destinations.is_skipped(word):
            self.tokens.skip_group()
            return True
        return False

    def _property(self, word: bytes, number: int | None) -> None:
        state = self._state
        self.destinations.property(word, number, state)
        if word in words.MARKS:
            state.mark = words.MARKS[word] if number != 0 else ""
        elif word in words.NO_MARKS:
            state.mark = ""
        elif word in words.CHARACTER_SETS:
            self.fonts.default_code_page = words.CHARACTER_SETS[word]

    def _vocabulary(self) -> dict[bytes, Callable[[int | None], None]]:
        return {
            b"u": self._unicode,
            b"uc": lambda number: self._set("unicode_skip", max(1 if number is None else number, 0)),
            b"f": lambda number: self._set("font", number),
            b"deff": self._default,
            b"plain": lambda _: self._state.reset_characters(self._default_font),
            b"pard": lambda _: self._state.reset_paragraph(),
            b"v": lambda number: self._set("is_hidden", number != 0),
            b"deleted": lambda number: self._set("is_deleted", number != 0),
            b"mvf": lambda number: self._set("is_deleted", number != 0),
            b"s": lambda number: self._set("style", number),
            b"outlinelevel": lambda number: self._set("outline", number),
            b"ls": lambda number: self._set("list_number", number),
            b"ilvl": lambda number: self._set("list_level", number or 0),
            b"intbl": lambda number: self._set("in_table", number != 0),
            b"itap": lambda number: self._set("level", number or 0),
            b"ansicpg": self._code_page,
            b"par": lambda _: self._paragraph(),
            b"sect": lambda _: self._paragraph(),
            b"page": lambda _: self._paragraph(),
            b"column": lambda _: self._paragraph(),
            b"trowd": lambda _: self._begin_row(),
            b"cellx": self._edge,
            b"cell": lambda _: self._cell(1),
            b"nestcell": lambda _: self._cell(max(self._state.table_level, 2)),
            b"row": lambda _: self._row(1),
            b"nestrow": lambda _: self._row(max(self._state.table_level, 2)),
        }

    def _set(self, name: str, value: object) -> None:
        if self.destinations.is_text(self._state):
            setattr(self._state, name, value)
        elif isinstance(value, int):
            self.destinations.property(_TABLE_WORDS.get(name, name.encode()), value, self._state)

    def _default(self, number: int | None) -> None:
        self._default_font = self._state.font = number

    def _code_page(self, number: int | None) -> None:
        if number:
            self.fonts.default_code_page = number

    def _unicode(self, number: int | None) -> None:
        unit = (number or 0) % _UNITS if (number or 0) < _UNITS else number or 0
        self._skip = self._state.unicode_skip
        if _HIGH <= unit < _LOW:
            self._write("")
            self._high = unit
        elif _LOW <= unit <= _LAST_SURROGATE:
            self._pair(unit)
        elif unit <= _LAST:
            self._write(with_symbols(chr(unit), self.fonts.name(self._state.font)))

    def _pair(self, low: int) -> None:
        """The low surrogate; programs that write a question mark after the first half do so after the second."""
        if not self._high:
            self._write("\ufffd")
            return
        if self._held:
            self._skip = 1
        high, self._high, self._held = self._high, 0, ""
        self._write(chr(_PLANE + (high - _HIGH) * 0x400 + low - _LOW))

    def _flush(self) -> None:
        if not self._bytes:
            return
        piece, self._bytes = bytes(self._bytes), bytearray()
        font = self.fonts.symbol_name(self._state.font) if self._state.sink is not self.fonts else None
        if font is not None and self.destinations.is_text(self._state):
            self._write("".join(symbol(code, font) for code in piece))
        else:
            self._write(piece.decode(self.fonts.codec(self._state.font), "replace"))

    def _write(self, text: str) -> None:
        if self._high and text == "?" and not self._held:
            self._held = text
            return
        if self._high:
            text = f"\ufffd{self._held}{text}"
            self._high, self._held = 0, ""
        state = self._state
        if not text or state.is_deleted:
            return
        state.sink.add(text, HIDDEN if state.is_hidden else state.mark)

    def _paragraph(self) -> None:
        state = self._state
        if not self._may_end(state):
            return
        level = state.table_level or int(state.story.in_row)
        state.story.end_paragraph(self._paragraph_properties(state), level)

    def _begin_row(self) -> None:
        if self.destinations.is_text(self._state):
            self._state.story.in_row = True
            self._edges = []

    def _edge(self, number: int | None) -> None:
        self._edges.append(number or 0)

    def _cell(self, level: int) -> None:
        if self._may_end(self._state):
            self._state.story.end_cell(self._paragraph_properties(self._state), level)

    def _row(self, level: int) -> None:
        if self.destinations.is_text(self._state):
            self._state.story.end_row(level, tuple(self._edges) if level == 1 else ())
            self._state.story.in_row = self._state.story.in_row and level > 1

    def _may_end(self, state: State) -> bool:
        """Whether a paragraph or cell ends: a deleted end joins two; one in an author's name or a number is a space."""
        if not self.destinations.is_text(state):
            state.sink.add(" ")
            return False
        return not state.is_deleted

    def _paragraph_properties(self, state: State) -> Paragraph:
        style = self.styles.get(state.style)
        written, state.story.label = state.story.label, None
        number = state.list_number if state.list_number is not None else style.list_number
        level = state.list_level if state.list_number is not None else style.list_level
        counted = self.lists.label(number, level) if number and (written or len(state.story)) else None
        return Paragraph(
            heading_level=self.styles.heading_level(state),
            label=written if written is not None else counted,
            list_level=level,
        )


_TABLE_WORDS = {"outline": b"outlinelevel", "list_number": b"ls", "list_level": b"ilvl", "style": b"s", "font": b"f"}
