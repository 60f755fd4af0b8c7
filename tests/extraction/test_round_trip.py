"""One rich document, written by LibreOffice in each of its formats, is read the same from each."""

import re
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from backburner.extraction.reading import read

from .rich import content

FOLDER = Path(__file__).parent / "rich"
FILES = sorted(path.name for path in FOLDER.glob("rich.*"))
NUMBERED = [name for name in FILES if not name.endswith((".html", ".epub"))]
"""Writer's HTML and EPUB contain no clause numbers, neither as text nor as lists that would produce them."""
MIN_SHARE = 0.99
_WORD = re.compile(r"[\u3000-\u9fff]|[^\W\d_\u3000-\u9fff]+")


def words(text: str) -> list[str]:
    """Runs of letters; each Chinese character by itself, since a line may end between any two."""
    return _WORD.findall(text)


@pytest.fixture(scope="module", params=FILES)
def text(request: pytest.FixtureRequest) -> str:
    """The text read from one file."""
    return read((FOLDER / request.param).read_bytes(), request.param).text


def test_the_words_are_in_order(text: str) -> None:
    """Notes are left out, because the format decides their place."""
    notes = {content.FOOTNOTE, content.ENDNOTE}
    truth = words("\n".join(line for line in content.text().splitlines() if line not in notes))
    blocks = SequenceMatcher(None, truth, words(text), autojunk=False).get_matching_blocks()
    assert sum(block.size for block in blocks) >= MIN_SHARE * len(truth)


@pytest.mark.parametrize("note", [content.FOOTNOTE, content.ENDNOTE])
def test_each_note_appears_once(text: str, note: str) -> None:
    assert " ".join(text.split()).count(note) == 1


def test_nothing_is_reported_missing() -> None:
    """A false report of a loss would teach people to ignore them."""
    assert {name: read((FOLDER / name).read_bytes(), name).notes for name in FILES} == dict.fromkeys(FILES, ())


@pytest.mark.parametrize("name", NUMBERED)
def test_clauses_have_the_numbers_that_a_reader_sees(name: str) -> None:
    """Contracts refer to numbers like 1., 1.1 and (a)."""
    lines = read((FOLDER / name).read_bytes(), name).text.splitlines()
    for begin, number in content.NUMBERS.items():
        line = next(line for line in lines if begin in line)
        assert line.replace("\\", "").lstrip(" -*").startswith(number), line
