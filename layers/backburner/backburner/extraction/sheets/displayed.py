"""Values of OpenDocument cells, which come twice: as they are, and as whoever saved them saw them."""

import re
from decimal import Decimal

from backburner.extraction.sheets.numbers import decimal, plain, unpacked

_CORE = re.compile(r"\d(?:.*\d)?", re.DOTALL)
_GROUPED = re.compile(r"[\d.,'\s\N{RIGHT SINGLE QUOTATION MARK}\N{ARABIC DECIMAL SEPARATOR}]*\Z")
_SIGNS = re.compile("[-(\N{MINUS SIGN}]")
_PLAIN = re.compile(r"(?:0|-?[1-9]\d{0,14})(?:\.\d{1,15})?\Z", re.ASCII)
_HALF = 0.500001
"""Of the last digit that was seen; a little more, for binary fractions are not exact."""
_DURATION = re.compile(r"(-?)P(?:(\d+)D)?T?(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:[.,](\d+))?S)?\Z")
_DATE = re.compile(r"(-?\d{4,}-\d\d-\d\d)(?:T(\d\d:\d\d):(\d\d)(\.\d+)?)?\Z", re.ASCII)


def number(raw: str, seen: str, *, is_percentage: bool = False) -> str:
    """All digits of a number, between the signs and words it was seen with: `1,234.50 kg` of 1234.5 is `1234.50 kg`."""
    if not is_percentage and (shown := _simply(raw, seen)) is not None:
        return shown
    value = decimal(raw)
    if value is None:
        return seen or raw
    if is_percentage:
        value = value.scaleb(2)
    core = _CORE.search(seen)
    if core is None:
        return seen if re.search(r"[^\W\d_]", seen) else unpacked(value) + ("%" if is_percentage else "")
    before, behind = seen[: core.start()], seen[core.end() :]
    digits = re.sub(r"\D", "", core[0])
    decimals = _decimals(abs(value), digits)
    if decimals is None:
        has_all = digits.lstrip("0") == f"{abs(value):.0f}" and value == value.to_integral_value()
        return seen if has_all else unpacked(value) + ("%" if is_percentage else "")
    if not _GROUPED.match(core[0]):
        return seen
    whole, _, part = unpacked(abs(value)).partition(".")
    part = part.ljust(decimals, "0")
    sign = "-" if value < 0 and not _SIGNS.search(before + behind) else ""
    return f"{sign}{before}{whole}{'.' if part else ''}{part}{behind}".strip()


def date(raw: str, seen: str) -> str:
    """A date in ISO form, with as much of the time as was seen."""
    match = _DATE.match(raw)
    if match is None:
        return seen or raw
    day, minutes, seconds, part = match.groups()
    if minutes is None or (seen and ":" not in seen):
        return day
    if seen and seen.count(":") == 1:
        return f"{day} {minutes}"
    part = (part or "").rstrip("0").rstrip(".") if not seen else ""
    return f"{day} {minutes}:{seconds}{part}"


def time(raw: str, seen: str) -> str:
    """A time or duration as it was seen; counted out where it was not."""
    match = _DURATION.match(raw)
    if re.search(r"\d", seen) or match is None:
        return seen or raw
    sign, *fields, part = match.groups()
    days, hours, minutes, seconds = (int(field or 0) for field in fields)
    return f"{sign}{days * 24 + hours:02}:{minutes:02}:{seconds:02}{f'.{part}' if part and part.strip('0') else ''}"


def _simply(raw: str, seen: str) -> str | None:
    """A number that was seen in plain digits, without arithmetic on its decimals; None where it takes more."""
    if not _PLAIN.match(seen):
        return None
    decimals = len(seen.partition(".")[2])
    whole, _, part = plain(raw).partition(".")
    if "E" in whole or "E" in part or abs(float(f"{whole}.{part}0") - float(seen)) > _HALF * 10**-decimals:
        return None
    part = part.ljust(decimals, "0")
    return f"{whole}.{part}" if part else whole


def _decimals(value: Decimal, digits: str) -> int | None:
    """How many decimals were seen of a number; None where what was seen is not the number, rounded."""
    if value.adjusted() > len(digits):
        return None
    return next((n for n in range(len(digits)) if f"{value:.{n}f}".replace(".", "") == digits), None)
