"""Recovers the HTML that a mail program encapsulated in RTF."""

import re

from backburner.extraction.rtf import vocabulary as words
from backburner.extraction.rtf.fonts import Fonts
from backburner.extraction.rtf.tokens import Kind, Token, Tokens

_FROM_HTML = re.compile(rb"\\fromhtml1?(?![0-9a-zA-Z])")
_HEAD_BYTES = 1024
_BREAKS = {b"par": "\r\n", b"line": "\r\n", b"tab": "\t"}
_SPECIAL = {b"~": "&nbsp;", b"_": "&shy;", b"-": "&shy;"}
_UNITS = 0x10000


def encapsulated_html(body: bytes) -> str | None:
    r"""The HTML page that the RTF was made from; None if it was not made from one.

    The contents of `\*\htmltag` groups belong to the page; so does text outside of them, unless `\htmlrtf` marks it as
    meant for RTF readers only.
    """
    if not _FROM_HTML.search(body[:_HEAD_BYTES]):
        return None
    return _HtmlReader(body).read()


class _Group:
    """The state of a group."""

    __slots__ = ("font", "in_fonts", "in_tag", "is_left_out", "is_starred", "unicode_skip")

    def __init__(self, outer: "_Group | None" = None) -> None:
        self.is_left_out: bool = outer.is_left_out if outer else False
        self.in_tag: bool = outer.in_tag if outer else False
        self.in_fonts: bool = outer.in_fonts if outer else False
        self.font: int | None = outer.font if outer else None
        self.unicode_skip: int = outer.unicode_skip if outer else 1
        self.is_starred = False


class _HtmlReader:
    def __init__(self, body: bytes) -> None:
        self._tokens = Tokens(body)
        self._fonts = Fonts()
        self._groups: list[_Group] = []
        self._group = _Group()
        self._bytes = bytearray()
        self._skip = 0
        self._text: list[str] = []

    def read(self) -> str:
        for token in self._tokens:
            self._take(token)
        self._flush()
        return "".join(self._text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _take(self, token: Token) -> None:
        if self._skip and token.kind not in (Kind.OPEN, Kind.CLOSE):
            rest = token.value[self._skip :] if token.kind is Kind.TEXT else b""
            self._skip -= min(self._skip, len(token.value) if token.kind is Kind.TEXT else 1)
            self._bytes += rest
        elif token.kind in (Kind.TEXT, Kind.BYTE) or (token.kind is Kind.SYMBOL and token.value in words.LITERALS):
            self._bytes += token.value
        else:
            self._flush()
            self._control(token)

    def _control(self, token: Token) -> None:
        match token.kind:
            case Kind.OPEN:
                self._skip = 0
                self._groups.append(self._group)
                self._group = _Group(self._group)
            case Kind.CLOSE:
                self._skip = 0
                self._group = self._groups.pop() if self._groups else self._group
            case Kind.WORD:
                self._word(token.value, token.number)
            case _ if token.value == b"*":
                self._group.is_starred = True
            case _:
                self._write(_SPECIAL.get(token.value, ""))

    def _word(self, word: bytes, number: int | None) -> None:
        group = self._group
        is_starred, group.is_starred = group.is_starred, False
        match word:
            case b"htmltag":
                group.in_tag = True
            case b"fonttbl":
                group.in_fonts = True
            case _ if is_starred or word in words.SKIPPED or word == b"stylesheet":
                self._tokens.skip_group()
            case b"htmlrtf":
                group.is_left_out = number != 0
            case b"f":
                self._font(number)
            case b"fcharset" if group.in_fonts:
                self._fonts.charset(number or 0)
            case b"ansicpg":
                self._fonts.default_code_page = number or self._fonts.default_code_page
            case b"uc":
                group.unicode_skip = 1 if number is None else number
            case b"u":
                self._write(chr((number or 0) % _UNITS))
                self._skip = group.unicode_skip
            case _:
                self._write(_BREAKS.get(word) or words.CHARACTERS.get(word, ""))

    def _font(self, number: int | None) -> None:
        self._group.font = number
        if self._group.in_fonts:
            self._fonts.begin(number or 0)

    def _flush(self) -> None:
        piece, self._bytes = bytes(self._bytes), bytearray()
        if piece and not self._group.in_fonts:
            self._write(piece.decode(self._fonts.codec(self._group.font), "replace"))

    def _write(self, text: str) -> None:
        if not self._group.in_fonts and (self._group.in_tag or not self._group.is_left_out):
            self._text.append(text)
