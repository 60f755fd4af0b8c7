"""One workbook in every file format gives the same text, with every cell in its place."""

import random
from collections.abc import Callable

import pytest
from openpyxl.utils import get_column_letter

from backburner.extraction.reading import read

from .binarybooks import Cell, Sheets, Value, ods, ods_cells, xls, xlsb
from .workbooks import data, number, row, text, xlsx


def as_xlsx(sheets: Sheets) -> bytes:
    """XML."""
    return xlsx({name: data(*_rows(cells)) for name, cells in sheets.items()})


def _rows(cells: list[Cell]) -> list[str]:
    rows: dict[int, list[str]] = {}
    for one in sorted(cells, key=lambda cell: cell[:2]):
        place = f"{get_column_letter(one.column)}{one.row}"
        if isinstance(one.value, bool):
            written = f'<c r="{place}" t="b"><v>{int(one.value)}</v></c>'
        elif isinstance(one.value, str):
            written = text(place, one.value)
        else:
            written = number(place, repr(one.value))
        rows.setdefault(one.row, []).append(written)
    return [row(place, *written) for place, written in rows.items()]


def as_ods(sheets: Sheets) -> bytes:
    """OpenDocument."""
    return ods({name: ods_cells(cells) for name, cells in sheets.items()})


WRITERS: dict[str, Callable[[Sheets], bytes]] = {"xlsx": as_xlsx, "xlsb": xlsb, "xls": xls, "ods": as_ods}
TEXTS = ("Größe", "вода", "東京", "a|b", "two\nlines", "x < y & z", "1.0", "=no formula", "#5", "😀", "n/a")


def random_book(seed: int) -> dict[str, list[Cell]]:
    """Sheets with cells close together and far apart, within every format's limits."""
    chance = random.Random(seed)
    sheets = {}
    for name in ("One & two", "Größe", "3")[: chance.randrange(1, 4)]:
        places = {(chance.randrange(1, 12), chance.randrange(1, 9)) for _ in range(chance.randrange(1, 40))}
        places |= {(chance.randrange(1, 65_537), chance.randrange(1, 257)) for _ in range(chance.randrange(3))}
        sheets[name] = [Cell(*place, _value(chance)) for place in sorted(places)]
    return sheets


def _value(chance: random.Random) -> Value:
    kind = chance.randrange(5)
    if kind == 0:
        return chance.random() * 10 ** chance.randrange(-5, 9)
    if kind == 1:
        return float(chance.randrange(-10_000, 10_000))
    if kind == 2:
        return chance.random() < 0.5
    return chance.choice(TEXTS) + str(chance.randrange(100))


def shown(value: Value) -> str:
    """How a cell without a format displays a value."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, str):
        return value.replace("|", "\\|").replace("\n", "<br>")
    return str(int(value)) if value.is_integer() else f"{value:.20f}".rstrip("0")[:3]


def cells_of(text: str) -> list[str]:
    """The cells that are not blank, including headings, in order."""
    found = []
    for line in text.splitlines():
        if line.startswith("|") and not line.startswith("| ---"):
            found += [one for one in line.removeprefix("| ").removesuffix(" |").split(" | ") if one.strip()]
        elif line.startswith(("## ", "- ")):
            found.append(line.partition(": ")[2] if line.startswith("- ") else line)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_random_workbook_is_read_the_same_from_every_format(seed: int) -> None:
    """Every cell is read sheet by sheet, row by row: four readers, one text."""
    sheets = random_book(seed)
    wanted = [part for name, cells in sheets.items() for part in (f"## {name}", *(shown(one.value) for one in cells))]
    texts = {kind: read(write(sheets), f"a.{kind}") for kind, write in WRITERS.items()}
    assert {found.notes for found in texts.values()} == {()}
    assert len({found.text for found in texts.values()}) == 1
    found = cells_of(texts["xlsx"].text)
    assert len(found) == len(wanted)
    assert all(one.startswith(other) for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("seed", range(20))
def test_every_digit_of_a_random_number_is_read(seed: int) -> None:
    """The number read is the number written, whatever its size."""
    chance = random.Random(seed)
    values = [chance.uniform(-1, 1) * 10 ** chance.randrange(-12, 15) for _ in range(20)]
    sheets = {"S": [Cell(1, place, value) for place, value in enumerate(values, 1)]}
    for kind, write in WRITERS.items():
        found = cells_of(read(write(sheets), f"a.{kind}").text)[1:]
        assert [float(one) for one in found] == pytest.approx(values, rel=1e-14)
        assert not [one for one in found if "E" in one]
