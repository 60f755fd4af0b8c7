"""The encodings table: 54 encodings, each with up to five languages that it can write, at three lengths."""

from collections.abc import Iterator
from itertools import cycle
from operator import itemgetter

import pytest

from backburner.errors import JobError, Reason
from backburner.extraction.encodings import text_of
from support.depth import thinned

from .languages import TEXTS

ENCODINGS = {
    "cp1250": "pl cs hu hr ro", "iso8859-2": "pl cs hu hr ro", "mac-latin2": "pl cs hu", "cp852": "pl cs hu hr ro",
    "cp1251": "ru uk bg sr", "koi8-r": "ru", "koi8-u": "uk ru", "iso8859-5": "ru bg sr", "cp866": "ru",
    "mac-cyrillic": "ru uk bg sr", "cp855": "ru bg sr",
    "cp1252": "de fr es pt it sv da is", "latin-1": "de fr es pt it sv da is", "iso8859-15": "de fr es pt it",
    "mac-roman": "de fr es pt it sv", "cp850": "de fr es pt it sv", "cp437": "de es it sv",
    "cp1253": "el", "iso8859-7": "el", "mac-greek": "el", "cp737": "el",
    "cp1254": "tr", "iso8859-9": "tr", "mac-turkish": "tr", "cp857": "tr",
    "cp1255": "he", "iso8859-8": "he", "cp862": "he", "cp1256": "ar", "iso8859-6": "ar",
    "cp1257": "lt lv et", "iso8859-13": "lt lv et", "iso8859-4": "lt lv et", "cp775": "lt lv et",
    "iso8859-10": "is sv da", "iso8859-3": "eo", "iso8859-14": "ga", "cp874": "th", "tis-620": "th",
    "cp932": "ja", "euc_jp": "ja", "iso2022_jp": "ja", "cp949": "ko", "euc_kr": "ko", "iso2022_kr": "ko",
    "gb18030": "zh", "gb2312": "zh", "hz": "zh", "big5": "zht",
    "utf-8": "ru ja de ar ko", "utf-16-le": "ru zh de ar ko", "utf-16-be": "ru zh de ar ko",
    "utf-32-le": "ru ja de", "utf-32-be": "ru ja de",
}  # fmt: skip
LENGTHS = (60, 400, 4000)
"""Some texts of 60 characters are refused because two readings are likely; none of 400 and more may be."""
MAX_REFUSED = {60: 9, 400: 0, 4000: 0}


def passage(language: str, characters: int) -> str:
    """The requested amount of a language's text; a long one repeats the sentences in varying order."""
    text = TEXTS[language]
    sentences = [sentence for sentence in text.replace("。", "。\0").replace(". ", ". \0").split("\0") if sentence]
    long = "".join(sentences[(7 * place) % len(sentences)] for place, _ in zip(range(500), cycle("x"), strict=False))
    return (text + long)[:characters]


def cases() -> Iterator[tuple[str, str, int]]:
    """Every encoding with each of its languages, at every length."""
    for encoding, languages in ENCODINGS.items():
        for language in languages.split():
            for length in LENGTHS:
                yield encoding, language, length


def verdict(encoding: str, language: str, length: int) -> str:
    """The outcome for a text: right, refused or wrong."""
    text = passage(language, length)
    try:
        found = text_of(text.encode(encoding))
    except JobError as error:
        return "refused" if error.reason is Reason.UNREADABLE_DOCUMENT else f"{error.reason}"
    return "right" if found == text else "wrong"


@pytest.mark.parametrize("length", LENGTHS)
def test_every_encoding_is_found_or_refused(length: int) -> None:
    """None is ever silently taken for another."""
    asked = [case for case in cases() if case[2] == length]
    found = {case: verdict(*case) for case in (thinned(asked, one_in=8, kind=itemgetter(0)) if length > 400 else asked)}
    assert not [case for case, was in found.items() if was not in ("right", "refused")]
    refused = [case for case, was in found.items() if was == "refused"]
    assert len(refused) <= MAX_REFUSED[length], refused
