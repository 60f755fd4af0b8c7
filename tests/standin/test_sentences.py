"""Sentences are whole: across wrapped lines, after abbreviations, in lists, and without spaces between them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner_cli.standin.extract import NOTICE, summarise
from backburner_cli.standin.sentences import split

# ruff: noqa: RUF001 - the letters and marks are of other scripts on purpose


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It never\nrises by more\n  than 4 %. Next.", ["It never rises by more than 4 %.", "Next."]),
        ("It rained.\nIt stopped.", ["It rained.", "It stopped."]),
        ("Dr. Lind met J. P. Brandt. They left.", ["Dr. Lind met J. P. Brandt.", "They left."]),
        ("See No. 7 and Fig. 3. Then stop.", ["See No. 7 and Fig. 3.", "Then stop."]),
        ("They said no. Then they left.", ["They said no.", "Then they left."]),
        ("Tools, e.g. hammers, etc. are here. Yes.", ["Tools, e.g. hammers, etc. are here.", "Yes."]),
        ('"Really?" he asked. "Yes." She left.', ['"Really?" he asked.', '"Yes."', "She left."]),
        ("It cost 3.5 million in 2026. Twelve came.", ["It cost 3.5 million in 2026.", "Twelve came."]),
        ("Am 3. März kam er. Es waren 12. Er ging.", ["Am 3. März kam er.", "Es waren 12.", "Er ging."]),
        ("В 2026 г. Порт рос. Это г. Омск.", ["В 2026 г.", "Порт рос.", "Это г. Омск."]),
        (
            "港は三月に\n開いた。雨が降った。「本当か？」と言った。",
            ["港は三月に開いた。", "雨が降った。", "「本当か？」と言った。"],
        ),
        ("बारिश हुई। सब चले गए।", ["बारिश हुई।", "सब चले गए।"]),
    ],
)
def test_a_sentence_ends_where_a_reader_ends_it(text: str, sentences: list[str]) -> None:
    """It does not end at a line's end, or after an abbreviation, an initial, or a number that continues."""
    assert split(text) == sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (
            "Three things:\n\n1. Tiles are\n   missing.\n2. The wall",
            ["Three things:", "Tiles are missing.", "The wall"],
        ),
        ("To do:\n- roof\n* wall\n• stove\n(a) door", ["To do:", "roof", "wall", "stove", "door"]),
        ("# Lease\nIt begins. It ends.\n\nRent\n----\n\nIt is due.", ["It begins.", "It ends.", "It is due."]),
        ("| a | b |\n|---|---|\n| c | d |", ["a | b", "c | d"]),
        ("> It was\n> quoted.", ["It was quoted."]),
        ("# Only\n\n## Headings", ["Only", "Headings"]),
        ("", []),
    ],
)
def test_items_are_sentences_and_headings_are_not(text: str, sentences: list[str]) -> None:
    """Items have no bullets; headings count only in a text that has nothing else."""
    assert split(text) == sentences


@given(st.text(max_size=2000))
def test_no_letter_is_invented_or_moved(text: str) -> None:
    """Every sentence is a stretch of the text, apart from white space, in the text's order."""
    solid = "".join(text.split()).replace("|", "").replace(">", "")
    at = 0
    for sentence in split(text):
        at = solid.find("".join(sentence.split()).replace("|", "").replace(">", ""), at)
        assert at >= 0


def test_items_stay_apart_in_an_extract() -> None:
    """Text without a full stop is its own paragraph; sentences run on, with a space if their script has one."""
    assert summarise("- roof tiles\n- wall stones") == f"roof tiles\n\nwall stones\n\n{NOTICE}"
    assert summarise("It rained heavily.\nIt stopped.") == f"It rained heavily. It stopped.\n\n{NOTICE}"
    assert summarise("雨が降った。\n風が吹いた。") == f"雨が降った。風が吹いた。\n\n{NOTICE}"


@pytest.mark.parametrize("text", ["." * 200_000, '."' * 100_000, "。" * 200_000, "1. " * 70_000, "#" * 200_000])
def test_no_text_is_slow(text: str) -> None:
    """Even a hostile document takes at most a second of processor time for 200,000 characters."""
    began = time.process_time()
    split(text)
    assert time.process_time() - began < 1
