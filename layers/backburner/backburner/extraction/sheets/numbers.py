"""Numbers in plain digits: nothing rounded away, exponents only if there are very many digits, a decimal point.

Digits are not grouped, because grouping depends on the computer that opens a workbook: 1.234 is a thousand in Berlin.
"""

import math
import re
from decimal import Decimal, InvalidOperation

_INTEGER = re.compile(r"-?\d+\Z", re.ASCII)
_DECIMAL = re.compile(r"-?\d+\.\d*[1-9]\Z", re.ASCII)
_EXACT_CHARS = 15
"""A number this short has no noise of binary fractions at its end."""
_NOISE_DIGITS = 12
"""0.30000000000000004 is 0.3: rounded to 15 digits, this few are left."""
_MAX_ZEROS = 21
"""Beyond this many zeros, an exponent is easier to read."""


def plain(raw: str) -> str:
    """A number from a file, in plain digits; anything else is returned unchanged."""
    if _INTEGER.match(raw) or (len(raw) <= _EXACT_CHARS and _DECIMAL.match(raw)):
        return raw
    try:
        value = float(raw)
    except ValueError:
        return raw
    return of_float(value) if math.isfinite(value) else raw


def of_float(value: float) -> str:
    """A binary floating-point number in plain digits."""
    exact = repr(value)
    if len(exact) > _EXACT_CHARS:
        rounded = f"{value:.15g}"
        digits = rounded.partition("e")[0].lstrip("-0.")
        if len(digits) - ("." in digits) <= _NOISE_DIGITS:
            exact = rounded
    if "e" in exact:
        return without_exponent(Decimal(exact))
    return "0" if value == 0 else exact.removesuffix(".0")


def without_exponent(value: Decimal) -> str:
    """The number without an exponent, unless that would take a long row of zeros."""
    digits = value.normalize()
    if digits.is_zero():
        return "0"
    return f"{digits:f}" if -_MAX_ZEROS < digits.adjusted() < _MAX_ZEROS else f"{digits:E}"


def decimal(raw: str) -> Decimal | None:
    """A number for exact arithmetic; None if it is not a number."""
    try:
        value = Decimal(plain(raw))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None
