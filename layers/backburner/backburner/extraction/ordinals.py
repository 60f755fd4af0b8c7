"""Numbers of lists and headings in the form in which they are shown: 3, iii, C, 三."""

from collections.abc import Callable
from enum import StrEnum

_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MOST_ROMAN = 32_767
_MOST_LETTERS = 32_767
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_CYRILLIC = "абвгдежзиклмнопрстуфхцчшщэюя"
_CHINESE = "〇一二三四五六七八九"
_CHINESE_UNITS = ("", "十", "百", "千")
_MOST_CHINESE = 9_999
_TENS = 10


class Numbering(StrEnum):
    """In which form a level of a list counts."""

    DECIMAL = "1"
    PADDED = "01"
    LOWER_ROMAN = "i"
    UPPER_ROMAN = "I"
    LOWER_LETTER = "a"
    UPPER_LETTER = "A"
    ORDINAL = "1st"
    CYRILLIC_LOWER = "а"  # noqa: RUF001 - the Cyrillic letter
    CYRILLIC_UPPER = "А"  # noqa: RUF001 - the Cyrillic letter
    CHINESE = "一"
    CIRCLED = "①"
    BULLET = "•"
    NONE = ""


def ordinal(number: int, form: Numbering) -> str:
    """A number as it is shown; one that a form has no sign for is shown in digits."""
    shown = _FORMS.get(form)
    return shown(number) if shown else str(number)


def _roman(number: int) -> str:
    if not 0 < number <= _MOST_ROMAN:
        return str(number)
    shown = []
    for value, letters in _ROMAN:
        times, number = divmod(number, value)
        shown.append(letters * times)
    return "".join(shown)


def _letters(number: int, alphabet: str) -> str:
    """As Word and LibreOffice count: z, aa, bb, cc."""
    if not 0 < number <= _MOST_LETTERS:
        return str(number)
    times, place = divmod(number - 1, len(alphabet))
    return alphabet[place] * (times + 1)


def _chinese(number: int) -> str:
    if not 0 < number <= _MOST_CHINESE:
        return str(number)
    shown = ""
    digits = str(number)
    for place, digit in enumerate(digits):
        unit = _CHINESE_UNITS[len(digits) - place - 1]
        if digit != "0":
            shown += _CHINESE[int(digit)] + unit
        elif not shown.endswith(_CHINESE[0]):
            shown += _CHINESE[0]
    shown = shown.rstrip(_CHINESE[0])
    return shown.removeprefix("一") if shown.startswith("一十") else shown


def _ordinal(number: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    is_teen = number // _TENS % _TENS == 1
    return f"{number}{'th' if is_teen else ends.get(number % _TENS, 'th')}"


def _circled(number: int) -> str:
    first, last = 1, 20
    return chr(ord("①") + number - 1) if first <= number <= last else str(number)


_FORMS: dict[Numbering, Callable[[int], str]] = {
    Numbering.PADDED: lambda number: f"{number:02}",
    Numbering.LOWER_ROMAN: _roman,
    Numbering.UPPER_ROMAN: lambda number: _roman(number).upper(),
    Numbering.LOWER_LETTER: lambda number: _letters(number, _LATIN),
    Numbering.UPPER_LETTER: lambda number: _letters(number, _LATIN).upper(),
    Numbering.ORDINAL: _ordinal,
    Numbering.CYRILLIC_LOWER: lambda number: _letters(number, _CYRILLIC),
    Numbering.CYRILLIC_UPPER: lambda number: _letters(number, _CYRILLIC).upper(),
    Numbering.CHINESE: _chinese,
    Numbering.CIRCLED: _circled,
    Numbering.NONE: lambda _: "",
    Numbering.BULLET: lambda _: "•",
}
