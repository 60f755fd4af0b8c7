"""Values of OpenDocument cells, which are stored twice: as the value itself and as the text displayed on saving."""

import re
from decimal import Decimal

from backburner.extraction.sheets.numbers import decimal, plain, without_exponent

_CORE = re.compile(r"\d(?:.*\d)?", re.DOTALL)
_GROUPED = re.compile(r"[\d.,'\s\N{RIGHT SINGLE QUOTATION MARK}\N{ARABIC DECIMAL SEPARATOR}]*\Z")
_SIGNS = re.compile("[-(\N{MINUS SIGN}]")
_PLAIN = re.compile(r"(?:0|-?[1-9]\d{0,14})(?:\.\d{1,15})?\Z", re.ASCII)
_HALF = 0.500001
"""A share of the last displayed digit; a little more, because binary fractions are inexact."""
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?\Z")
_DATE = re.compile(r"(-?\d{4,}-\d\d-\d\d)(?:T(\d\d:\d\d):(\d\d)(\.\d+)?)?\Z", re.ASCII)


def number(raw: str, display: str, *, is_percentage: bool = False) -> str:
    """All digits of a number, with the signs and words displayed: 1234.5 displayed as `1,234.50 kg` is `1234.50 kg`."""
    if not is_percentage and (shown := _simple(raw, display)) is not None:
        return shown
    value = decimal(raw)
    if value is None:
        return display or raw
    if is_percentage:
        value = value.scaleb(2)
    core = _CORE.search(display)
    if core is None:
        return display if re.search(r"[^\W\d_]", display) else without_exponent(value) + ("%" if is_percentage else "")
    before, after = display[: core.start()], display[core.end() :]
    digits = re.sub(r"\D", "", core[0])
    decimals = _decimals(abs(value), digits)
    if decimals is None:
        has_all = digits.lstrip("0") == f"{abs(value):.0f}" and value == value.to_integral_value()
        return display if has_all else without_exponent(value) + ("%" if is_percentage else "")
    if not _GROUPED.match(core[0]):
        return display
    whole, _, part = without_exponent(abs(value)).partition(".")
    part = part.ljust(decimals, "0")
    sign = "-" if value < 0 and not _SIGNS.search(before + after) else ""
    return f"{sign}{before}{whole}{'.' if part else ''}{part}{after}".strip()


def date(raw: str, display: str) -> str:
    """A date in ISO form, with as much of the time as was displayed."""
    match = _DATE.match(raw)
    if match is None:
        return display or raw
    day, minutes, seconds, part = match.groups()
    if minutes is None or (display and ":" not in display):
        return day
    if display and display.count(":") == 1:
        return f"{day} {minutes}"
    part = (part or "").rstrip("0").rstrip(".") if not display else ""
    return f"{day} {minutes}:{seconds}{part}"


def time(raw: str, display: str) -> str:
    """A time or duration as displayed; computed if nothing was displayed."""
    match = _DURATION.match(raw)
    if re.search(r"\d", display) or match is None:
        return display or raw
    sign, *fields, part = match.groups()
    days, hours, minutes, seconds = (int(field or 0) for field in fields)
    return f"{sign}{days * 24 + hours:02}:{minutes:02}:{seconds:02}{f'.{part}' if part and part.strip('0') else ''}"


def _simple(raw: str, display: str) -> str | None:
    """A number displayed in plain digits, without decimal arithmetic; None if it needs more."""
    if not _PLAIN.match(display):
        return None
    decimals = len(display.partition(".")[2])
    whole, _, part = plain(raw).partition(".")
    if "E" in whole or "E" in part or abs(float(f"{whole}.{part}0") - float(display)) > _HALF * 10**-decimals:
        return None
    part = part.ljust(decimals, "0")
    return f"{whole}.{part}" if part else whole


def _decimals(value: Decimal, digits: str) -> int | None:
    """The number of decimals displayed; None if what was displayed is not the rounded number."""
    if value.adjusted() > len(digits):
        return None
    return next((n for n in range(len(digits)) if f"{value:.{n}f}".replace(".", "") == digits), None)
