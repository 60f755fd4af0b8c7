"""When generations that have just been started, by whichever process, are due for their first poll."""

import math
from dataclasses import dataclass, field

from backburner.capacity.durations import Durations
from backburner.capacity.governor import Governor
from backburner.capacity.timing import LATE_S, is_worth_staying
from backburner.ports import Clock


@dataclass(frozen=True, kw_only=True)
class FirstPolls:
    """Remembers when this process first saw each reservation that the counters name."""

    governor: Governor
    durations: Durations
    clock: Clock
    seen: dict[str, float] = field(default_factory=dict)
    """By `<job_id>.<run>`; only of runs that are still named, and the counters name only the last ones."""

    def note_new(self) -> None:
        """Note what is new in the counters as last read, and forget what is gone from them."""
        now = self.clock.monotonic()
        new = {
            name: self.seen.get(name, now) for name, noted in self.governor.last_read.reserved.items() if noted.slots
        }
        self.seen.clear()
        self.seen.update(new)

    def met(self, name: str) -> None:
        """Note that a run's message has been received here, so its first poll is no longer waited for."""
        self.seen[name] = -math.inf

    def is_worth_staying(self, left_s: float, next_s: float, ticks_per_minute: int = 1) -> bool:
        """Whether a tick with `left_s` to go, and the next one due in `next_s`, should stay for a first poll.

        Each is waited for once: it may come up to two seconds late, and then the run is no longer new.
        """
        now, reserved = self.clock.monotonic(), self.governor.last_read.reserved
        for name, seen_at in self.seen.items():
            if name in reserved:
                pause_s = self.durations.first_poll_s(reserved[name].model)
                shows_s = seen_at + pause_s - now
                if shows_s >= -LATE_S and is_worth_staying(
                    shows_s, pause_s, left_s=left_s, next_s=next_s, ticks_per_minute=ticks_per_minute
                ):
                    return True
        return False
