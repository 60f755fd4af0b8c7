"""Decodes transfer encodings as far as possible, and says what remains in doubt."""

import binascii
import re
from base64 import b64decode

_WHITE_SPACE = b" \t\r\n\v\f"
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_RUN = re.compile(rb"[A-Za-z0-9+/]+={0,3}")
_WHOLE = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_QUARTET = 4
_SAMPLE_BYTES, _LINE = 65_536, 50
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]*\r?\n|[ \t]*\Z)")
_UU_BEGIN = re.compile(rb"^begin(?:-base64)? [0-7]{3,4} [^\r\n]*\r?\n", re.MULTILINE)
_UNENCODED = ("", "7bit", "8bit", "binary", "7-bit", "8-bit", "none")
DAMAGED = "damaged base64, part of it may be missing"


def decode_transfer(raw: bytes, encoding: str) -> tuple[bytes, str | None]:
    """The decoded bytes, and what is wrong with them."""
    match encoding:
        case "base64" | "b64":
            return from_base64(raw)
        case "quoted-printable" | "quotedprintable" | "qp":
            bad = len(_BAD_ESCAPE.findall(raw))
            return binascii.a2b_qp(raw), f"damaged quoted-printable in {bad} places, kept as is" if bad else None
        case "x-uuencode" | "uuencode" | "uue" | "x-uue":
            return _from_uu_part(raw)
        case encoding if encoding in _UNENCODED:
            return raw, None
        case "x-yencode" | "yenc" | "x-yenc":
            return raw, "the encoding yEnc is not read"
        case _:
            return raw, f"unknown transfer encoding {encoding[:40]}, shown as is"


def from_base64(raw: bytes) -> tuple[bytes, str | None]:
    """Decodes base64 even if it is padded in the middle, cut off, or has other text between its lines."""
    packed = raw.translate(None, _WHITE_SPACE)
    if len(packed) % _QUARTET == 0 and _WHOLE.fullmatch(packed):
        return b64decode(packed), None
    is_clean = not _NO_BASE64.search(packed)
    if not is_clean and _is_something_else(raw):
        return raw, "not base64 although declared so, shown as is"
    if not is_clean:
        packed = b"".join(line for line in raw.splitlines() if not _NO_BASE64.search(line.strip(_WHITE_SPACE)))
        packed = packed.translate(None, _WHITE_SPACE) or _NO_BASE64.sub(b"", raw)
    pieces = [run.rstrip(b"=") for run in _RUN.findall(packed)]
    is_cut = any(len(piece) % _QUARTET == 1 for piece in pieces)
    whole = (piece[: len(piece) - 1] if len(piece) % _QUARTET == 1 else piece for piece in pieces)
    body = b"".join(b64decode(piece + b"=" * (-len(piece) % _QUARTET)) for piece in whole)
    return body, DAMAGED if is_cut or not is_clean else None


def _is_something_else(raw: bytes) -> bool:
    """Whether half of the lines are not base64, and none is as long as base64 lines are."""
    lines = [line.strip(_WHITE_SPACE) for line in raw[:_SAMPLE_BYTES].splitlines() if line.strip(_WHITE_SPACE)]
    others = [line for line in lines if _NO_BASE64.search(line)]
    return 2 * len(others) >= len(lines) and all(len(line) < _LINE or line in others for line in lines)


def from_uu(lines: bytes) -> tuple[bytes, str | None]:
    """Decodes uuencoded lines, without the line before them."""
    body, damaged = bytearray(), 0
    for line in lines.splitlines():
        if line.strip() in (b"end", b"`", b""):
            continue
        try:
            body += binascii.a2b_uu(line)
        except binascii.Error:
            rest = _uu_line(line)
            damaged += rest is None
            body += rest or b""
    return bytes(body), f"damaged uuencode in {damaged} lines" if damaged else None


def _uu_line(line: bytes) -> bytes | None:
    """A line whose data are followed by a checksum or other garbage."""
    wanted = ((line[0] - 32 & 63) * 4 + 5) // 3
    try:
        return binascii.a2b_uu(line[: wanted + 1])
    except binascii.Error:
        return None


def _from_uu_part(raw: bytes) -> tuple[bytes, str | None]:
    found = _UU_BEGIN.search(raw)
    if found is None:
        return raw, "uuencode without its begin line, shown as is"
    return from_base64(raw[found.end() :]) if b"-base64" in found[0] else from_uu(raw[found.end() :])
