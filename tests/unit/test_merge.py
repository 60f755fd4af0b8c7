"""Answers of parts are merged."""

import json

from hypothesis import given
from hypothesis import strategies as st

from backburner.split.merge import groups, pieces

sizes = st.lists(st.integers(1, 20), min_size=2, max_size=40)


@given(sizes=sizes, most=st.none() | st.integers(0, 200))
def test_groups_hold_every_answer_in_order_and_are_fewer_than_the_answers(sizes, most):
    """Joining in levels therefore comes to an end."""
    found = groups(sizes, most)
    assert [number for group in found for number in group] == [*range(len(sizes))]
    assert len(found) <= len(sizes) // 2


def test_as_many_answers_as_fit_are_one_group():
    assert groups([2, 2, 2, 2], 4) == [range(2), range(2, 4)]
    assert groups([2, 2, 2, 2, 1], 4) == [range(2), range(2, 5)]
    assert groups([2, 2, 2], None) == [range(3)]


def test_json_answers_become_an_array_and_other_answers_strings_in_it():
    assert json.loads("".join(pieces(['{"a": 1}', "[2]", "three"], "json"))) == [{"a": 1}, [2], "three"]


def test_texts_become_paragraphs():
    assert "".join(pieces(["one\n", "\ntwo"], "md")) == "one\n\ntwo\n"
