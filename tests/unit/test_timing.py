"""Delays stay within their bounds, and a pace allows no more starts in a second than it says."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.capacity.durations import Durations
from backburner.capacity.learnt import InputCount, learn
from backburner.capacity.limits import Counters
from backburner.capacity.shared_counters import SharedCounters
from backburner.capacity.timing import (
    MAX_VISIT_S,
    MAX_WAIT_S,
    Pace,
    ask_again_s,
    backoff_s,
    first_poll_s,
    is_worth_staying,
    next_poll_s,
    pause_s,
    poll_ages_s,
    probe_s,
)
from backburner.ledger.keys import GOVERNOR
from backburner.maintenance.governor_rebuild import read_record_state, rebuilt_counters
from backburner.provider.profiles import PROFILES, Provider
from backburner.tick import MINUTE_S, UNREADABLE_S
from support.fakes import FakeBucket, FakeClock, World

HINTS = st.none() | st.floats(0, 10_000)


@given(st.floats(0, 10**7), HINTS)
def test_the_next_poll_of_an_unknown_model_is_at_about_a_fifth_of_the_age(age_s: float, hint_s: float | None) -> None:
    """It varies by ± 20 %, starts at 2 s, and follows the provider's hint if that is later."""
    own, hint = min(300.0, max(2.0, age_s / 5)), min(300.0, hint_s or 0)
    polled = next_poll_s(age_s, hint_s)
    assert polled >= max(0.8 * own, hint)
    assert polled <= max(1.2 * own, hint)


@pytest.mark.parametrize(
    ("age_s", "pause_s"), [(0, 50), (30, 20), (50, 12.5), (80, 12.5), (100, 12.5), (200, 25), (4000, 500)]
)
def test_polls_are_dense_when_such_generations_usually_end(age_s: float, pause_s: float) -> None:
    """If they take 100 s, pauses are half of it, then an eighth of it, later of the age, ± 20 %, up to 5 minutes."""
    polled = [next_poll_s(age_s, usual_s=100) for _ in range(200)]
    assert 0.8 * min(300, pause_s) <= min(polled)
    assert max(polled) <= min(300, 1.2 * pause_s)
    assert len(set(polled)) > 100, "a burst comes back as a burst"


@pytest.mark.parametrize(
    ("age_s", "usual_s", "wanted_s"),
    [(0, 480, 240), (300, 480, 60), (700, 1200, 204), (1200, 1200, 204), (1500, 1200, 264)],
)
def test_polls_of_long_generations_are_further_apart(age_s: float, usual_s: float, wanted_s: float) -> None:
    """An eighth of the first eight minutes of the usual time, or of the age, and a fifth of the rest."""
    assert pause_s(age_s, usual_s) == pytest.approx(wanted_s)


@pytest.mark.parametrize("usual_s", [None, 1.0, 80.0, 3600.0, 86_400.0])
def test_lines_are_polled_at_the_same_ages_as_documents(usual_s: float | None) -> None:
    """The list has each age at which a document is polled without jitter, up to the next poll."""
    ages = poll_ages_s(usual_s, 7200)
    assert ages[0] == first_poll_s(usual_s)
    for before, after in pairwise(ages):
        assert after - before == pytest.approx(min(300, pause_s(before, usual_s)))
    assert ages[-2] <= 7200 < ages[-1]


@pytest.mark.parametrize(
    ("shows_s", "pause_s", "wanted"),
    [(39, 20, True), (41, 20, False), (9, 60, True), (11, 60, False), (0, 61, False), (51, 2, False)],
)
def test_a_tick_stays_if_the_next_one_would_be_late_by_more_than_the_pause(
    shows_s: float,
    pause_s: float,
    wanted: bool,  # noqa: FBT001 - from the table
) -> None:
    """It has 50 s left, and the next tick is in a minute; what is due after its end does not count."""
    assert is_worth_staying(shows_s, pause_s, left_s=50, next_s=60) is wanted


