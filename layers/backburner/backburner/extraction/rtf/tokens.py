"""Splits RTF into groups, control words and text, regardless of their meaning."""

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
    """The kind of a token."""

    OPEN = auto()
    CLOSE = auto()
    WORD = auto()
    SYMBOL = auto()
    BYTE = auto()
    TEXT = auto()


class Token(NamedTuple):
    """A token: a control word with its number, the character of a control symbol, or bytes of text."""

    kind: Kind
    value: bytes = b""
    number: int | None = None


_BRACES_AS_TOKENS = {b"{": Token(Kind.OPEN), b"}": Token(Kind.CLOSE)}
_BLANKS = b"\r\n\0"


class Tokens:
    """The tokens of a document, in order; whole groups can be skipped without being split."""

    def __init__(self, body: bytes, known: Collection[bytes] = ()) -> None:
        self._body = body
        self._position = 0
        self._known = frozenset(known)
        """Words to return; others are skipped, unless they begin a group. If empty, all are returned."""

    def __iter__(self) -> Iterator[Token]:
        """Every token; binary data are skipped."""
        body, match_at = self._body, _TOKEN.match
        while (found := match_at(body, self._position)) and found.end() > found.start():
            self._position = found.end()
            if found.lastindex != _PLAIN:
                token = self._token(found)
                if token is not None:
                    yield token
                continue
            piece = found[_PLAIN]
            brace = _BRACES_AS_TOKENS.get(piece)
            if brace is not None:
                yield brace
            elif piece[0] not in _BLANKS:
                yield Token(Kind.TEXT, piece)

    def skip_group(self) -> None:
        """Continue at the end of the group that contains the last token."""
        depth = 1
        position = self._position
        while found := _BRACES.search(self._body, position):
            position = found.end()
            brace = found[0]
            if brace == b"{":
                depth += 1
            elif brace == b"}":
                depth -= 1
                if not depth:
                    self._position = found.start()
                    return
            elif found[1]:
                position += int(found[1])
        self._position = len(self._body)

    def _token(self, found: re.Match[bytes]) -> Token | None:
        kind = found.lastindex
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
            self._position += max(number or 0, 0)
        return Token(Kind.WORD, word, number)

    def _is_first(self, position: int) -> bool:
        """Whether a word directly follows a brace or an asterisk."""
        return self._body[position - 1 : position] in (b"{", b"*")
