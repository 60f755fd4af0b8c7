"""A number is read as its cell shows it: dates, percents, signs and words of the format, and every digit."""

import pytest

from backburner.extraction.sheets.numberformats import Formats
from backburner.extraction.sheets.numbers import plain

NUMBERS = [
    ("1.5E+3", "1500"),
    ("1E-7", "0.0000001"),
    ("0.30000000000000004", "0.3"),
    ("0.8444218515250481", "0.8444218515250481"),
    ("4.9999999999999998E-2", "0.05"),
    ("123456789012345678", "123456789012345678"),
    ("-0.0", "0"),
    ("1E+300", "1E+300"),
    ("1E+999", "1E+999"),
    ("no number", "no number"),
]
SHOWN = [
    ("0.00", "12", "12.00"),
    ("0.00", "12.345", "12.345"),
    ("#,##0.00", "1234567.5", "1234567.50"),
    ('#,##0.00 "€"', "1234.5", "1234.50 €"),
    ("[$€-407] #,##0.00", "-3", "-€ 3.00"),
    ("[$$-409]#,##0", "12", "$12"),
    ("0%", "0.1234567", "12.34567%"),
    ("0.0,,\\M", "1234567", "1.234567M"),
    ("00000", "1234", "01234"),
    ("000-00-0000", "1234567", "001-23-4567"),
    ("[<=9999999]###-####;(###) ###-####", "5551234", "555-1234"),
    ("[<=9999999]###-####;(###) ###-####", "8005551234", "(800) 555-1234"),
    ("#,##0_);(#,##0)", "-1234", "(1234)"),
    ("0.00;[Red]0.00", "-5", "-5.00"),
    ("0.00;[Red]-0.00", "-5", "-5.00"),
    ('_-* #,##0.00 _€_-;-* #,##0.00 _€_-;_-* "-"?? _€_-;_-@_-', "0", "0"),
    ('"Yes";"No";"Zero"', "-1", "No"),
    ('[=1]"Yes";[=0]"No";General', "7", "7"),
    ('General" units"', "5", "5 units"),
    ("# ?/?", "0.5", "0.5"),
    ("# ?/16", "2.25", "2.25"),
    ("0.00E+00", "12345678", "12345678"),
    (";;;", "5", "5"),
    ("0;-0;;@", "0", "0"),
    ("+0;-0;0", "5", "+5"),
    ("#", "0", "0"),
    ("0.00", "no number", "no number"),
]
MOMENTS = [
    ('[$-411]yyyy"年"m"月"d"日"', "45761", "2025-04-14"),
    ("[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy", "45761", "2025-04-14"),
    ('[$-411]ggge"年"m"月"', "45761", "2025-04-14"),
    ("[$-1070000]d/mm/yyyy;@", "45761", "2025-04-14"),
    ("mmm-yy", "45761", "2025-04-14"),
    ('"Due: "dd/mm/yyyy', "45761", "Due: 2025-04-14"),
    ("yyyy-mm-dd", "45761.5", "2025-04-14"),
    ("dd.mm.yyyy hh:mm", "45761.5729166666", "2025-04-14 13:45"),
    ("yyyy-mm-dd hh:mm:ss", "45760.99999999", "2025-04-14 00:00:00"),
    ("h:mm", "0.5729166666", "13:45"),
    ("h:mm AM/PM", "0.5729166666", "1:45 PM"),
    ("h:mm AM/PM", "0", "12:00 AM"),
    ('上午/下午h"时"mm"分"', "0.75", "6:00 PM"),
    ("mm:ss.0", "0.000123", "00:10.6"),
    ("[h]:mm", "2.0625", "49:30"),
    ("[h]:mm:ss", "-0.5", "-12:00:00"),
    ("[mm]:ss", "0.0625", "90:00"),
    ("[ss].00", "0.5", "43200.00"),
    ("d", "60", "1900-02-29"),
    ("d", "59", "1900-02-28"),
    ("d", "61", "1900-03-01"),
    ("yyyy-mm-dd", "-4", "-4"),
    ("yyyy-mm-dd", "1E+9", "1000000000"),
]


@pytest.mark.parametrize(("raw", "shown"), NUMBERS)
def test_a_number_keeps_its_digits(raw: str, shown: str) -> None:
    """No exponent if digits will do, no floating-point noise, nothing rounded."""
    assert plain(raw) == shown


@pytest.mark.parametrize(("code", "raw", "shown"), SHOWN)
def test_a_format_adds_what_it_says_and_rounds_nothing(code: str, raw: str, shown: str) -> None:
    """Signs, units, leading zeros and words are added; grouping is left out, and hidden values are shown."""
    style = Formats().of_code(code)
    assert style is not None
    assert style.number(raw) == shown


@pytest.mark.parametrize(("code", "raw", "shown"), MOMENTS)
def test_dates_are_iso_and_times_as_shown(code: str, raw: str, shown: str) -> None:
    """They have the fields that the format shows; durations may exceed a day; an invalid date stays a number."""
    style = Formats().of_code(code)
    assert style is not None
    assert style.number(raw) == shown


@pytest.mark.parametrize("number", [14, 15, 17, 27, 28, 29, 30, 31, 36, 50, 51, 54, 57, 58, 71, 81])
def test_formats_given_only_by_number_are_dates(number: int) -> None:
    """This includes those of Japan, China, Taiwan, Korea and Thailand."""
    style = Formats().of_number(number)
    assert style is not None
    assert style.number("45761") == "2025-04-14"


@pytest.mark.parametrize("number", [34, 35, 52, 53, 55, 56])
def test_an_ambiguous_numbered_format_is_decided_by_the_value(number: int) -> None:
    """Format 34 is a month in Tokyo and an hour in Beijing."""
    style = Formats().of_number(number)
    assert style is not None
    assert [style.number("0.5"), style.number("45761")] == ["12:00:00", "2025-04-14"]


def test_other_numbered_formats_are_times_percents_and_plain_numbers() -> None:
    """A format code in the file takes precedence over the built-in one."""
    formats = Formats({32: '0" h"'})
    shown = {n: style.number("0.5") for n in (9, 20, 21, 32, 33, 46, 59) if (style := formats.of_number(n))}
    assert shown == {9: "50%", 20: "12:00", 21: "12:00:00", 32: "0.5 h", 33: "12:00:00", 46: "12:00:00", 59: "0.5"}
    assert formats.of_number(0) is formats.of_number(49) is formats.of_number(9_999) is None


def test_days_may_be_counted_from_1904() -> None:
    """Workbooks of old Macintoshes do so."""
    style = Formats(since_1904=True).of_code("yyyy-mm-dd")
    assert style is not None
    assert [style.number(raw) for raw in ("0", "60", "44299")] == ["1904-01-01", "1904-03-01", "2025-04-14"]
