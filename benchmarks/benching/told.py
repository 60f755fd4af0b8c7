"""A measurement."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Told:
    """How many items in how many seconds; `cpu_s` is the measured process's own time, including its children's."""

    items: int
    seconds: float
    cpu_s: float
    peak_mb: float

    @property
    def per_second(self) -> float:
        """Items per second by the wall clock."""
        return self.items / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time per item."""
        return 1000 * self.cpu_s / self.items if self.items else 0.0

    def as_json(self) -> dict[str, Any]:
        """All of it, rounded."""
        told = asdict(self) | {"per_second": self.per_second, "cpu_ms_each": self.cpu_ms}
        return {name: round(value, 4) for name, value in told.items()}