@pytest.mark.parametrize("pause_s", [MAX_VISIT_S, MAX_WAIT_S, UNREADABLE_S])
def test_a_fixed_pause_ends_shortly_before_a_tick(pause_s: float) -> None:
    """This holds if it began early in one; after exactly a minute, the next tick would just have left."""
    assert pause_s % MINUTE_S == MINUTE_S - 10


@pytest.mark.parametrize("hint_s", [None, 86_400.0, 1e308, 365 * 86_400.0])
def test_polls_are_at_most_five_minutes_apart(hint_s: float | None) -> None:
    """This holds for any age of the generation and any hint of the provider."""
    assert max(next_poll_s(10**6, hint_s) for _ in range(200)) <= 300


@given(st.floats(0, 10**7), HINTS | st.just(1e308), st.floats(0, 5000), st.floats(2, 10**6), st.floats(-100, 10**6))
def test_a_look_comes_before_the_deadline_and_before_the_provider_forgets(
    age_s: float, hint_s: float | None, round_s: float, max_s: float, left_s: float
) -> None:
    """A round over fifty thousand takes long, but never longer than ended generations are kept."""
    polled = next_poll_s(age_s, hint_s, round_s=round_s, max_s=max_s, left_s=left_s)
    assert 1.6 <= polled <= max(2.0, min(max_s, max(300.0, 2 * round_s)))
    assert polled <= max(2.0, left_s)


@pytest.mark.parametrize("provider", Provider)
def test_no_more_are_open_than_can_be_looked_at_in_time(provider: Provider) -> None:
    """If a provider keeps results for ten minutes, each is looked at every five."""
    profile = PROFILES[provider]
    assert profile.max_watched(50) / 50 <= profile.max_gap_s <= (profile.results_kept_s or 600) / 2
    assert PROFILES[Provider.GENERIC].max_gap_s == 300


@pytest.mark.parametrize("hint_s", [None, 0.0, 61.0, 50_000.0, 10.0**9])
def test_every_delay_fits_a_queue(hint_s: float | None) -> None:
    """It does for any hint; a probe comes no sooner than the next tick, and at least every five minutes."""
    assert next_poll_s(10, hint_s) <= 300
    assert max(60, min(hint_s or 0, 300)) == probe_s(hint_s)


@given(st.integers(0, 10**6), HINTS | st.just(10.0**9))
def test_backing_off_doubles_up_to_a_queues_longest_delay(tries: int, hint_s: float | None) -> None:
    """It waits 2 s, 4 s, …, ± 20 %, or the hint if that is later; at most 900 s."""
    own = 2.0 * 2 ** min(tries, 10)
    waited = backoff_s(tries, hint_s)
    assert 0 < waited <= 900
    assert waited >= min(900, max(0.8 * own, hint_s or 0))
    assert waited <= min(900, max(1.2 * own, hint_s or 0))


@given(st.floats(0, 10**7), st.floats(0, 60))
def test_a_segment_that_waits_for_slots_asks_less_and_less_often(waited_s: float, min_s: float) -> None:
    """It asks after about a fifth of the time waited, ± 20 %, and at least with every second tick."""
    own = min(MAX_WAIT_S, waited_s / 5)
    assert max(min_s, 0.8 * own) <= ask_again_s(waited_s, min_s) <= max(min_s, min(MAX_WAIT_S, 1.2 * own))


def test_jitter_spreads_a_burst() -> None:
    """A burst of jobs does not come back as a burst."""
    assert len({next_poll_s(100) for _ in range(50)}) > 40
    assert len({backoff_s(3) for _ in range(50)}) > 40


def durations() -> Durations:
    """What a process knows that has read nothing yet."""
    world = World()
    return Durations(
        shared=SharedCounters(
            bucket=FakeBucket(world),
            key=GOVERNOR,
            clock=FakeClock(world),
            rebuild=rebuilt_counters,
            read_record=read_record_state,
        )
    )


