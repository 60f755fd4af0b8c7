"""Cell values as their number formats show them: dates, durations, percentages, signs, words; all digits are kept."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from backburner.extraction.sheets.codes import BUILT_IN, DATE_OR_TIME, Kind, Piece, sections
from backburner.extraction.sheets.dates import Clock, shown_date, shown_time
from backburner.extraction.sheets.numbers import decimal, plain, without_exponent

_COMPARE: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<>": operator.ne, "=": operator.eq, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(r"([<>=]+)\s*(.+)")
_SIGNED = re.compile("[-(\\N{MINUS SIGN}\\N{FIGURE DASH}\\N{EN DASH}\\N{EM DASH}]")
_WORD = re.compile(r"[^\W\d_]{2}")
_LETTER = re.compile(r"[^\W\d_]|[%‰°]")
_DATES = frozenset("ydbegar")
_DASHES = frozenset("-\N{EN DASH}\N{EM DASH}")
"""On their own, an accountant's zero."""
_TEXT_SECTION = 3
_MAX_CODES = 10_000
"""How many codes are kept compiled; Excel allows a few hundred."""


@dataclass(frozen=True)
class NumberFormat:
    """A compiled number format code."""

    numbers: tuple["_Section", ...]
    text: tuple[str, str] = ("", "")
    """What comes before and after a text."""
    since_1904: bool = False

    def number(self, raw: str) -> str:
        """A number from the file, as its cell shows it."""
        if len(self.numbers) == 1 and (shown := self.numbers[0].simple(raw)) is not None:
            return shown
        value = decimal(raw)
        if value is None:
            return raw
        section, value = self._section(value)
        if section.is_date:
            shown = _shown_moment(section, float(value), since_1904=self.since_1904)
            return plain(raw) if shown is None else shown
        return section.number(value)

    def _section(self, value: Decimal) -> tuple["_Section", Decimal]:
        """The section for a number, and the number to show in it: some sections have a sign of their own."""
        for section in self.numbers:
            if section.condition is not None and section.condition(value):
                return section, value
        rest = [section for section in self.numbers if section.condition is None]
        if len(rest) < len(self.numbers) or len(rest) == 1:
            return (rest or list(self.numbers))[-1 if len(rest) < len(self.numbers) else 0], value
        if value > 0 or (value == 0 and len(rest) == 2):  # noqa: PLR2004 - positive, negative
            return rest[0], value
        if value == 0:
            return rest[2], value
        return rest[1], (-value if rest[1].has_sign or rest[1].is_date else value)


@dataclass(frozen=True)
class _Section:
    """A section of a code."""

    pieces: tuple[Piece, ...]
    condition: Callable[[Decimal], bool] | None
    is_date: bool
    has_sign: bool
    prefix: str
    suffix: str
    clock: Clock | None = None
    has_day: bool = False
    scale: int = 0
    """The power of ten by which the value is multiplied: 2 for percentages, -3 for thousands."""
    places: tuple[str, ...] = ()
    """The digits of the integer part with the literals between them: `0`, `0`, `-`, `0`."""
    decimals: int = 0
    is_simple: bool = False
    """Whether it only sets the number of decimals."""

    def simple(self, raw: str) -> str | None:
        """The number in common formats, `0.00` and `#,##0`, without decimal arithmetic; None if it needs more."""
        if not self.is_simple:
            return None
        whole, point, part = plain(raw).partition(".")
        if not whole.removeprefix("-").isdigit() or "E" in part:
            return None
        if len(part) < self.decimals:
            return f"{whole}.{part.ljust(self.decimals, '0')}"
        return f"{whole}{point}{part}"

    def number(self, value: Decimal) -> str:
        """Prefix, digits, suffix; a section of only words is shown alone, an empty one is ignored."""
        if not self.places and not any(piece.kind is Kind.GENERAL for piece in self.pieces):
            words = self.prefix + self.suffix
            if _LETTER.search(words):
                return " ".join(words.split())
            return without_exponent(value)
        digits = without_exponent(abs(value).scaleb(self.scale))
        sign = "-" if value < 0 else ""
        prefix = "" if not value and self.prefix.strip() in _DASHES else self.prefix
        if "E" in digits:
            return f"{sign}{prefix}{digits}{self.suffix}".strip()
        whole, _, part = digits.partition(".")
        part = part.ljust(self.decimals, "0")
        shown = f"{_filled(whole, self.places)}.{part}" if part else _filled(whole, self.places)
        return f"{sign}{prefix}{shown}{self.suffix}".strip()


