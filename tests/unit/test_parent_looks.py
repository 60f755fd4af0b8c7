"""When a run checks on its parts: its result waits for that alone once the last of them has ended."""

import pytest

from backburner.split.parent import look_s


@pytest.mark.parametrize(("left", "least_s", "most_s"), [(50, 40, 50), (25, 40, 50), (2, 7, 15), (1, 7, 15)])
def test_a_run_with_few_parts_left_is_visited_sooner(left: int, least_s: float, most_s: float) -> None:
    """After five minutes with fifty parts: seldom in the middle, often near the end."""
    assert all(least_s <= look_s(300.0, 50, left) <= most_s for _ in range(200))


def test_a_last_part_that_takes_long_is_not_waited_for_every_moment() -> None:
    """Each visit costs calls, and a part may take hours."""
    assert look_s(6000.0, 50, 1) == 50.0
    assert all(look_s(2.0, 50, 1) >= 1.6 for _ in range(200))