def test_the_first_look_follows_the_usual_duration() -> None:
    """It is at half of the model's usual duration; at 2 s while unknown, and never after more than 5 minutes."""
    known = durations()

    def taught(model: str, took_s: float, times: int = 1) -> float:
        for _ in range(times):
            learn(known.shared.last_read, model, took_s)
        return known.first_poll_s(model)

    assert known.first_poll_s("m") == 2.0
    assert taught("m", 60) == pytest.approx(30)
    assert known.first_poll_s("other") == 2.0
    assert taught("m", 30, times=100) == pytest.approx(15, rel=0.01)
    assert (taught("slow", 10**6), taught("fast", 0.0)) == (300, 2.0)


def test_until_one_has_ended_none_is_polled_more_often_than_the_oldest() -> None:
    """A process that has seen one running for long polls younger ones of the same model at its pace."""
    known = durations()
    for age_s in (40.0, 300.0, 5.0):
        known.still_runs("m", age_s)
    assert (known.longest_running_s("m"), known.longest_running_s("other")) == (300.0, 0.0)
    assert (known.usual_s("m"), known.first_poll_s("m")) == (None, 2.0)
    assert (pause_s(5, None, 300), pause_s(300, None, 300), pause_s(600, None, 300)) == (60, 60, 120)
    learn(known.shared.last_read, "m", 20.0)
    known.still_runs("m", 900.0)
    assert known.longest_running_s("m") == 300.0
    assert pause_s(20, known.usual_s("m"), 300) == pytest.approx(2.5)


@pytest.mark.parametrize("poison_s", [1e308, -1e308, 1.9e12])
def test_what_is_learnt_is_bounded_and_outweighed(poison_s: float) -> None:
    """One generation with impossible times does not delay any look."""
    counters = Counters()
    learn(counters, "m", poison_s, InputCount(chars_per_token=1e308, picture_scale=1e308))
    assert 0 <= counters.usual_s["m"] <= 86_400
    assert counters.chars_per_token["m"] <= 8
    for _ in range(50):
        learn(counters, "m", 30.0, InputCount(chars_per_token=3.0, picture_scale=0.5))
    assert counters.usual_s["m"] == pytest.approx(30, abs=5)
    assert counters.chars_per_token["m"] == pytest.approx(3, abs=0.1)
    assert counters.picture_scale["m"] == pytest.approx(0.5, abs=0.1)


def test_one_slow_generation_does_not_make_the_next_looks_late() -> None:
    """It takes a thousand times as long as the others, and delays the next first look only fourfold."""
    counters = Counters()
    for took_s in (*[20.0] * 20, 20_000.0):
        learn(counters, "m", took_s)
    assert counters.usual_s["m"] == pytest.approx(80, rel=0.01)


@pytest.mark.parametrize("per_second", [1, 3, 50])
@pytest.mark.parametrize("arrive_s", [0.0, 0.005, 0.4])
def test_no_more_turns_begin_in_a_second_than_allowed(per_second: int, arrive_s: float) -> None:
    """This holds for any window of a second and any arrivals; none waits longer than it must."""
    world = World()
    pace, begun = Pace(per_second, FakeClock(world)), list[float]()

    async def caller(after_s: float) -> None:
        await asyncio.sleep(after_s)
        await pace.turn()
        begun.append(world.seconds)

    async def story() -> None:
        await asyncio.gather(*(caller(n * arrive_s) for n in range(4 * per_second)))

    world.run(story())
    assert len(begun) == 4 * per_second
    for start in begun:
        assert sum(start <= one < start + 1 - 1e-6 for one in begun) <= per_second
    assert max(begun) <= max(4 * per_second * arrive_s, 4) + 1 / per_second


def test_a_pause_is_not_saved_up() -> None:
    """A quiet minute is not followed by a burst."""
    world = World()
    pace, begun = Pace(10, FakeClock(world)), list[float]()

    async def story() -> None:
        await asyncio.sleep(60)
        for _ in range(10):
            await pace.turn()
            begun.append(world.seconds)

    world.run(story())
    assert begun == pytest.approx([60 + n / 10 for n in range(10)])
