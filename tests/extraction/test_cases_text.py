"""Real-world texts: old encodings, one bad byte, NULs in a log, charsets declared as browsers understand them."""

from pathlib import Path

import pytest

from backburner.errors import JobError
from backburner.extraction.encodings import decoded, text_of
from backburner.extraction.reading import read

CASES = Path(__file__).with_name("cases")
BEGINS = {
    "ar-cp1256.txt": "عقد إيجار محل تجاري. يلتزم المستأجر",
    "el-cp1253.txt": "Μισθωτήριο επαγγελματικού χώρου.",
    "ja-shift_jis.txt": "賃貸借契約書。借主は、本契約に定める賃料を期日までに支払う",
    "pl-cp1250.txt": "Umowa najmu lokalu użytkowego. Najemca zobowiązuje się",
    "ru-cp866.txt": "Договор аренды нежилого помещения. Арендатор обязуется",
    "ru-utf-32-be-bom.txt": "Договор аренды нежилого помещения. Арендатор обязуется",
    "uk-koi8_u.txt": "Договір оренди нежитлового приміщення. Орендар",
    "zhs-gb18030.txt": "房屋租赁合同。承租人应当按照本合同约定的金额",
    "zht-big5.txt": "房屋租賃契約。承租人應按照本契約約定的金額",
}


@pytest.mark.parametrize("name", BEGINS)
def test_an_old_encoding_is_read(name: str) -> None:
    """Every letter is read: nothing is replaced, nothing noted."""
    found = read((CASES / name).read_bytes(), name)
    assert found.text.startswith(BEGINS[name])
    assert "\ufffd" not in found.text
    assert found.notes == ()


@pytest.mark.parametrize("name", ["pl_onebad.txt", "ru_onebad.txt"])
def test_one_bad_byte_costs_one_character(name: str) -> None:
    """A note says so."""
    found = read((CASES / name).read_bytes(), name)
    assert found.text.count("\ufffd") == 1
    assert found.notes == (f"1 of {sum(not char.isspace() for char in found.text)} characters could not be read",)


def test_a_log_may_contain_nuls() -> None:
    """A crash leaves them; a run of NULs is one unreadable character."""
    found = read((CASES / "log_nul.log").read_bytes(), "a.log")
    assert found.text.startswith("2024-03-05 start\n\ufffd2024-03-05 ")
    assert "\x00" not in found.text
    assert found.text.count("\ufffd") == 1
    truncated = bytes(100_000) + b"2024-03-05 the log goes on\n" * 30
    assert read(truncated, "a.log").text.startswith("\ufffd2024-03-05 the log")


@pytest.mark.parametrize(
    ("declared", "codec", "text"),
    [
        ("iso-8859-1", "cp1252", "“smart” – €"),
        ("ISO-8859-9", "cp1254", "“İş”"),
        ("gb2312", "gb18030", "镕基, 喆"),
        ("ks_c_5601-1987", "cp949", "똠방각하"),
        ("euc-kr", "cp949", "펲시콜라"),
        ("shift_jis", "cp932", "①㈱髙島屋"),
        ("x-sjis", "cp932", "表示ソ能"),
        ("tis-620", "cp874", "ราคา € 5"),
        ("big5", "cp950", "裏面 €"),
        ("big5-hkscs", "big5hkscs", "嘅咗喺"),
        ("koi8", "koi8-r", "вода"),
        ("x-mac-cyrillic", "mac-cyrillic", "вода"),
        ("windows-1251", "cp1251", "вода"),
        ("win1251", "cp1251", "вода"),
        ('"utf8"', "utf-8", "вода"),
        ("unicode-1-1-utf-8", "utf-8", "вода"),
        ("utf-16", "utf-16-le", "вода и медь"),
        ("utf-7", "utf-7", "вода"),
        ("hz-gb-2312", "hz", "你好"),
        ("iso-2022-kr", "iso2022_kr", "안녕"),
        ("iso-8859-1", "utf-8", "вода"),
        ("us-ascii", "cp1251", "Арендатор обязуется вносить плату не позднее пятого числа"),
        ("x-unknown", "cp1251", "Арендатор обязуется вносить плату не позднее пятого числа"),
        (None, "cp1251", "Арендатор обязуется вносить плату не позднее пятого числа"),
    ],
)
def test_a_declared_charset_means_what_browsers_take_it_for(declared: str | None, codec: str, text: str) -> None:
    """Valid UTF-8 is UTF-8; if the declaration is wrong or absent, the letters decide."""
    assert decoded(text.encode(codec), declared) == text


