"""Answers of parts are joined."""

import json

from hypothesis import given
from hypothesis import strategies as st

from backburner.split.merge import groups, join

texts = st.lists(st.text(min_size=1, max_size=20).map(lambda text: text.replace("\n", " ")), min_size=2, max_size=40)


@given(texts=texts, most=st.none() | st.integers(0, 200))
def test_groups_hold_every_answer_in_order_and_are_fewer_than_the_answers(texts, most):
    """Joining in levels therefore comes to an end."""
    found = groups(texts, most)
    assert "\n\n".join(found) == "\n\n".join(texts)
    assert len(found) <= len(texts) // 2


def test_as_many_answers_as_fit_are_one_group():
    assert groups(["aa", "bb", "cc", "dd"], 4) == ["aa\n\nbb", "cc\n\ndd"]
    assert groups(["aa", "bb", "cc", "dd", "e"], 4) == ["aa\n\nbb", "cc\n\ndd\n\ne"]
    assert groups(["aa", "bb", "cc"], None) == ["aa\n\nbb\n\ncc"]


def test_json_answers_become_an_array_and_other_answers_strings_in_it():
    assert json.loads(join(['{"a": 1}', "[2]", "three"], "json")) == [{"a": 1}, [2], "three"]


def test_texts_become_paragraphs():
    assert join(["one\n", "\ntwo"], "md") == "one\n\ntwo\n"
