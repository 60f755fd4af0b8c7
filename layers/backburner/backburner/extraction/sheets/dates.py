"""Dates, times and durations from the serial numbers of spreadsheets."""

from dataclasses import dataclass
from datetime import date, timedelta

_DAY_MS = 86_400_000
_MINUTE_S, _HOUR_S = 60, 3_600
_LEAP_DAY = 60
"""29 February 1900, which never existed: Lotus had it, so Excel has it."""
_LAST_DAY = 2_958_465
"""31 December 9999."""
_DAYS_1904 = 1_462
"""Between the first days of the two date systems."""
_NOON = 12


@dataclass(frozen=True)
class Clock:
    """What a format shows of the time of day: the fields, 12 or 24 hours, and the unit of elapsed time."""

    hours: bool = False
    minutes: bool = False
    seconds: bool = False
    decimals: int = 0
    twelve: bool = False
    elapsed: str = ""
    """`h`, `m` or `s` if counted beyond a day, an hour or a minute; else ""."""


def shown_date(serial: float, clock: Clock | None, *, since_1904: bool) -> str | None:
    """A date in ISO form, with the time if the format shows it; None if the number is not a date."""
    days, milliseconds = _split(serial, clock)
    day = _iso(days, since_1904=since_1904)
    if day is None or clock is None:
        return day
    return f"{day} {_time(milliseconds, clock)}"


def shown_time(serial: float, clock: Clock) -> str:
    """A time of day, or a duration if the format shows elapsed time."""
    if clock.elapsed:
        return _duration(serial, clock)
    return _time(_split(serial, clock)[1], clock)


def _split(serial: float, clock: Clock | None) -> tuple[int, int]:
    """Days and milliseconds, rounded to what is shown: 13:44:59.9999 is 13:45."""
    step = 1 if clock and clock.decimals else 1_000
    return divmod(round(serial * _DAY_MS / step) * step, _DAY_MS)


def _iso(days: int, *, since_1904: bool) -> str | None:
    days += _DAYS_1904 if since_1904 else 0
    if not 0 <= days <= _LAST_DAY:
        return None
    if days == 0:
        return "1900-01-00"
    if days == _LEAP_DAY and not since_1904:
        return "1900-02-29"
    first = date(1899, 12, 30) if days > _LEAP_DAY else date(1899, 12, 31)
    return (first + timedelta(days)).isoformat()


def _time(milliseconds: int, clock: Clock) -> str:
    seconds, rest = divmod(milliseconds, 1_000)
    hour = seconds // _HOUR_S
    fields = []
    if clock.hours:
        fields.append(f"{(hour % _NOON or _NOON) if clock.twelve else hour:0{1 if clock.twelve else 2}}")
    if clock.minutes:
        fields.append(f"{seconds // _MINUTE_S % 60:02}")
    if clock.seconds:
        fields.append(f"{seconds % 60:02}{_fraction(rest, clock)}")
    half = (" AM" if hour < _NOON else " PM") if clock.twelve else ""
    return ":".join(fields) + half


def _duration(serial: float, clock: Clock) -> str:
    days, milliseconds = _split(abs(serial), clock)
    seconds, rest = divmod(days * _DAY_MS + milliseconds, 1_000)
    fields = []
    if clock.elapsed == "h":
        fields.append(str(seconds // _HOUR_S))
        seconds %= _HOUR_S
    if clock.elapsed == "m" or clock.minutes:
        fields.append(f"{seconds // _MINUTE_S:02}")
        seconds %= _MINUTE_S
    if clock.elapsed == "s" or clock.seconds:
        fields.append(f"{seconds:02}{_fraction(rest, clock)}")
    return ("-" if serial < 0 else "") + ":".join(fields)


def _fraction(milliseconds: int, clock: Clock) -> str:
    return f".{milliseconds:03}"[: 1 + clock.decimals] if clock.decimals else ""
