"""Headers of a mail or of one of its parts, as programs of forty years wrote them."""

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
"""Encoded words in a longer header, and parameters beyond, are left alone: looking for them would take too long."""
_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"?|[^;]*)', re.DOTALL)
_PIECE = re.compile(r"^(.+?)(?:\*(\d{1,4}))?(\*)?$", re.DOTALL)
_REMARK = re.compile(rb"\([^()]*\)")


@dataclass(frozen=True)
class Surroundings:
    """By what the encoding of 8-bit letters in a header is known, which do not say it themselves."""

    charset: str | None = None
    """The one that the mail declares for its text."""
    sample: bytes = b""
    """Other 8-bit lines of the mail, if it declares none."""

    def text(self, value: bytes) -> str:
        """A header's value, or a line of text between parts."""
        if self.charset or not self.sample:
            return text_of_bytes(value, self.charset)
        line = value.translate(None, b"\r\n")
        return text_of_bytes(line + b"\n" + self.sample, None).partition("\n")[0]


NOTHING = Surroundings()


@dataclass(frozen=True)
class Headers:
    """Names in small letters with their values, unfolded but as raw bytes."""

    fields: tuple[tuple[str, bytes], ...] = ()
    surroundings: Surroundings = NOTHING

    def raw(self, name: str) -> bytes:
        """The first value of a header; nothing if there is none."""
        return next((value for called, value in self.fields if called == name), b"")

    def text(self, name: str) -> str:
        """A header as people read it, several of one name joined."""
        values = (self.readable(value) for called, value in self.fields if called == name.lower())
        return ", ".join(value for value in values if value)

    def value(self, name: str) -> str:
        """What stands before a header's parameters, in small letters."""
        return _REMARK.sub(b"", self.raw(name).partition(b";")[0]).strip().decode("ascii", "replace").lower()

    def parameter(self, header: str, name: str) -> str:
        """A parameter of a header, in whichever of four ways it is encoded; "" if there is none."""
        pieces = list(_pieces(self.raw(header), name))
        pieces = sorted((p for p in pieces if p.place is not None), key=lambda piece: piece.place or 0) or pieces[:1]
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
        """A parameter as it stands, in one piece or in several."""
        pieces = sorted(_pieces(self.raw(header), name), key=lambda piece: piece.place or 0)
        return b"".join(piece.value for piece in pieces)

    def readable(self, value: bytes) -> str:
        """A value with its encoded words decoded, and its white space as single spaces."""
        return " ".join("".join(self._decoded(value)).split())

    def _decoded(self, value: bytes) -> Iterator[str]:
        """Words of one encoding that stand side by side are decoded together: letters are split between them."""
        place, run, run_charset = 0, b"", ""
        for word in _WORD.finditer(value) if len(value) <= _MAX_CODED_BYTES else ():
            between, charset = value[place : word.start()], word[1].partition(b"*")[0].decode("ascii", "replace")
            is_next = bool(run_charset) and not between.strip()
            if run and not (is_next and charset.lower() == run_charset.lower()):
                yield text_of_bytes(run, run_charset)
                run = b""
            if not is_next:
                yield self._raw(between)
            run, run_charset, place = run + _word_bytes(word), charset, word.end()
        if run:
            yield text_of_bytes(run, run_charset)
        yield self._raw(value[place:])

    def _raw(self, value: bytes) -> str:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return self.surroundings.text(value)


def parsed(source: bytes, begin: int, end: int, surroundings: Surroundings = NOTHING) -> tuple[Headers, int]:
    """The headers that begin at a place, and where the body begins.

    A line that is no header counts as the continuation of the one before it if another header follows it.
    """
    fields: list[tuple[str, list[bytes]]] = []
    place = begin
    while place < end:
        line, after = _line(source, place, end)
        field = _FIELD.match(line)
        if not line:
            place = after
            break
        if field and not line.startswith((b" ", b"\t")):
            fields.append((field[1].decode("ascii").lower(), [line[field.end() :]]))
        elif fields and (line.strip() or _goes_on(source, after, end)) and _is_inside(line, source, after, end):
            fields[-1][1].append(b" " + line.strip())
        elif not (place == begin and _ENVELOPE.match(line)):
            place = after if not line.strip() else place
            break
        place = after
    return Headers(tuple((name, b"".join(lines).strip()) for name, lines in fields), surroundings), place


def _is_inside(line: bytes, source: bytes, after: int, end: int) -> bool:
    return line.startswith((b" ", b"\t")) or _goes_on(source, after, end)


def _goes_on(source: bytes, place: int, end: int) -> bool:
    """Whether another header stands in the next line."""
    return bool(_FIELD.match(source, place, end))


def _line(source: bytes, place: int, end: int) -> tuple[bytes, int]:
    """A line without its end, and where the next one begins."""
    after = source.find(b"\n", place, end)
    last = end if after < 0 else after
    return source[place:last].rstrip(b"\r"), end if after < 0 else after + 1


def _word_bytes(word: re.Match[bytes]) -> bytes:
    if word[2] in b"bB":
        return from_base64(word[3])[0]
    return a2b_qp(word[3].replace(b" ", b"_"), header=True)


@dataclass(frozen=True)
class _Piece:
    place: int | None
    value: bytes
    is_encoded: bool


def _pieces(raw: bytes, wanted: str) -> Iterator[_Piece]:
    """The pieces in which a parameter stands: `name`, `name*`, `name*0`, `name*1*` (RFC 2231)."""
    for found in _PARAMETER.finditer(raw, 0, _MAX_CODED_BYTES):
        piece = _PIECE.match(found[1].decode("latin-1").lower())
        if piece and piece[1] == wanted:
            place = int(piece[2]) if piece[2] else 0 if piece[3] else None
            yield _Piece(place, _unquoted(found[2]), bool(piece[3]))


def _unquoted(value: bytes) -> bytes:
    """Without quotation marks. A backslash protects a mark or itself; in Windows' paths it only stands there."""
    value = value.strip()
    if not value.startswith(b'"'):
        return value
    inside = value[1:-1] if len(value) > 1 and value.endswith(b'"') else value[1:]
    return re.sub(rb'\\(["\\])', rb"\1", inside)
