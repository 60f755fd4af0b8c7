"""How long a document may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.recipes import parse
from backburner.documents.tokens import part_size, room_tokens, smaller, window_of
from backburner.errors import JobError, Reason
from backburner.provider.profiles import PROFILES, Provider


def recipe(front: str = ""):
    return parse(f"---\n{front}\n---\nDo it.")


@pytest.mark.parametrize(
    ("model", "window"),
    [
        ("gpt://folder/yandexgpt/latest", 32_768),
        ("gpt://folder/qwen3-235b-a22b-fp8/latest", 262_144),
        ("gpt-oss-120b", 131_072),
        ("my-yandexgpt", None),
        ("unheard-of", None),
    ],
)
def test_a_window_is_found_by_how_a_segment_of_the_models_name_begins(model, window):
    assert window_of(PROFILES[Provider.YANDEX].windows, model) == window


def test_the_longest_name_wins_and_a_star_stands_for_the_rest():
    windows = {"*": 1, "qwen": 2, "qwen3": 3}
    assert [window_of(windows, model) for model in ("qwen3-8b", "qwen2", "llama")] == [3, 2, 1]


def test_without_window_and_split_nothing_bounds_a_document():
    assert room_tokens(recipe(), None) is None


def test_the_recipes_own_limit_holds_if_it_is_smaller():
    assert room_tokens(recipe("split: {max_input_tokens: 700}"), 32_768) == 700
    assert room_tokens(recipe("split: {max_input_tokens: 700}"), None) == 700
    assert room_tokens(recipe("max_output_tokens: 1000"), 32_768) == int((32_768 - 1000 - 3) * 0.9)


@pytest.mark.parametrize("front", ["max_output_tokens: 7900", "split: {max_input_tokens: 8000}"])
def test_limits_that_cannot_work_together_are_the_recipes_fault(front):
    with pytest.raises(JobError, match="8000") as refused:
        room_tokens(recipe(front), 8000)
    assert refused.value.reason is Reason.INVALID_RECIPE


@pytest.mark.parametrize("window", [1024, 2048, 4096, 8192])
def test_without_a_cap_the_output_follows_the_window(window):
    """A quarter of a small window is for the answer, so a recipe without a cap works with every model."""
    assert room_tokens(recipe(), window) == int((window - 3 - window // 4) * 0.9)
    assert room_tokens(recipe(), 32_768) == int((32_768 - 3 - 4000) * 0.9)


@pytest.mark.parametrize("front", ["", "max_output_tokens: 1900", "split: {max_input_tokens: 1900}"])
def test_the_remedy_of_a_window_that_is_too_small_names_the_cap(front):
    """The cap leaves no room; a recipe of three words cannot be shortened."""
    with pytest.raises(JobError, match="max_output_tokens"):
        room_tokens(recipe(front), 2048 if front else 500)


@given(
    room=st.integers(1, 100_000),
    overlap=st.integers(0, 50_000),
    ratio=st.floats(0.5, 8),
    chars=st.integers(2, 100_000),
    overflows=st.integers(1, 2),
)
def test_every_size_can_be_cut(room, overlap, ratio, chars, overflows):
    """An overlap is below half of a part, and a refused text gets smaller each time."""
    split = f"split: {{max_input_tokens: {max(room, 2 * overlap + 1)}, overlap_tokens: {overlap}}}"
    again = smaller(recipe(split), "x" * chars, overflows, ratio)
    for size in (part_size(recipe(split), room, ratio), again):
        assert size.max_chars >= 2
        assert 0 <= 2 * size.overlap_chars < size.max_chars
    assert again.max_chars < chars or chars <= 2
