"""A process that knows the counters need not read them: a swap is refused if they have changed (ADR 17)."""

from backburner.capacity.governor import Governor
from backburner.capacity.limits import Counters, Denial, Limits, Reservation
from backburner.capacity.shared_counters import SharedCounters
from backburner.ledger.keys import GOVERNOR
from backburner.maintenance.governor_rebuild import read_record_state, rebuilt_counters
from support.fakes import FakeBucket, FakeClock, World

WANTED = Reservation(model="m", tokens=10)


class Machines:
    """Two processes that share a bucket."""

    def __init__(self, max_in_flight: int = 9) -> None:
        self.world = World()
        self.bucket = FakeBucket(self.world)
        self.limits = Limits(max_in_flight=max_in_flight, submits_per_minute=99)
        self.one, self.two = self._governor(), self._governor()

    def _governor(self) -> Governor:
        shared = SharedCounters(
            bucket=self.bucket,
            key=GOVERNOR,
            clock=FakeClock(self.world),
            rebuild=rebuilt_counters,
            read_record=read_record_state,
        )
        return Governor(shared=shared, limits=self.limits)

    def reserve(self, governor: Governor, name: str) -> Reservation | Denial:
        """Reserve for a run without a note."""
        return self.world.run(governor.reserve(name, WANTED, recorded=None, behind_others=False))

    def calls(self, governor: Governor, name: str) -> list[str]:
        """The calls on the governor's object that a reservation makes."""
        first = len(self.world.effects)
        assert isinstance(self.reserve(governor, name), Reservation)
        return [effect.name for effect in self.world.effects[first:] if effect.key == GOVERNOR]

    def counters(self) -> Counters:
        """The counters in the bucket."""
        return self.world.run(self._governor().counters())[0]


def test_the_last_writer_need_not_read() -> None:
    """It makes one call, and two again once what it knows is old."""
    machines = Machines()
    machines.reserve(machines.one, "a.1")
    assert machines.calls(machines.one, "b.1") == ["bucket.put"]
    machines.world.later(11)
    assert machines.calls(machines.one, "c.1") == ["bucket.get", "bucket.put"]


def test_a_swap_of_outdated_counters_is_refused_and_repeated() -> None:
    """Nothing another process wrote is lost, and for a minute this one reads first, since it is not alone."""
    machines = Machines()
    machines.reserve(machines.one, "a.1")
    machines.reserve(machines.two, "b.1")
    assert machines.calls(machines.one, "c.1") == ["bucket.put", "bucket.get", "bucket.put"]
    assert set(machines.counters().reserved) == {"a.1", "b.1", "c.1"}
    assert machines.calls(machines.one, "d.1") == ["bucket.get", "bucket.put"]
    machines.world.later(61)
    machines.reserve(machines.one, "e.1")
    assert machines.calls(machines.one, "f.1") == ["bucket.put"]


def test_outdated_counters_deny_no_reservation() -> None:
    """The only slot was free again; since a denial writes nothing, no refused swap would reveal that."""
    machines = Machines(max_in_flight=1)
    held = machines.reserve(machines.one, "a.1")
    assert isinstance(held, Reservation)
    assert isinstance(machines.reserve(machines.one, "b.1"), Denial)
    machines.world.run(machines.two.settle("a.1", recorded=held, tokens=5, cost=0.0))
    assert isinstance(machines.reserve(machines.one, "b.1"), Reservation)


def test_the_windows_move_on_by_the_stores_time() -> None:
    """A new minute's submits start at zero although nothing was read since."""
    machines = Machines()
    now = machines.world.now()
    machines.world.later(58 - now.second)
    machines.reserve(machines.one, "a.1")
    machines.world.later(5)
    assert machines.calls(machines.one, "b.1") == ["bucket.put"]
    assert machines.counters().submitted == 1
