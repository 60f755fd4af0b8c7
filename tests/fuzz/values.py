"""Odd JSON, as Python values and as text."""

import json
from typing import Any

from hypothesis import strategies as st

HALF = "\ud83d"
"""Half of an emoji: JSON can spell it, UTF-8 cannot."""
FINITE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
ODD = (
    FINITE
    | st.floats()
    | st.integers(-(10**400), 10**400)
    | st.text(st.characters(codec=None, categories=("Cs", "L", "N", "P", "Cc")), max_size=5)
    | st.sampled_from([1e308, -1e308, 10**309, -(10**309), "lots", "9" * 310, HALF, "\x1b[2J", "\x00"])
)
NUMBERS = st.sampled_from(
    ["1e308", "-1e308", "1e309", "1e999", "NaN", "Infinity", "-Infinity", "-0", "0.0", "9" * 310, "-" + "9" * 310,
     "9" * 4301, "1" + "0" * 18, "18446744073709551616", "1E400", "1e-400", "0.1e1", "01", "1.", "0x10", "1_0"]
)  # fmt: skip
"""Numbers as somebody may write them, some of them not JSON."""
DEPTHS = st.integers(0, 120) | st.sampled_from([*range(940, 1000), 5000, 100_000])
"""How deep objects may be nested; encoders and decoders give up somewhere near 1000."""


def nested(depth: int, kind: str) -> str:
    """The text of nested lists or objects."""
    return "[" * depth + "1" + "]" * depth if kind == "list" else '{"a":' * depth + "1" + "}" * depth


def values(names: list[str], words: list[str], leaves: st.SearchStrategy[Any] = ODD) -> st.SearchStrategy[Any]:
    """JSON of any shape in which these names and words occur more often than by chance."""
    return st.recursive(
        leaves | st.sampled_from(words),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(names) | st.text(max_size=3), inner, max_size=5)
        ),
        max_leaves=25,
    )


def spelt(value: Any, *, is_ascii: bool = True) -> bytes:
    """A value as another program may write it: escaped, or as raw bytes that need not be UTF-8."""
    return json.dumps(value, ensure_ascii=is_ascii).encode(errors="surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, seeds: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes with a few changes."""
    data = draw(seeds)
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(0, len(data)))
        last = min(len(data), first + draw(st.integers(0, 12)))
        put = draw(st.sampled_from(BITS) | st.binary(max_size=4) | st.just(data[first:last] * 2))
        data = data[:first] + put + data[last:]
    return data


BITS = [
    b"", b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\n", b"\r\n", b"\\ud83d", b"\\",
    b'"', b"{", b"}", b"[", b"]", b":", b",", b"null", b"true", b"1e308", b"NaN", b"-", b"9" * 310, b"\xe2\x80\xa8",
    b"\x85", b"\x1b[2J",
]  # fmt: skip