def test_microsoft_characters_in_japanese_mail() -> None:
    """ISO-2022-JP and EUC-JP are read with NEC's additional rows, which most programs write."""
    assert decoded(b"\x1b$B-!-j\x1b(B and \x1b$B4A;z\x1b(B", "iso-2022-jp") == "①㈱ and 漢字"
    assert decoded(b"\xad\xa1\xad\xea\xb4\xc1\xbb\xfa", "euc-jp") == "①㈱漢字"
    assert text_of(b"\x1b$B4A;z\x1b(B") == "漢字"


def test_a_declared_charset_may_have_a_few_bad_bytes() -> None:
    """The text is not taken for another charset because of them."""
    assert decoded("Größe und Gewicht, Länge".encode("cp1252") + b"\x81", "windows-1252").endswith("Länge\ufffd")
    assert (
        decoded("房屋租赁合同承租人应当按照".encode("gb18030") + b"\xff", "gb2312")
        == "房屋租赁合同承租人应当按照\ufffd"
    )


@pytest.mark.parametrize(
    "text",
    ["It’s the tenant’s – “own” – risk.", "£1,250 or € 9", "25 °C ± 2", "© 2024 Example", "a café", "§ 5", "½ cup"],
)
def test_english_with_a_few_special_characters_is_read(text: str) -> None:
    """Quotes, dashes, pound and degree signs in Windows-1252 are recognised."""
    assert text_of(text.encode("cp1252")) == text


def test_two_likely_encodings_are_both_named() -> None:
    """The letters do not decide, so neither is guessed."""
    with pytest.raises(JobError, match=r"may be \S+ or \S+, which disagree about it: save it as UTF-8"):
        text_of("Der Mieter verpflichtet sich, die Räume".encode("cp850"))


def test_separately_encoded_surrogates_are_one_character() -> None:
    """Java and old databases write them into UTF-8 like this."""
    assert text_of(b"smile \xed\xa0\xbd\xed\xb8\x80 \xc3\xa4") == "smile \U0001f600 ä"


def test_a_byte_order_mark_does_not_make_a_pdf_text() -> None:
    """The rest of the file decides the type."""
    body = (CASES / "bomfirst.pdf").read_bytes()
    from backburner.documents.plain_text import plain_text  # noqa: PLC0415
    from backburner.extraction.formats import Format, packed_format  # noqa: PLC0415

    assert plain_text(body, "a.pdf") is None
    assert packed_format(body) is Format.PDF


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r"])
def test_capitals_are_not_read_as_lower_case(codec: str) -> None:
    """KOI8 and Windows-1251 swap them: a heading in capitals is refused rather than misread."""
    with pytest.raises(JobError, match="may be"):
        text_of("ДОГОВОР АРЕНДЫ НЕЖИЛОГО ПОМЕЩЕНИЯ".encode(codec))


def test_two_encodings_in_one_text_are_refused() -> None:
    """Logs written by two programs look like this."""
    with pytest.raises(JobError, match="two encodings"):
        text_of("строка одна\n".encode() * 20 + "строка два\n".encode("cp1251") * 20)


def test_control_characters_do_not_affect_the_encoding() -> None:
    """DOS's end mark and terminal colours are ignored."""
    assert text_of("Größe über alles, schöne Grüße".encode("cp1252") + b"\x1a").startswith("Größe über alles")


@pytest.mark.parametrize("body", [bytes(range(128, 256)), bytes(range(32, 256)) * 3], ids=["high", "all"])
def test_a_table_of_characters_is_not_text(body: bytes) -> None:
    """No alphabet has so many letters: it would be read in a DOS code page, with its box-drawing characters."""
    with pytest.raises(JobError, match="save it as UTF-8"):
        read(body, "a.txt")
