"""Tells whether a quote would cut a word or a number, or leave out a number's sign, at one of its ends.

What is cut may say the opposite of what was written: "can" of "can't", "refundable" of "non-refundable", "1" of
"1 200". In doubt it counts as cut.
"""

import re

from backburner.documents.folding import DASHES, EMPHASIS, INVISIBLE, MARKS, SOFT_HYPHEN, Folded

BEFORE, AFTER = 10, 8
"""How many letters around a place tell whether it is within a word or a number."""
CURRENCIES = "$\u00a2-\u00a5\u058f\u060b\u09f2\u09f3\u0e3f\u17db\u20a0-\u20c0"
"""For use inside a character class, like the others here."""
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts without spaces between words."""
HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7a3]")
UNSEEN = re.compile(f"[{INVISIBLE}{EMPHASIS}]+")
"""What changes nothing in a gap."""
_LONGEST_GAP = 40
_LETTER = rf"(?:[^\W_\u00b2\u00b3\u00b9\u2070-\u209f]|[{MARKS}])"
_FRACTIONS = "\u00bc-\u00be\u2150-\u215f\u2189"
_POINTS = ".,'/:_^*\u00b7\u00d7\u060c\u066b\u066c\u2044\u2215"
"""What may be between two digits of one number, date, time or fraction."""
_MINUS, _EN_DASH = "\u2212", "\u2013"
_ANY_DASH = f"[{_MINUS}{_EN_DASH}-]"
_BLANK = r"(?:[ ]|[ ]*\n[ ]*)"
_SCALES = (
    "hundred|thousand|mill|mili|milh|milj|billi|bilh|bn\\b|trill|mi?ll?n|mio|mia|ml[dr]|mrd|tausend|hundert|mil\\b|"
    "mila\\b|cent[oi]?\\b|duizend|tys|tisíc|tis\\b|bin\\b|milyon|nghìn|ngàn|triệu|tỷ|тыс|тис|млн|млрд|милли|мільй|"
    "мілья|χιλιάδ|εκατομ|lakh|crore|लाख|करोड़|हज़ार|हजार|ألف|آلاف|مليون|مليار|אלף|מיליון|"
    "per ?cent|procent|prozent|pour cent|por cien|процент|відсот"
)
"""Beginnings of words without which the number before them is incomplete, in common languages; not a full list."""
_NUMBER_CUT = re.compile(
    rf"""
      \d[{_POINTS}]\0\d | \d\0[{_POINTS}]\d | \d\**\0\**\d
    | (?<!\d)\d{{1,3}}(?:,\0|\0,)[ ]*\n[ ]*\d{{3}}(?!\d)                             # 1,<line end>200
    | (?:^|[\s(\[{{=+~{CURRENCIES}-])[.,\u00b7\u066b]\0\d                           # .5
    | (?<!\d)(?<!\d[.,\u066b])\d{{1,3}}\0{_BLANK}\d{{3}}(?!\d)                        # 1 200
    | [.,\u066b]\d{{3}}\0{_BLANK}\d{{3}}(?!\d|[.,]\d{{3}}(?!\d))                       # 0,141 592
    | (?:(?!19|20)\d{{4}}|[A-Z]{{2}}\d\d)\0[ ](?!19|20)\d{{4}}(?!\d)                  # of an IBAN, but 2023 2024
    | \d\0{_ANY_DASH}\d                                                           # 10-12, 2024-05-12
    | \d\0{_BLANK}?[{_FRACTIONS}] | \d\0{_BLANK}\d{{1,2}}[/\u2044\u2215]\d          # 1 ½, 1 1/2
    | \d\0{_BLANK}?[%\u066a\u2030\u2031°] | [%\u066a]\0\d                           # 5 %, %5
    | \d\0{_BLANK}?[千百万萬億亿兆] | \d\0[천백만억조] | \d\0{_BLANK}(?i:{_SCALES.replace(" ", "[ ]")})
    | (?:[±\u2264\u2265\u2248~]|(?:^|[\s(])[<>])\0{_BLANK}?\d | [A-Z]\0[{CURRENCIES}]  # < 5, A$5
    """,
    re.VERBOSE,
)
"""Matches around a place, written as a NUL, that is within a number."""
_WORD_CUT = re.compile(rf"{_LETTER}(?:\0-|['&@_·]\0|\0['&@_·]){_LETTER}|[א-ת](?:[\"״]\0|\0[\"״])[א-ת](?![א-ת])")
"""Also a Hebrew abbreviation, which has its mark before the last letter."""
_ELISION = re.compile(
    r"(?:^|[^\w'])(?:[cdjlmstv]|qu|lorsqu|puisqu|(?:d|n|s|c)?[aeu]ll|dall|gli?|degl|agl|negl|un|quest|quell)'\0",
    re.IGNORECASE,
)
"""French and Italian articles and the like: separate words. Not n' and jusqu', which reverse the meaning."""
_UNIT = rf"(?:(?:[{CURRENCIES}]|[A-Z]{{3}})[ ]?)?"
_SIGN = re.compile(
    rf"(?:[{_MINUS}-]|{_MINUS}[ ]|(?:^|[\s(\[{{:=<>/|{CURRENCIES}]){_EN_DASH}|\|[ ]*[{_EN_DASH}-][ ]){_UNIT}$",
)
"""Ends where a number begins that has a minus: one that touches it, or its currency, or is surely no dash."""
_SOME_DASH = re.compile(rf"(?:^|\s){_ANY_DASH}[ ]$")
_AMOUNT = re.compile(rf"{_UNIT}[.,]?\d")
_HYPHEN = re.compile("[\\-\u058a\u05be\u2010\u2011\ufe63\uff0d]")
_DASH = re.compile(f"[{DASHES}]")
_LINE_END = re.compile(r"\r\n?|[\f\v\x85\u2028\u2029]|<br>")
_HYPHENATION = re.compile(rf"({_ANY_DASH})[ ]*\n[ \n]*")
_NO_TEXT = re.compile(rf"[^ \n|{_EN_DASH}{_MINUS}-]")


def is_cut(text: Folded, position: int) -> bool:
    """Whether the place before a letter is within a word or a number."""
    letters = text.letters
    if not 0 < position < len(letters):
        return False
    left, right, gap = letters[position - 1], letters[position], plain_gap(text.gap(position))
    if not gap and is_word(left, right):
        return True
    if gap and gap != "-" and not (left.isdecimal() or right.isdecimal()):
        return False
    around = f"{_before(text, position)}\0{gap}{_after(text, position)}"
    if _NUMBER_CUT.search(around):
        return True
    found = _WORD_CUT.search(around)
    if found is None or UNSPACED.search(found[0]) or HANGUL.search(found[0]):
        return False
    return not _ELISION.search(around)


def has_same_sign(text: Folded, position: int, quote: Folded) -> bool:
    """Whether a minus before the number that a quote begins with, if it does, is in both or in neither."""
    if not _AMOUNT.match(quote.letters[0] + _after(quote, 0)[1:]):
        return True
    wanted = plain_gap(quote.gap(0))
    if _SOME_DASH.search(wanted):
        return True  # an item of a list or a minus: both may be copied so
    there = _before(text, position) + plain_gap(text.gap(position))
    return bool(_SIGN.search(wanted)) == bool(_SIGN.search(there))


def is_word(left: str, right: str) -> bool:
    """Whether two letters without a gap belong to one word or number."""
    if left.isnumeric() and right.isnumeric():
        return True  # also 10², 1½ and 三十
    if any(script.match(each) for script in (UNSPACED, HANGUL) for each in (left, right)):
        return False
    return all(re.match(_LETTER, each) and not re.match(f"[{_FRACTIONS}]", each) for each in (left, right))


def plain_gap(gap: str) -> str:
    """A gap with blanks, line ends, borders and three sorts of dash only; "" if nothing in it is seen."""
    if gap in ("", " "):
        return gap
    seen = _LINE_END.sub("\n", UNSEEN.sub("", gap).replace(SOFT_HYPHEN, ""))
    if len(seen) > _LONGEST_GAP:
        seen = f"\n\n{seen[-_LONGEST_GAP:]}"
    seen = seen.replace("\t", "  ")
    seen = _DASH.sub(lambda found: _plain_dash(found[0]), seen)
    seen = _NO_TEXT.sub(lambda found: " " if found[0].isspace() else "", seen)
    hyphenation = _HYPHENATION.fullmatch(seen)
    return hyphenation[1] if hyphenation else seen


def _plain_dash(dash: str) -> str:
    if dash == _MINUS:
        return dash
    return "-" if _HYPHEN.match(dash) else _EN_DASH


def _before(text: Folded, position: int) -> str:
    """Some letters before a place, with their gaps."""
    first = max(0, position - BEFORE + 1)
    begin = plain_gap(text.gap(0)) if first == 0 and position > 0 else ""
    return begin + _between(text, first, position)


def _after(text: Folded, position: int) -> str:
    return _between(text, position, min(len(text.letters), position + AFTER))


def _between(text: Folded, first: int, end: int) -> str:
    letters = text.letters
    seams = set(text.seams(first, end))
    return "".join((plain_gap(text.gap(each)) if each in seams else "") + letters[each] for each in range(first, end))