@dataclass
class Formats:
    """The number formats of a workbook, by number."""

    codes: dict[int, str] = field(default_factory=dict)
    """The codes in the file, which override the built-in ones."""
    since_1904: bool = False
    _ready: dict[str, NumberFormat | None] = field(default_factory=dict)

    def of_number(self, number: int) -> NumberFormat | None:
        """The format with this number; None if values are shown as they are."""
        code = self.codes.get(number)
        if code is None and number in DATE_OR_TIME:
            return self._date_or_time()
        return self.of_code(BUILT_IN.get(number, "General") if code is None else code)

    def of_code(self, code: str) -> NumberFormat | None:
        """The format with this code; None if values are shown as they are."""
        if code not in self._ready and len(self._ready) < _MAX_CODES:
            self._ready[code] = _compiled(code, since_1904=self.since_1904)
        return self._ready.get(code)

    def _date_or_time(self) -> NumberFormat:
        time, day = _compiled("[<1]h:mm:ss"), _compiled("yyyy-mm-dd")
        assert time
        assert day
        return NumberFormat(time.numbers + day.numbers, since_1904=self.since_1904)


def _compiled(code: str, *, since_1904: bool = False) -> NumberFormat | None:
    if code.strip().lower() in ("", "general", "standard", "@"):
        return None
    parts = sections(code)
    texts = [part for part in parts if any(piece.kind is Kind.TEXT for piece in part)]
    numbers = [part for part in parts[:_TEXT_SECTION] if part not in texts]
    text = _literals_around(texts[-1], Kind.TEXT) if texts else ("", "")
    compiled = tuple(_section(part) for part in numbers)
    return NumberFormat(compiled or (_section(sections("General")[0]),), text, since_1904)


def _section(pieces: list[Piece]) -> _Section:
    condition = next((_condition(piece.text) for piece in pieces if piece.kind is Kind.CONDITION), None)
    if any(piece.kind in (Kind.DATE, Kind.ELAPSED) for piece in pieces):
        return _date_section(pieces, condition)
    pieces = _divided(pieces)
    literals = "".join(piece.text for piece in pieces if piece.kind is Kind.LITERAL)
    percents = sum(piece.kind is Kind.PERCENT for piece in pieces)
    places, decimals, thousands = _places(pieces)
    prefix, suffix = _literals_around(
        pieces, Kind.DIGIT, Kind.GENERAL, Kind.POINT, Kind.COMMA, Kind.SLASH, Kind.EXPONENT
    )
    is_plain = all(piece.kind in (Kind.DIGIT, Kind.COMMA, Kind.POINT) for piece in pieces) and not thousands
    return _Section(
        tuple(pieces),
        condition,
        is_date=False,
        has_sign=bool(_SIGNED.search(literals) or _WORD.search(literals)),
        prefix=prefix,
        suffix=suffix,
        scale=2 * percents - 3 * thousands,
        places=places,
        decimals=decimals,
        is_simple=is_plain and bool(places) and not set(places[:-1]) - {"#", "?"},
    )


def _date_section(pieces: list[Piece], condition: Callable[[Decimal], bool] | None) -> _Section:
    """A date format; words around it are kept if they are more than units: "Due: ", but not the character for day."""
    clock, has_day = _fields(pieces)
    prefix, suffix = (text if _WORD.search(text) else "" for text in _literals_around(pieces, Kind.DATE, Kind.ELAPSED))
    return _Section(
        tuple(pieces),
        condition,
        is_date=True,
        has_sign=False,
        prefix=prefix,
        suffix=suffix,
        clock=clock,
        has_day=has_day,
    )


def _divided(pieces: list[Piece]) -> list[Piece]:
    """The pieces with the denominator of `# ?/16` as places for digits."""
    slash = next((index for index, piece in enumerate(pieces) if piece.kind is Kind.SLASH), len(pieces))
    after = [
        Piece(Kind.DIGIT, "#") if piece.kind is Kind.LITERAL and piece.text.isdigit() and not piece.is_quoted else piece
        for piece in pieces[slash + 1 :]
    ]
    return pieces[: slash + 1] + after


