"""Whether a run can have been changed since this process read its record."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from backburner.capacity.recent_writes import short

_MAX_NAMES = 4096


@dataclass(frozen=True)
class _Run:
    """What this process knows of a run's record: since which step, and the mark of the read; -1 if it was no read."""

    step: int
    mark: int = -1


@dataclass
class RecordMarks:
    """Orders reads of records and changes of the counters within one process, by numbering both.

    A mark is taken before a record is read. It holds as long as no other process has changed the run since, as far as
    the counters show that this process swaps on, and this process has learnt nothing else of it (ADR 15, rule 2).
    """

    _step: int = 0
    _since: int = 0
    """Earlier marks do not hold: other processes may have changed any run."""
    _runs: dict[str, _Run] = field(default_factory=dict)
    """The latest at the end."""
    _changed: dict[str, int] = field(default_factory=dict)
    """Since which step other processes have changed runs, by short name; the latest at the end."""

    def now(self) -> int:
        """The mark for a read that begins now."""
        return self._step

    def put(self, name: str, mark: int) -> bool:
        """Note a read. False if it began before what this process knows of the run, and may be older."""
        if mark < max(self._oldest(name), self._runs[name].step if name in self._runs else 0):
            return False
        self._note(name, mark)
        return True

    def touch(self, name: str) -> None:
        """This process knows something else of a run, or has changed it: reads that began before do not count."""
        self._note(name, -1)

    def others_changed(self, shorts: Iterable[str]) -> None:
        """Other processes have changed these runs between the counters just read and those known before."""
        self._step += 1
        for name in shorts:
            self._changed.pop(name, None)
            self._changed[name] = self._step
        while len(self._changed) > _MAX_NAMES:
            self._since = max(self._since, self._changed.pop(next(iter(self._changed))))

    def forget_all(self) -> None:
        """Other processes have written the counters, and it is not known which runs they changed."""
        self._step += 1
        self._since = self._step
        self._changed.clear()

    def holds(self, name: str) -> bool:
        """Whether the read of a record is as good as one made now."""
        return name in self._runs and self._runs[name].mark >= self._oldest(name)

    def _oldest(self, name: str) -> int:
        return max(self._since, self._changed.get(short(name), 0))

    def _note(self, name: str, mark: int) -> None:
        self._step += 1
        self._runs.pop(name, None)
        self._runs[name] = _Run(self._step, mark)
        if len(self._runs) > _MAX_NAMES:
            self._since = max(self._since, self._runs.pop(next(iter(self._runs))).step)
