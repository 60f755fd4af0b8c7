"""The forms of Unicode: UTF-8, UTF-16 and UTF-32, with or without a byte order mark."""

import codecs
import re
import unicodedata

from backburner.extraction.charsets.decoding import Decoding, decode

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the next one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE_BYTES = 65_536
_ODD = frozenset({"Cc", "Cn", "Co", "Cs"})
_MAX_ODD = 0.01
_LAYOUT = frozenset("\t\n\v\f\r")
_BREAK = re.compile("[\\s.,:;!?\u3001\u3002\uff0c\u060c\u0964-]")
"""Separators of words or sentences in any script: a text has at least one."""


def decode_marked(body: bytes) -> Decoding | None:
    """The text after a byte order mark; None without one."""
    mark, codec = next(((mark, codec) for mark, codec in _MARKS if body.startswith(mark)), (b"", ""))
    if not mark:
        return None
    return decode_utf8(body[len(mark) :]) if codec == "utf-8" else decode(body[len(mark) :], codec)


def decode_utf8(body: bytes) -> Decoding:
    """UTF-8; surrogate pairs that some programs write as two characters become the one character meant."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return Decoding(text=text, good=0 if text.isascii() else 1, bad=0)
    try:
        pairs = body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return decode(body, "utf-8")
    return decode(pairs.encode("utf-16-le", "surrogatepass"), "utf-16-le")


def decode_wide(body: bytes) -> Decoding | None:
    """UTF-32 or UTF-16 without a byte order mark; None if it is neither.

    In the right byte order the characters come from few blocks of Unicode, in the wrong one from very many.
    """
    sample = body[:_SAMPLE_BYTES]
    little_first = len(set(sample[1::2])) <= len(set(sample[::2]))
    for codec in ("utf-32-le", "utf-32-be", "utf-16-le" if little_first else "utf-16-be"):
        width = 4 if "32" in codec else 2
        if not len(body) % width and is_plausible_text(text := sample.decode(codec, "replace")) and _BREAK.search(text):
            return decode(body, codec)
    return None


def is_plausible_text(text: str) -> bool:
    """Whether nearly all characters are ones that people write."""
    sample = text[:_SAMPLE_BYTES]
    odd = sum(char == "\ufffd" or (unicodedata.category(char) in _ODD and char not in _LAYOUT) for char in sample)
    return odd <= max(1.0, _MAX_ODD * len(sample))
