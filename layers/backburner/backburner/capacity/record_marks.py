"""Whether a run can have been changed since this process read its record."""

from dataclasses import dataclass, field

_MAX_NAMES = 4096


@dataclass(frozen=True)
class _Run:
    """What this process knows of a run's record: since which step, and the mark of the read; -1 if it was no read."""

    step: int
    mark: int = -1


@dataclass
class RecordMarks:
    """Orders reads of records and changes of the counters within one process, by numbering both.

    A mark is taken before a record is read. It holds as long as no other process has written the counters since, which
    the next read or the refused swap shows, and this process has learnt nothing else of the same run (ADR 15, rule 2).
    """

    _step: int = 0
    _since: int = 0
    """Earlier marks do not hold: other processes may have written the counters."""
    _runs: dict[str, _Run] = field(default_factory=dict)
    """The latest at the end."""

    def now(self) -> int:
        """The mark for a read that begins now."""
        return self._step

    def put(self, name: str, mark: int) -> bool:
        """Note a read. False if it began before what this process knows of the run, and may be older."""
        if mark < max(self._since, self._runs[name].step if name in self._runs else 0):
            return False
        self._note(name, mark)
        return True

    def touch(self, name: str) -> None:
        """This process knows something else of a run, or has changed it: reads that began before do not count."""
        self._note(name, -1)

    def forget_all(self) -> None:
        """The counters that were just read are not the ones that this process wrote or read last."""
        self._step += 1
        self._since = self._step

    def holds(self, name: str) -> bool:
        """Whether the read of a record is as good as one made now."""
        return name in self._runs and self._runs[name].mark >= self._since

    def _note(self, name: str, mark: int) -> None:
        self._step += 1
        self._runs.pop(name, None)
        self._runs[name] = _Run(self._step, mark)
        if len(self._runs) > _MAX_NAMES:
            self._since = max(self._since, self._runs.pop(next(iter(self._runs))).step)
