"""When a run visits its parts: after the last one has ended, only that visit delays the result."""

import pytest

from backburner.split.parent import look_s


@pytest.mark.parametrize(("left", "least_s", "most_s"), [(50, 40, 50), (25, 40, 50), (2, 7, 15), (1, 7, 15)])
def test_a_run_with_few_parts_left_is_visited_sooner(left: int, least_s: float, most_s: float) -> None:
    """After five minutes with fifty parts, visits are rare in the middle and frequent near the end."""
    assert all(least_s <= look_s(300.0, 50, left) <= most_s for _ in range(200))


def test_a_slow_last_part_is_not_visited_all_the_time() -> None:
    """Each visit costs calls, and a part may take hours."""
    assert look_s(6000.0, 50, 1) == 50.0
    assert all(look_s(2.0, 50, 1) >= 1.6 for _ in range(200))
