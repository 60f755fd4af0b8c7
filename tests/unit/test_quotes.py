"""A quote is found in its place, however it is typeset, and nowhere else: two hundred planted cases and odd ones."""

import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.folding import PLAIN, folded_cluster
from backburner.documents.passages import MAX_COMPARED, Passage, Text, Unchecked, find, is_too_short
from unit.quote_cases import CLAUSES, Case, cases

CASES = list(cases())


def found(text: str, quote: str) -> str | None:
    """The passage that matches a quote."""
    (passage,) = Text(text).find([quote])
    return None if passage is None else text[passage.first : passage.last]


def test_there_are_two_hundred_cases() -> None:
    """They are in twenty languages, and no name occurs twice."""
    assert len({case.name for case in CASES}) == len(CASES) == 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_planted_quote_is_found_and_any_other_is_not(case: Case) -> None:
    """A planted one is found at exactly its place."""
    assert found(case.text, case.quote) == case.passage


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.language)
def test_a_clause_of_another_part_is_found_there(clause) -> None:
    """Its absence from this part was therefore no accident."""
    assert found(f"{clause.after}\n{clause.elsewhere}\n", clause.elsewhere) == clause.elsewhere


@pytest.mark.parametrize("clause", CLAUSES, ids=lambda clause: clause.language)
def test_a_quote_without_its_last_character_is_not_found(clause) -> None:
    """A number that lost a digit means something else, and a word may too."""
    assert found(clause.true, clause.true[: clause.true.index("250") + 2]) is None


@pytest.mark.parametrize(
    ("text", "quote", "passage"),
    [
        ("a rent of 1,200.50 euros", "a rent of 1,200", None),
        ("a rent of 11,200 euros", "1,200 euros", None),
        ("an area of 10² metres", "an area of 102 metres", None),
        ("an area of 10² metres", "an area of 10", None),
        ("the contract¹ is valid", "the contract", "the contract"),
        ("at -5 degrees it freezes", "at 5 degrees it freezes", None),
        ("it freezes at 5 degrees", "it freezes at -5 degrees", None),
        ("measured: -5 degrees", "5 degrees", None),
        ("a height of 5' and no more", 'a height of 5" and no more', None),
        ("a well-\nknown brand", "a well-known brand", "a well-\nknown brand"),
        ("a well-\nknown brand", "a wellknown brand", "a well-\nknown brand"),
        ("a well-known brand", "a wellknown brand", None),
        ("a well known brand", "a well-known brand", None),
        ("items 10-\n20 of it", "items 1020 of it", None),
        ("the therapist said", "the the rapist said", None),
        ("- first item\n- second item\n", "first item second item", "first item\n- second item"),
        ("* first item\n* second item\n", "first item second item", "first item\n* second item"),
        ("| Rent | 12 |\n| --- | --- |\n| Fee | 30 |", "Rent 12 Fee 30", "Rent | 12 |\n| --- | --- |\n| Fee | 30"),
        ("| Rent<br>and fees | 1,200 |", "Rent and fees 1,200", "Rent<br>and fees | 1,200"),
        ("one \\| two words", "one two words", "one \\| two words"),
        ("# The Lease\n\nThe tenant", "The Lease The tenant", "The Lease\n\nThe tenant"),
        ("ｶﾞｽ料金は別とする", "ガス料金は別とする", "ｶﾞｽ料金は別とする"),
        ("\u1112\u1161\u11ab국어 계약서", "한국어 계약서", "\u1112\u1161\u11ab국어 계약서"),
        ("第 3 条 租金每月支付", "第3条租金每月支付", "第 3 条 租金每月支付"),
        ("\u202bשכר דירה\u202c חודשי", "שכר דירה חודשי", "שכר דירה\u202c חודשי"),
        ("الإيجـــار الشهري", "الإيجار الشهري", "الإيجـــار الشهري"),
        ("ten cents. ten dollars", "ten dollars", "ten dollars"),
        ("nothing", "", None),
        ("", "nothing", None),
        ("cafe\u0301 au lait", "cafe au lait", None),
        ("e\u0301", "e", None),
    ],
)  # fmt: skip
def test_an_unusual_quote_is_judged_correctly(text, quote, passage) -> None:
    """Numbers, signs, genuine and line-end hyphens, lists, tables, and scripts with combining characters."""
    assert found(text, quote) == passage


@pytest.mark.parametrize(
    ("quote", "is_short"),
    [("yes", True), ("30 days", True), ("30 days net", False), ("月五千元", False), ("- — -", True), ("", True)],
)
def test_a_quote_has_a_minimum_length(quote, is_short) -> None:
    """A text that could be anywhere proves nothing."""
    assert is_too_short(quote) is is_short


def test_characters_taken_in_runs_are_those_that_folding_leaves_unchanged() -> None:
    """Otherwise the same word would be compared in two forms."""
    plain = re.findall(f"[{PLAIN}]", "".join(map(chr, range(0x110000))))
    assert len(plain) > 10_000
    assert [each for each in plain if folded_cluster(each) != each] == []


