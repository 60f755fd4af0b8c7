"""RTF cut into groups, control words and text, without looking at what they mean."""

import re
from collections.abc import Collection, Iterator
from enum import Enum, auto
from typing import NamedTuple

_TOKEN = re.compile(
    rb"""([^\\{}\r\n\0]+|[{}]|[\r\n\0]+)
    |\\(?:([a-zA-Z]{1,64})(-?[0-9]{1,18})?\ ?|'([0-9a-fA-F]{2})|(\r\n|.)|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_PLAIN, _WORD, _NUMBER, _HEX, _SYMBOL = 1, 2, 3, 4, 5
_BRACES = re.compile(rb"\\bin([0-9]{1,10})[ ]?|\\[\\{}]|[{}]")


class Kind(Enum):
    """What a token is."""

    OPEN = auto()
    CLOSE = auto()
    WORD = auto()
    SYMBOL = auto()
    BYTE = auto()
    TEXT = auto()


class Token(NamedTuple):
    """A piece: a word with its number, the character of a symbol, bytes of text."""

    kind: Kind
    value: bytes = b""
    number: int | None = None


_OPENED, _CLOSED = Token(Kind.OPEN), Token(Kind.CLOSE)


class Tokens:
    """The pieces of a document, one after the other; whole groups can be skipped without being cut."""

    def __init__(self, body: bytes, known: Collection[bytes] = ()) -> None:
        self._body = body
        self._place = 0
        self._known = frozenset(known)
        """Words that mean something; others are passed over, unless they begin a group. All are told if it is empty."""

    def __iter__(self) -> Iterator[Token]:
        """Every piece; binary data is passed over."""
        body, match_at = self._body, _TOKEN.match
        while found := match_at(body, self._place):
            self._place = found.end()
            if found.end() == found.start():
                return
            token = self._token(found)
            if token is not None:
                yield token

    def skip_group(self) -> None:
        """Go on before the end of the group that the last token stands in."""
        depth = 1
        place = self._place
        while found := _BRACES.search(self._body, place):
            place = found.end()
            mark = found[0]
            if mark == b"{":
                depth += 1
            elif mark == b"}":
                depth -= 1
                if not depth:
                    self._place = found.start()
                    return
            elif found[1]:
                place += int(found[1])
        self._place = len(self._body)

    def _token(self, found: re.Match[bytes]) -> Token | None:
        kind = found.lastindex
        if kind == _PLAIN:
            return _plain(found[_PLAIN])
        if kind == _HEX:
            return Token(Kind.BYTE, bytes.fromhex(found[_HEX].decode()))
        if kind == _SYMBOL:
            return Token(Kind.SYMBOL, found[_SYMBOL])
        if kind is None:
            return None
        word, digits = found[_WORD], found[_NUMBER]
        if self._known and word not in self._known and not word.endswith(b"Pr") and not self._is_first(found.start()):
            return None
        number = int(digits) if digits else None
        if word == b"bin":
            self._place += max(number or 0, 0)
        return Token(Kind.WORD, word, number)

    def _is_first(self, place: int) -> bool:
        """Whether a word stands behind a brace or an asterisk."""
        return self._body[place - 1 : place] in (b"{", b"*")


def _plain(piece: bytes) -> Token | None:
    if piece == b"{":
        return _OPENED
    if piece == b"}":
        return _CLOSED
    return None if piece[0] in b"\r\n\0" else Token(Kind.TEXT, piece)
