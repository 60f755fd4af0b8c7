"""The headers of a mail or a MIME part, as forty years of programs wrote them."""

import re
from binascii import a2b_qp
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from backburner.extraction.mail.characters import text_of_bytes
from backburner.extraction.mail.transfer import from_base64

_FIELD = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_ENVELOPE = re.compile(rb">?From ")
_WORD = re.compile(rb"=\?([^?\s]{1,75})\?([bBqQ])\?(.{0,2000}?)\?=", re.DOTALL)
_MAX_CODED_BYTES = 200_000
"""Encoded words in longer headers, and parameters beyond, are left alone: the search would take too long."""
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_PIECE = re.compile(r"^(.+?)(?:\*(\d{1,4}))?(\*)?$", re.DOTALL)
_REMARK = re.compile(rb"\([^()]*\)")


@dataclass(frozen=True)
class CharsetHint:
    """What suggests the charset of undeclared 8-bit headers."""

    charset: str | None = None
    """The charset that the mail declares for its text."""
    sample: bytes = b""
    """Other 8-bit lines of the mail, if it declares no charset."""

    def text(self, value: bytes) -> str:
        """A header's value, or a line of text between parts, decoded."""
        if self.charset or not self.sample:
            return text_of_bytes(value, self.charset)
        line = value.translate(None, b"\r\n")
        return text_of_bytes(line + b"\n" + self.sample, None).partition("\n")[0]


NO_HINT = CharsetHint()


@dataclass(frozen=True)
class Headers:
    """Lower-case names with their values, unfolded but otherwise raw."""

    fields: tuple[tuple[str, bytes], ...] = ()
    charset_hint: CharsetHint = NO_HINT

    def raw(self, name: str) -> bytes:
        """The first value of a header; empty if there is none."""
        return next((value for field, value in self.fields if field == name), b"")

    def text(self, name: str) -> str:
        """A header as people read it; several with the same name are joined."""
        values = (self.readable(value) for field, value in self.fields if field == name.lower())
        return ", ".join(value for value in values if value)

    def value(self, name: str) -> str:
        """A header's value without its parameters, in lower case."""
        return _REMARK.sub(b"", self.raw(name).partition(b";")[0]).strip().decode("ascii", "replace").lower()

    def parameter(self, header: str, name: str) -> str:
        """A parameter of a header, in any of its four encodings; "" if there is none."""
        pieces = list(_pieces(self.raw(header), name))
        pieces = sorted((p for p in pieces if p.index is not None), key=lambda piece: piece.index or 0) or pieces[:1]
        if not any(piece.is_encoded for piece in pieces):
            return self.readable(b"".join(piece.value for piece in pieces))
        charset, mark, rest = pieces[0].value.partition(b"'")
        _, second, rest = rest.partition(b"'")
        first = rest if mark and second else pieces[0].value
        values = [first, *(piece.value for piece in pieces[1:])]
        encoded = (unquote_to_bytes(v) if p.is_encoded else v for v, p in zip(values, pieces, strict=True))
        value = b"".join(encoded)
        label = charset.decode("ascii", "replace") if second else ""
        return text_of_bytes(value, label) if label else self._raw(value)

    def raw_parameter(self, header: str, name: str) -> bytes:
        """A raw parameter, in one piece or in several."""
        pieces = sorted(_pieces(self.raw(header), name), key=lambda piece: piece.index or 0)
        return b"".join(piece.value for piece in pieces)

    def readable(self, value: bytes) -> str:
        """A value with encoded words decoded and white space as single spaces."""
        return " ".join("".join(self._decoded(value)).split())

    def _decoded(self, value: bytes) -> Iterator[str]:
        """Adjacent encoded words of one charset are decoded together, because characters may be split between them."""
        position, run, run_charset = 0, b"", ""
        for word in _WORD.finditer(value) if len(value) <= _MAX_CODED_BYTES else ():
            between, charset = value[position : word.start()], word[1].partition(b"*")[0].decode("ascii", "replace")
            is_next = bool(run_charset) and not between.strip()
            if run and not (is_next and charset.lower() == run_charset.lower()):
                yield text_of_bytes(run, run_charset)
                run = b""
            if not is_next:
                yield self._raw(between)
            run, run_charset, position = run + _word_bytes(word), charset, word.end()
        if run:
            yield text_of_bytes(run, run_charset)
        yield self._raw(value[position:])

    def _raw(self, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return self.charset_hint.text(value)


def parse_headers(source: bytes, start: int, end: int, charset_hint: CharsetHint = NO_HINT) -> tuple[Headers, int]:
    """The headers that begin at an offset, and the offset of the body.

    A line that is not a header continues the one before it if another header follows.
    """
    fields: list[tuple[str, list[bytes]]] = []
    position = start
    while position < end:
        line, after = _line(source, position, end)
        field = _FIELD.match(line)
        if not line:
            position = after
            break
        if field and not line.startswith((b" ", b"\t")):
            fields.append((field[1].decode("ascii").lower(), [line[field.end() :]]))
        elif fields and (line.strip() or _has_field_at(source, after, end)) and _is_inside(line, source, after, end):
            fields[-1][1].append(b" " + line.strip())
        elif not (position == start and _ENVELOPE.match(line)):
            position = after if not line.strip() else position
            break
        position = after
    return Headers(tuple((name, b"".join(lines).strip()) for name, lines in fields), charset_hint), position


def _is_inside(line: bytes, source: bytes, after: int, end: int) -> bool:
    return line.startswith((b" ", b"\t")) or _has_field_at(source, after, end)


def _has_field_at(source: bytes, position: int, end: int) -> bool:
    """Whether the line at an offset is a header."""
    return bool(_FIELD.match(source, position, end))


def _line(source: bytes, position: int, end: int) -> tuple[bytes, int]:
    """A line without its line break, and the offset of the next one."""
    after = source.find(b"\n", position, end)
    last = end if after < 0 else after
    return source[position:last].rstrip(b"\r"), end if after < 0 else after + 1


def _word_bytes(word: re.Match[bytes]) -> bytes:
    if word[2] in b"bB":
        return from_base64(word[3])[0]
    return a2b_qp(word[3].replace(b" ", b"_"), header=True)


@dataclass(frozen=True)
class _Piece:
    index: int | None
    value: bytes
    is_encoded: bool


def _pieces(raw: bytes, wanted: str) -> Iterator[_Piece]:
    """The pieces of a parameter: `name`, `name*`, `name*0`, `name*1*` (RFC 2231)."""
    for found in _PARAMETER.finditer(raw, 0, _MAX_CODED_BYTES):
        piece = _PIECE.match(found[1].decode("latin-1").lower())
        if piece and piece[1] == wanted:
            index = int(piece[2]) if piece[2] else 0 if piece[3] else None
            yield _Piece(index, _unquoted(found[2]), bool(piece[3]))


def _unquoted(value: bytes) -> bytes:
    """A value without quotation marks. A backslash escapes only a quotation mark or itself: think of Windows paths."""
    value = value.strip()
    if not value.startswith(b'"'):
        return value
    inside = value[1:-1] if len(value) > 1 and value.endswith(b'"') else value[1:]
    return re.sub(rb'\\(["\\])', rb"\1", inside)