def test_a_long_text_of_one_letter_is_searched_in_time() -> None:
    """At most ten thousand places are compared in full."""
    assert find("ab " * 50_000, ["a bab ab ab"]) == [Unchecked.UNCHECKED]


def test_hostile_repetition_is_searched_in_time(monkeypatch) -> None:
    """All quotes of an answer share one limit on comparisons; a search that is given up gives no verdict."""
    assert MAX_COMPARED == 500_000
    monkeypatch.setattr("backburner.documents.passages.MAX_COMPARED", 50_000)
    text, quote = Text("ab " * 100_000), "ab " * 1000 + "a b"
    assert text.find([quote]) == [Unchecked.UNCHECKED]
    assert text.compared > 50_000
    before = text.compared
    assert text.find([quote] * 50) == [Unchecked.UNCHECKED] * 50
    assert text.compared == before
    assert before < 50_000 + 2 * len(quote)


def test_every_gap_of_a_quote_is_compared_once(monkeypatch) -> None:
    """Long answers are therefore checked to the end; the two ends of a passage count as eighteen gaps."""
    monkeypatch.setattr("backburner.documents.passages.MAX_COMPARED", 8 * (350 + 20))
    words = [f"word{number}" for number in range(8 * 350)]
    quotes = [" ".join(words[first : first + 350]) for first in range(0, len(words), 350)]
    assert all(isinstance(each, Passage) for each in find(" ".join(words), quotes))


@pytest.fixture
def _in_small_stretches(monkeypatch) -> None:
    monkeypatch.setattr("backburner.documents.passages.STRETCH", 5)


@pytest.mark.usefixtures("_in_small_stretches")
@pytest.mark.parametrize("case", CASES[::3], ids=lambda case: case.name)
def test_stretch_boundaries_do_not_affect_the_result(case: Case) -> None:
    """A quote, word, number or sign may span any number of stretches."""
    assert found(case.text, case.quote) == case.passage


@pytest.mark.usefixtures("_in_small_stretches")
def test_a_passage_may_begin_anywhere_in_a_stretch() -> None:
    """Deciding characters may be before, after or within it; the first of two passages counts, in any order."""
    for number in range(30):
        before = "x-y " * 3 + "z" * number
        for text, quote, passage in (
            (f"{before} it freezes at -5 degrees, at 5 degrees", "5 degrees", "5 degrees"),
            (f"{before} a rent of 11,200 euros", "1,200 euros", None),
            (f"{before} a rent of 1,200.50 euros", "a rent of 1,200", None),
            (f"{before} a well-\nknown brand", "a well-known brand", "a well-\nknown brand"),
        ):
            assert found(text, quote) == passage, (number, text)
        text = f"{before} notice is 90 days, notice is 90 days; the rent is 12 euros"
        rent, notice = find(text, ["the rent is 12 euros", "notice is 90 days"])
        assert (rent.first, notice.first) == (text.index("the rent"), text.index("notice"))


PIECES = [
    "a", "b", "1", "2", ".", " ", "  ", "-", "-\n", "\u00ad", "é", "e\u0301", "ﬃ", "“", "'", "|", "\u200b", "租",
    "\u2212", "'", "/", "*", "_", "%", "€", ":", "12", "345",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), min_size=3, max_size=50), st.data())
def test_a_text_in_stretches_is_judged_as_if_it_were_whole(pieces: list[str], data: st.DataObject) -> None:
    """Any part of any text is searched for, as it is or with a dash for a space."""
    text = "".join(pieces)
    begin = data.draw(st.integers(0, len(text) - 1))
    quote = text[begin : begin + data.draw(st.integers(1, 15))].replace(" ", data.draw(st.sampled_from(" -")), 1)
    whole = find(text, [quote])
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("backburner.documents.passages.STRETCH", data.draw(st.sampled_from([1, 2, 4, 9])))
        assert find(text, [quote]) == whole


@pytest.mark.parametrize(
    "pattern",
    ["The rent is 1,250 euros a month. ", "\"'", "😀 a b c ", "租金每月支付第三条 ", "a", "a" + "\u0300\u0316" * 40],
    ids=["words", "marks", "emoji", "unspaced", "a run", "accents"],
)
def test_the_memory_of_a_search_does_not_grow_with_the_text(pattern: str, monkeypatch) -> None:
    """The longest text may be tens of megabytes, as much as some functions have free."""
    monkeypatch.setattr("backburner.documents.passages.STRETCH", 1024)
    text, last = pattern * (100_000 // len(pattern)), "Notice is ninety days"
    text = f"{text} {last}"
    tracemalloc.start()
    (passage, nowhere) = find(text, [last, "No such words are anywhere in it"])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (text[passage.first : passage.last], nowhere) == (last, None)
    assert peak_bytes < 200_000


def test_a_letter_with_endless_combining_marks_is_searched_in_time() -> None:
    """Ordering one letter's marks takes the square of their number."""
    assert found("e" + "\u0300\u0316" * 200_000 + " Notice is 90 days", "Notice is 90 days") == "Notice is 90 days"
