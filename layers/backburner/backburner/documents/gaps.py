"""Says how the gap between two letters of a text may be read: as nothing, as white space, or as a dash."""

import re
import unicodedata

from backburner.documents.boundaries import CURRENCIES, HANGUL, UNSEEN, UNSPACED
from backburner.documents.folding import DASHES, SOFT_HYPHEN

DASH = 4
_NOTHING, _SPACE = 1, 2
_DASH_IN = re.compile(f"[{DASHES}]")
_LINE_END = re.compile(r"[\n\r\f\v\x85\u2028\u2029]|<br>")
_CELL_MINUS = re.compile(rf"\|[ \t]*[{DASHES}][ \t]*$")
_LOOSE = re.compile(rf'["*§\u2026{CURRENCIES}]')
"""Marks that one language or typesetter sets apart and another does not."""


def kinds(gap: str, before: str, after: str) -> int:
    """What a gap may be read as, as bits: two gaps are alike if they have one in common."""
    seen = UNSEEN.sub("", gap)
    bare = seen.replace(SOFT_HYPHEN, "")
    is_soft = seen != bare
    if not bare:
        return _NOTHING | (DASH if is_soft else 0)
    dash = _DASH_IN.search(bare)
    if dash is None:
        may_close = is_soft or _breaks_anywhere(bare, before, after) or ("|" not in bare and _is_loose(before, after))
        return _SPACE | (_NOTHING if may_close else 0)
    if _LINE_END.search(bare, 0, dash.start()):
        return DASH | (0 if _is_minus(bare, after) else _SPACE)  # an item of a list, or the rule below a table's head
    is_hyphenation = dash.start() == 0 and _LINE_END.search(bare) and is_letter(before) and is_letter(after)
    return DASH | (_NOTHING if is_hyphenation else 0)


def is_letter(each: str) -> bool:
    """Whether it is a letter, or a mark that belongs to one."""
    return each.isalpha() or unicodedata.category(each).startswith("M")


def _is_minus(gap: str, after: str) -> bool:
    """Whether a dash at the start of a line is a minus: in a list, a blank or a word follows it."""
    if is_letter(after):
        return False
    return "\u2212" in gap or bool(_DASH_IN.match(gap[-1]) or _CELL_MINUS.search(gap))


def _breaks_anywhere(gap: str, before: str, after: str) -> bool:
    if before.isdecimal() and after.isdecimal():
        return False
    if UNSPACED.match(before) or UNSPACED.match(after):
        return True
    return bool(_LINE_END.search(gap) and HANGUL.match(before) and HANGUL.match(after))


def _is_loose(before: str, after: str) -> bool:
    """Whether white space between two letters is a matter of typography: « mot », 12 %, 500 €."""
    if _LOOSE.match(before) or _LOOSE.match(after):
        return True
    if after in "%\u066a\u2030°:;!?)]" or before in "%\u066a°([":
        return True
    if before.isdecimal() or after.isdecimal():
        return False
    return before in "'/" or after in "'/.,"
