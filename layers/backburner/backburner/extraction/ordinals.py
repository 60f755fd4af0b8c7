"""The forms in which lists of OpenDocument, RTF and DOC count, by what they are in Word."""

from enum import StrEnum

from backburner.extraction.listnumbers import shown_number


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


_IN_WORD = {
    Numbering.DECIMAL: "decimal",
    Numbering.PADDED: "decimalZero",
    Numbering.LOWER_ROMAN: "lowerRoman",
    Numbering.UPPER_ROMAN: "upperRoman",
    Numbering.LOWER_LETTER: "lowerLetter",
    Numbering.UPPER_LETTER: "upperLetter",
    Numbering.ORDINAL: "ordinal",
    Numbering.CYRILLIC_LOWER: "russianLower",
    Numbering.CYRILLIC_UPPER: "russianUpper",
    Numbering.CHINESE: "chineseCounting",
    Numbering.CIRCLED: "decimalEnclosedCircle",
}


def ordinal(number: int, form: Numbering) -> str:
    """A number as it is shown; in digits where a form has no sign for it. A bullet is itself."""
    in_word = _IN_WORD.get(form)
    return shown_number(number, in_word) if in_word else form.value
