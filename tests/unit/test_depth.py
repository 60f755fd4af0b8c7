"""The quick run always leaves out the same tests, and never all of a kind."""

import pytest

from support.depth import VARIABLE, depth, thinned

CASES = [(kind, number) for kind in "abc" for number in range(40)]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Select as the quick run does, even in the deep run."""
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.mark.usefixtures("quick")
def test_a_selection_is_always_the_same_and_in_order() -> None:
    chosen = thinned(CASES, 5)
    assert chosen == thinned(list(CASES), 5) == sorted(chosen)
    assert 10 < len(chosen) < 40


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("one_in", [1, 2, 7, 10_000])
def test_at_least_one_of_each_kind_is_kept(one_in: int) -> None:
    assert {kind for kind, _ in thinned(CASES, one_in, kind=lambda case: case[0])} == set("abc")


def test_the_deep_run_leaves_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "deep")
    assert thinned(CASES, 10_000) == CASES
    assert depth(quick=1, deep=5) == 5