def _literals_around(pieces: list[Piece], *core: Kind) -> tuple[str, str]:
    """The literals before the first and after the last piece of the value itself."""
    inside = [index for index, piece in enumerate(pieces) if piece.kind in core]
    shown = [piece.text if piece.kind in (Kind.LITERAL, Kind.PERCENT) else "" for piece in pieces]
    if not inside:
        return "".join(shown), ""
    return "".join(shown[: inside[0]]), "".join(shown[inside[-1] + 1 :])


def _places(pieces: list[Piece]) -> tuple[tuple[str, ...], int, int]:
    """The places of the integer part, the minimum number of decimals, and how many thousands are cut off.

    Fractions and exponents are shown as decimals, so only the integer part's digits count.
    """
    kinds = [piece.kind for piece in pieces]
    last = max((index for index, kind in enumerate(kinds) if kind is Kind.DIGIT), default=-1)
    thousands = 0
    for kind in kinds[last + 1 :]:
        if kind is not Kind.COMMA:
            break
        thousands += 1
    if last >= 0 and (Kind.SLASH in kinds or Kind.EXPONENT in kinds):
        return ("#",), 0, thousands
    point = kinds.index(Kind.POINT) if Kind.POINT in kinds else len(kinds)
    digits = [index for index, kind in enumerate(kinds[:point]) if kind is Kind.DIGIT]
    inside = pieces[digits[0] : digits[-1] + 1] if digits else []
    whole = tuple(piece.text for piece in inside if piece.kind in (Kind.DIGIT, Kind.LITERAL))
    decimals = sum(piece.text == "0" for piece in pieces[point:] if piece.kind is Kind.DIGIT)
    return whole or (("#",) if last >= 0 else ()), decimals, thousands


def _filled(digits: str, places: tuple[str, ...]) -> str:
    """Digits put into their places from the right: 1234567 in `000-00-0000` is 001-23-4567."""
    if not places or all(place in "#?" for place in places):
        return digits
    rest, shown = list(digits) if digits != "0" else [], []
    for number, place in enumerate(reversed(places)):
        if place not in ("0", "#", "?"):
            shown.append(place[::-1])
        elif rest:
            shown.append(rest.pop())
        elif place == "0":
            shown.append("0")
        if number == len(places) - 1:
            shown.extend(reversed(rest))
    return "".join(shown)[::-1] or digits


def _condition(text: str) -> Callable[[Decimal], bool] | None:
    match = _CONDITION.match(text)
    bound = decimal(match[2]) if match else None
    if match is None or bound is None or match[1] not in _COMPARE:
        return None
    compare = _COMPARE[match[1]]
    return lambda value: compare(value, bound)


def _fields(pieces: list[Piece]) -> tuple[Clock | None, bool]:
    """The fields of the time of day, if any, and whether there is a date. `m` is a minute next to h or s."""
    letters = [piece.text.lower() for piece in pieces if piece.kind in (Kind.DATE, Kind.ELAPSED)]
    elapsed = next((piece.text for piece in pieces if piece.kind is Kind.ELAPSED), "")
    halves = [letter for letter in letters if "/" in letter]
    letters = [letter[0] for letter in letters if "/" not in letter]
    has_minutes = has_day = False
    for index, letter in enumerate(letters):
        if letter == "m":
            is_minute = letters[index - 1 : index] == ["h"] or letters[index + 1 : index + 2] == ["s"]
            has_minutes, has_day = has_minutes or is_minute, has_day or not (is_minute or elapsed == "m")
        has_day = has_day or letter in _DATES
    clock = Clock(
        hours="h" in letters,
        minutes=has_minutes or "n" in letters,
        seconds="s" in letters,
        decimals=_decimals(pieces),
        twelve=bool(halves),
        elapsed=elapsed,
    )
    has_clock = clock.hours or clock.minutes or clock.seconds or elapsed
    return (clock if has_clock else None), has_day


def _decimals(pieces: list[Piece]) -> int:
    """Decimals of the seconds, at most three."""
    kinds = [piece.kind for piece in pieces]
    if Kind.POINT not in kinds:
        return 0
    return min(sum(kind is Kind.DIGIT for kind in kinds[kinds.index(Kind.POINT) :]), 3)


def _shown_moment(section: _Section, serial: float, *, since_1904: bool) -> str | None:
    if section.has_day:
        shown = shown_date(serial, section.clock, since_1904=since_1904)
    elif section.clock is None or (serial < 0 and not section.clock.elapsed):
        return None
    else:
        shown = shown_time(serial, section.clock)
    return None if shown is None else f"{section.prefix}{shown}{section.suffix}".strip()
