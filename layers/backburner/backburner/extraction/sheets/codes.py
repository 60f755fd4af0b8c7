"""Number format codes split into pieces: `[$-411]yyyy"年"m"月"`, `#,##0.00 "kg";[Red]-0` and the like."""

import re
from dataclasses import dataclass
from enum import StrEnum, auto


class Kind(StrEnum):
    """The kind of a piece of a code."""

    LITERAL = auto()
    DIGIT = auto()
    """`0`, `#` or `?`: a place for one digit."""
    POINT = auto()
    COMMA = auto()
    PERCENT = auto()
    SLASH = auto()
    EXPONENT = auto()
    GENERAL = auto()
    TEXT = auto()
    """`@`: the text of the cell."""
    DATE = auto()
    """Letters for year, month, day or weekday, for hour, minute or second, or AM/PM."""
    ELAPSED = auto()
    CONDITION = auto()


@dataclass(frozen=True)
class Piece:
    """A piece and its significant characters; a literal also says whether it was quoted."""

    kind: Kind
    text: str
    is_quoted: bool = False


_PIECES = re.compile(
    r"""
      "(?P<quoted>[^"]*)"?
    | \\(?P<escaped>.)
    | (?P<skipped>[_*].|\\)
    | \[(?P<bracket>[^\]]*)\]
    | (?P<general>general|standard)
    | (?P<half>am/pm|a/p|上午/下午|오전/오후|午前/午後)
    | (?P<exponent>e[+-][0\#?]*)
    | (?P<date>y+|m+|d+|h+|s+|b+|e+|g+|a{3,4}|n+|r+)
    | (?P<digit>[0\#?])
    | (?P<point>\.)
    | (?P<comma>,)
    | (?P<percent>%)
    | (?P<slash>/)
    | (?P<text>@)
    | (?P<literal>.)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_PLAIN = {
    "general": Kind.GENERAL,
    "half": Kind.DATE,
    "exponent": Kind.EXPONENT,
    "date": Kind.DATE,
    "digit": Kind.DIGIT,
    "point": Kind.POINT,
    "comma": Kind.COMMA,
    "percent": Kind.PERCENT,
    "slash": Kind.SLASH,
    "text": Kind.TEXT,
}
_ELAPSED = re.compile(r"(h+|m+|s+)\Z", re.IGNORECASE)
_CONDITION = re.compile(r"(?:<=|>=|<>|=|<|>)\s*-?\d+(?:\.\d*)?(?:E[+-]?\d+)?\Z", re.IGNORECASE)
_MAX_CHARS = 1_000
"""Excel takes 255."""


def sections(code: str) -> list[list[Piece]]:
    """The sections of a code, split into pieces; colours, locales and digit shapes are left out."""
    found: list[list[Piece]] = [[]]
    for match in _PIECES.finditer(code[:_MAX_CHARS]):
        kind = match.lastgroup or "literal"
        text = match[kind]
        if kind == "literal" and text == ";":
            found.append([])
        elif piece := _piece(kind, text):
            found[-1].append(piece)
    return found


def _piece(kind: str, text: str) -> Piece | None:
    if kind == "bracket":
        return _bracket(text)
    if kind in ("quoted", "escaped"):
        return Piece(Kind.LITERAL, text, is_quoted=True)
    if kind == "literal":
        return Piece(Kind.LITERAL, text)
    if kind == "skipped":
        return None
    return Piece(_PLAIN[kind], text)


def _bracket(text: str) -> Piece | None:
    """`[h]` is elapsed time, `[$€-407]` a currency, `[<100]` a condition; `[Red]`, `[$-411]` show nothing."""
    if text.startswith("$"):
        currency = text[1:].rpartition("-")[0] if "-" in text else text[1:]
        return Piece(Kind.LITERAL, currency, is_quoted=True) if currency else None
    if _ELAPSED.match(text):
        return Piece(Kind.ELAPSED, text[0].lower())
    if _CONDITION.match(text):
        return Piece(Kind.CONDITION, text)
    return None


BUILT_IN: dict[int, str] = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00",
    5: "#,##0_);(#,##0)", 6: "#,##0_);(#,##0)", 7: "#,##0.00_);(#,##0.00)", 8: "#,##0.00_);(#,##0.00)",
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??",
    14: "m/d/yyyy", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy", 18: "h:mm AM/PM", 19: "h:mm:ss AM/PM",
    20: "h:mm", 21: "h:mm:ss", 22: "m/d/yyyy h:mm",
    37: "#,##0_);(#,##0)", 38: "#,##0_);(#,##0)", 39: "#,##0.00_);(#,##0.00)", 40: "#,##0.00_);(#,##0.00)",
    41: "#,##0_);(#,##0)", 42: "#,##0_);(#,##0)", 43: "#,##0.00_);(#,##0.00)", 44: "#,##0.00_);(#,##0.00)",
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
    **dict.fromkeys((27, 28, 29, 30, 31, 36, 50, 51, 54, 57, 58), "yyyy-mm-dd"),
    32: "h:mm", 33: "h:mm:ss",
    59: "0", 60: "0.00", 61: "#,##0", 62: "#,##0.00", 67: "0%", 68: "0.00%", 69: "# ?/?", 70: "# ??/??",
    71: "d/m/yyyy", 72: "d-mmm-yy", 73: "d-mmm", 74: "mmm-yy", 75: "h:mm", 76: "h:mm:ss", 77: "d/m/yyyy h:mm",
    78: "mm:ss", 79: "[h]:mm:ss", 80: "mm:ss.0", 81: "d/m/yyyy",
}  # fmt: skip
"""The codes that files refer to by number, including CJK (27 to 36, 50 to 58) and Thai (59 to 81).

The currency in 5 to 8, 42 and 44 depends on who opens the file, so none is shown.
"""
DATE_OR_TIME = frozenset({34, 35, 52, 53, 55, 56})
"""Dates in Japan and Korea, times in China: the value decides."""
