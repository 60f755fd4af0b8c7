"""What limits the jobs: slots, budgets, pauses, dead letters. Read at most every few seconds."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backburner.errors import BackburnerError
from backburner_cli.operator.figures import use_of_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from backburner_cli.operator.session import OperatorSession

EVERY_S = 10.0


@dataclass
class Limits:
    """The governor's counters beside the settings, as in `backburner status`."""

    session: OperatorSession
    clock: Callable[[], float] = time.monotonic
    problem: str | None = None
    _read_at: float | None = None
    _latest: dict[str, Any] | None = None

    async def current(self) -> dict[str, Any] | None:
        """The limits as JSON for the page; None until they were read once."""
        now = self.clock()
        if self._read_at is None or now - self._read_at >= EVERY_S:
            self._read_at = now
            try:
                self._latest, self.problem = await self._read(), None
            except BackburnerError as error:
                self.problem = str(error)
        return self._latest

    async def _read(self) -> dict[str, Any]:
        counters, _ = await self.session.core.governor.counters()
        return use_of_limits(counters, self.session.settings) | {
            "pauses": [
                {"concerns": name, "why": pause.why, "next_probe": pause.next_probe.isoformat()}
                for name, pause in counters.pauses.items()
            ],
            "dead_letters": await self.session.backend.dead.count(),
        }
