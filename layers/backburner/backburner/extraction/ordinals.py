"""The number formats of lists in OpenDocument, RTF and DOC, mapped to those of Word."""

from enum import StrEnum

from backburner.extraction.listnumbers import shown_number


class Numbering(StrEnum):
    """The number format of a list level."""

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
    """A number in this format, in digits if the format cannot show it. A bullet stays a bullet."""
    in_word = _IN_WORD.get(form)
    return shown_number(number, in_word) if in_word else form.value
