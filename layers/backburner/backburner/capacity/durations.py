"""How long generations take, and when to poll them: learnt by all processes, or seen by this one."""

from dataclasses import dataclass, field

from backburner.capacity import learnt
from backburner.capacity.shared_counters import SharedCounters
from backburner.capacity.timing import first_poll_s


@dataclass(frozen=True, kw_only=True)
class Durations:
    """How long generations usually take, by model."""

    shared: SharedCounters
    seen_running_s: dict[str, float] = field(default_factory=dict)
    """By model, while none of its generations has ended: the longest time that this process has seen one running."""

    def learn(self, model: str, took_s: float, sample: learnt.InputCount = learnt.NOT_REPORTED) -> None:
        """Remember how long a generation took and how many tokens its input made; written with the next change."""
        self.shared.change_with_next_swap(lambda counters: learnt.learn(counters, model, took_s, sample))

    def still_runs(self, model: str, age_s: float) -> None:
        """Note the age of a running generation, unless it is known how long its model usually takes."""
        if model not in self.shared.last_read.usual_s:
            self.seen_running_s[model] = max(age_s, self.seen_running_s.get(model, 0.0))

    def usual_s(self, model: str) -> float | None:
        """How long generations of a model usually take; None if that is not known."""
        return self.shared.last_read.usual_s.get(model)

    def longest_running_s(self, model: str) -> float:
        """The longest time that this process has seen a generation of a model running; 0 if none has been seen."""
        return self.seen_running_s.get(model, 0.0)

    def first_poll_s(self, model: str) -> float:
        """When to poll a new generation of a model first."""
        return first_poll_s(self.usual_s(model))
