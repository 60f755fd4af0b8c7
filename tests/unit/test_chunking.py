"""A long text is cut where a reader would pause, and no character is lost, doubled or torn."""

# ruff: noqa: RUF001 - marks of other scripts are what is cut at

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.chunking import cut
from backburner.documents.plain_text import Span

ENDS = "。！？．।॥؟۔։、，；：\u200b\"'”’»›)]}」』）】*_"
PIECES = st.sampled_from(
    [
        "word", "вода", "港口", "很安静。", "ภาษาไทย", "e\u0301", "👩\u200d👧", "don't", "a-b/c?d=1", "x" * 70,
        " ", "  ", "\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\t", "\f", "\u00a0", "\u3000",
        ". ", "! ", "… ", ".» ", "# Heading\n", "\n## Heading\n\n", "- item\n", "| a | b |\n",
    ]
)  # fmt: skip
TEXTS = st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=120).map("".join))


@st.composite
def cuttings(draw: st.DrawFn) -> tuple[str, int, int]:
    """A text, and the maximum size of its parts and their overlap."""
    most = draw(st.integers(1, 120))
    return draw(TEXTS), most, draw(st.integers(0, (most - 1) // 2))


@given(cuttings())
def test_every_character_is_in_exactly_one_part(cutting: tuple[str, int, int]) -> None:
    """An overlap only repeats the end of the part before; no part is too long or empty."""
    text, most, overlap = cutting
    spans = cut(text, most, overlap)
    assert "".join(text[span.own : span.last] for span in spans) == text
    for before, span in zip([Span(0, 0, 0), *spans], spans, strict=False):
        assert span.own == before.last
        assert span.own - overlap <= span.first <= span.own < span.last <= span.first + most
    assert [span.first for span in spans] == sorted(span.first for span in spans)


@given(cuttings())
def test_no_word_is_cut_that_fits_a_part(cutting: tuple[str, int, int]) -> None:
    """No overlap begins within one. In scripts without spaces, a word also ends after punctuation."""
    text, most, overlap = cutting
    for span in cut(text, most, overlap):
        for place in {span.first, span.last} - {0, len(text)}:
            before, after = text[:place], text[place:]
            stretch = len(before) - len(before.rstrip()) or len(after) - len(after.lstrip())
            word = len(before.split()[-1] if before.split() else "") + len(after.split()[0] if after.split() else "")
            assert stretch or before[-1] in ENDS or word > most, (before[-20:], after[:20])


@given(cuttings())
def test_a_line_end_is_never_split(cutting: tuple[str, int, int]) -> None:
    """CR and LF stay together, if a part has room for two characters."""
    text, most, overlap = cutting
    if most > 4:
        assert all(text[span.last - 1 : span.last + 1] != "\r\n" for span in cut(text, most, overlap))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (
            "First. Still first.\n\nMore.\n# Second\n\nText here.",
            ["First. Still first.\n\nMore.\n", "# Second\n\nText here."],
        ),
        ("A paragraph here.\n\nAnother line\nand its end.", ["A paragraph here.\n\n", "Another line\nand its end."]),
        ("A sentence stands here. Another one is here.", ["A sentence stands here. ", "Another one is here."]),
        (
            "just words without an end in lengthy rows of them",
            ["just words without an end in ", "lengthy rows of them"],
        ),
        (
            "港口很安静，船只在等待清晨的阳光。水面闪闪发光，没有人说话，也没有声音。",
            ["港口很安静，船只在等待清晨的阳光。", "水面闪闪发光，没有人说话，也没有声音。"],
        ),
    ],
)
def test_a_text_is_cut_at_the_best_place(text: str, parts: list[str]) -> None:
    """Headings come before paragraphs, sentences and words, in the last half of a part."""
    most = max(len(parts[0]) + 2, len(parts[1]))
    assert [text[span.first : span.last] for span in cut(text, most, 0)] == parts


def test_an_overlap_begins_with_a_sentence_or_at_least_a_word() -> None:
    """It is as long as allowed, and empty if none begins close enough."""
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    _, second, *_ = cut(text, 34, 16)
    assert text[second.first : second.own] == "Four five six. "
    _, second, *_ = cut(text, 34, 7)
    assert text[second.first : second.own] == "six. "
    _, second, *_ = cut("x" * 100, 34, 10)
    assert second.first == second.own


def test_a_letter_keeps_its_accents() -> None:
    """It does even in a word that is longer than a part."""
    text = "e\u0301" * 100
    assert all(text[span.first] == "e" for span in cut(text, 7, 0))


def test_an_overlap_of_half_a_part_is_refused() -> None:
    with pytest.raises(ValueError, match="overlap of 50"):
        cut("text", 100, 50)


@pytest.mark.parametrize(
    "text",
    ["Ein Satz mit fünf Wörtern. Und noch einer.\n\n" * 110_000, "x" * 5_000_000, "\n" * 5_000_000, "水。" * 2_500_000],
    ids=["prose", "one word", "line ends", "no spaces"],
)
def test_five_million_characters_take_a_few_seconds(text: str) -> None:
    """The kind of characters does not matter."""
    begun = time.process_time()
    spans = cut(text, 72_000, 600)
    assert time.process_time() - begun < 10
    assert spans[-1].last == len(text)
