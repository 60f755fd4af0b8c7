"""The result of decoding bytes, and whether the encoding can be the right one."""

import codecs
from dataclasses import dataclass, field

BAD = "\ufffd"
"""Replaces an invalid byte."""
FEW_BAD = 3
"""This many bad bytes are acceptable, however short the text."""
MAX_BAD_SHARE = 0.02
"""Share of bad characters among those beyond ASCII that is acceptable in a longer text."""
ENCODED_BAD = BAD.encode()
_GOOD_FOR_EACH_BAD = 2


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """A text, the number of its valid characters beyond ASCII, and the number of invalid bytes."""

    text: str = field(repr=False)
    good: int
    bad: int

    @property
    def fits(self) -> bool:
        """Whether the encoding is plausible: few bytes are bad, and far more are good."""
        return self.bad <= max(FEW_BAD, MAX_BAD_SHARE * self.good) and self.good >= _GOOD_FOR_EACH_BAD * self.bad


def decode(body: bytes, codec: str) -> Decoding:
    """The bytes decoded, with one U+FFFD for each invalid one."""
    text, _ = codecs.lookup(codec).decode(body, "replace")
    bad = text.count(BAD)
    if bad and codec == "utf-8":
        bad -= body.count(ENCODED_BAD)
    return Decoding(text=text, good=beyond_ascii(text) - bad, bad=bad)


def beyond_ascii(text: str) -> int:
    """How many characters are beyond ASCII."""
    return 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
