"""Numbers in plain digits: nothing rounded away, no exponent where digits will do, a point before the decimals.

Grouping is left out, for it depends on the computer a workbook is opened on: 1.234 is a thousand in Berlin.
"""

import math
import re
from decimal import Decimal, InvalidOperation

_INTEGER = re.compile(r"-?\d+\Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d+\.\d*[1-9]\Z", re.ASCII)
_EXACT_CHARS = 15
"""A number of so few characters has no noise of binary fractions at its end."""
_NOISE_DIGITS = 12
"""0.30000000000000004 is 0.3: rounded to 15 digits, so few are left."""
_MAX_ZEROS = 21
"""Beyond it an exponent is easier to read than zeros."""


def plain(raw: str) -> str:
    """A number as its file writes it, in plain digits; what is no number stays as it is."""
    if _INTEGER.match(raw) or (len(raw) <= _EXACT_CHARS and _DECIMAL.match(raw)):
        return raw
    try:
        value = float(raw)
    except ValueError:
        return raw
    return of_float(value) if math.isfinite(value) else raw


def of_float(value: float) -> str:
    """A number of a binary format in plain digits."""
    exact = repr(value)
    if len(exact) > _EXACT_CHARS:
        rounded = f"{value:.15g}"
        digits = rounded.partition("e")[0].lstrip("-0.")
        if len(digits) - ("." in digits) <= _NOISE_DIGITS:
            exact = rounded
    if "e" in exact:
        return unpacked(Decimal(exact))
    return "0" if value == 0 else exact.removesuffix(".0")


def unpacked(value: Decimal) -> str:
    """Without an exponent, unless it would take a long row of zeros."""
    digits = value.normalize()
    if digits.is_zero():
        return "0"
    return f"{digits:f}" if -_MAX_ZEROS < digits.adjusted() < _MAX_ZEROS else f"{digits:E}"


def decimal(raw: str) -> Decimal | None:
    """A number for exact arithmetic; None of what is none."""
    try:
        value = Decimal(plain(raw))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
