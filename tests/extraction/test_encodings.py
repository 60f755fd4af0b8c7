"""Text in the promised encodings, short and long."""

# ruff: noqa: RUF001 - the letters are Cyrillic on purpose

import codecs
from random import Random

import pytest

from backburner.errors import Reason

from .conftest import Extract, Refusal

RUSSIAN = (
    "Обязательства сторон по договору возникают с момента подписания. Съешь ещё этих мягких булок, да выпей чаю.\n"
)
GERMAN = "Die Maßnahmen wurden größtenteils durchgeführt. Für die Prüfung gemäß § 12 ist Herr Müller zuständig.\n"
FRENCH = "Les obligations des parties naissent dès la signature. À l'été, les élèves étaient déjà très fatigués.\n"
CASES = [
    *((RUSSIAN, name) for name in ("cp1251", "koi8-r", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-16")),
    *((text, name) for text in (GERMAN, FRENCH) for name in ("latin-1", "cp1252", "utf-16-le", "utf-16-be")),
]


@pytest.mark.parametrize("times", [1, 500])
@pytest.mark.parametrize(("text", "encoding"), CASES)
def test_the_encoding_is_found(extract: Extract, text: str, encoding: str, times: int) -> None:
    """It is found without a byte order mark too, and every letter is right."""
    assert extract((text * times).encode(encoding), "a.txt") == text * times


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r"])
def test_a_short_table_is_enough(extract: Extract, encoding: str) -> None:
    table = "Имя;Тонны\nАнна;12\n"
    assert extract(table.encode(encoding), "a.csv") == table


@pytest.mark.parametrize(
    "body",
    [bytes(Random(1).choices(range(128, 256), k=400)), codecs.BOM_UTF8 + b"\xff\xfe text", codecs.BOM_UTF16_LE + b"a"],
)
def test_bytes_that_no_encoding_explains_are_refused(refusal: Refusal, body: bytes) -> None:
    """The encoding is not guessed."""
    reason, message = refusal(body, "a.txt")
    assert reason is Reason.UNREADABLE_DOCUMENT
    assert "UTF-8" in message
