"""The encodings before Unicode, decoded as leniently as browsers do.

Python follows the standards to the letter, but texts in EUC-JP or ISO-2022-JP contain the characters that Microsoft and
NEC added (①, ㈱, 髙), and texts in Big5 those of Hong Kong.
"""

import re

from backburner.extraction.charsets.decoding import Decoding, decode

SHIFTS = re.compile(rb"\x1b(?:\$[@AB]|\$\([@-DO-Q]|\$\)[A-H]|\([IJ])")
"""The escape sequences by which ISO-2022 switches alphabets."""
_HZ = re.compile(rb"~\{(?:[!-w][!-~])+~\}")
_SUPERSETS = {"cp950": ("big5hkscs",), "euc_jp": ("euc_jis_2004",), "iso2022_jp": ("iso2022_jp_ext", "iso2022_jp_2004")}
_STRETCH = re.compile(rb"(\x1b\$[@B]|\x1b\([BJIH])")
_EUC_PAIR = re.compile(rb"\x8f[\xa1-\xfe]{2}|[\xa1-\xfe]{2}|\x8e[\xa1-\xdf]")


def decode_legacy(body: bytes, codec: str) -> Decoding:
    """The bytes in this encoding, or in a superset of it that decodes more of them."""
    found = decode(body, codec)
    for superset in _SUPERSETS.get(codec, ()):
        if found.bad:
            found = min(found, decode(body, superset), key=lambda one: one.bad)
    if found.bad and codec in ("euc_jp", "iso2022_jp"):
        shifted = _euc_as_shift_jis(body) if codec == "euc_jp" else _iso2022_as_shift_jis(body)
        found = min(found, decode(shifted, "cp932"), key=lambda one: one.bad)
    return found


def decode_shifted(body: bytes) -> Decoding | None:
    """Seven-bit Japanese, Korean or Chinese (ISO-2022, HZ), recognised by its escapes; None if it is not that."""
    if not body.isascii():
        return None
    codecs = ("iso2022_jp", "iso2022_kr") if SHIFTS.search(body) else ("hz",) if _HZ.search(body) else ()
    tried = (decode_legacy(body, codec) for codec in codecs)
    return next((found for found in tried if found.good and found.fits), None)


def _euc_as_shift_jis(body: bytes) -> bytes:
    """The same characters in Shift_JIS, whose decoder knows the additions."""
    return _EUC_PAIR.sub(lambda pair: _euc_character(pair[0]), body)


def _euc_character(code: bytes) -> bytes:
    if code[0] == 0x8E:  # noqa: PLR2004 - a narrow katakana follows
        return code[1:]
    if code[0] == 0x8F:  # noqa: PLR2004 - JIS X 0212, which Shift_JIS lacks
        return b"\xfd"
    return _shift_jis(code[0] & 0x7F, code[1] & 0x7F)


def _iso2022_as_shift_jis(body: bytes) -> bytes:
    """The same characters in Shift_JIS."""
    parts = _STRETCH.split(body)
    out = [parts[0]]
    for escape, stretch in zip(parts[1::2], parts[2::2], strict=True):
        if escape.startswith(b"\x1b$"):
            pairs = zip(stretch[::2], stretch[1::2], strict=False)
            out.append(b"".join(_shift_jis(*pair) for pair in pairs))
        elif escape == b"\x1b(I":
            out.append(bytes(byte | 0x80 for byte in stretch))
        else:
            out.append(stretch)
    return b"".join(out)


def _shift_jis(row: int, column: int) -> bytes:
    """A position in JIS X 0208 (0x21 to 0x7E each) as Shift_JIS."""
    if not (0x21 <= row <= 0x7E and 0x21 <= column <= 0x7E):  # noqa: PLR2004 - the table's edges
        return bytes((row, column))
    first = (row - 0x21) // 2 + 0x81
    second = column + (0x7E if not row % 2 else 0x1F + (column > 0x5F))  # noqa: PLR2004 - 0x7F is skipped
    return bytes((first if first <= 0x9F else first + 0x40, second))  # noqa: PLR2004 - the table's second half
