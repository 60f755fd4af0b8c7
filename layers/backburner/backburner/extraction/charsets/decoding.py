"""What a decoder made of bytes, and whether that can be what they say."""

import codecs
from dataclasses import dataclass, field

BAD = "\ufffd"
"""Stands for a byte that is no character."""
FEW_BAD = 3
"""So many bad bytes are few, however short the text."""
MAX_BAD_SHARE = 0.02
"""Share of the characters beyond ASCII that may be bad in a longer text."""
ENCODED_BAD = BAD.encode()
_GOOD_FOR_EACH_BAD = 2


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A text, how many of its characters beyond ASCII are good, and how many bytes were none."""

    text: str = field(repr=False)
    good: int
    bad: int

    @property
    def fits(self) -> bool:
        """Whether the encoding is the text's: few bytes are bad, and far more are good."""
        return self.bad <= max(FEW_BAD, MAX_BAD_SHARE * self.good) and self.good >= _GOOD_FOR_EACH_BAD * self.bad


def decode(body: bytes, codec: str) -> Decoding:
    """The bytes by an encoding, with one U+FFFD for each that is no character in it."""
    text, _ = codecs.lookup(codec).decode(body, "replace")
    bad = text.count(BAD)
    if bad and codec == "utf-8":
        bad -= body.count(ENCODED_BAD)
    return Decoding(text=text, good=beyond_ascii(text) - bad, bad=bad)


def beyond_ascii(text: str) -> int:
    """How many characters are beyond ASCII."""
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
