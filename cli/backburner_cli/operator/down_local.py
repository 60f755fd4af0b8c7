"""Stops the `backburner up` of this machine."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backburner_cli.errors import CommandError
from backburner_cli.operator.down import Counts, Removal, of_jobs
from backburner_cli.operator.running import LocalDeployment, running_here
from backburner_cli.terminal import count_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIMIT_S, _STEP_S = 60.0, 0.1


@dataclass(frozen=True)
class LocalTaker:
    """The `backburner up` that was started last."""

    environment: Mapping[str, str]

    def removal(self, counts: Counts | None) -> Removal:
        """Everything goes, including its bucket."""
        running = running_here(self.environment)
        if not running:
            raise CommandError("no backburner up runs on this machine: there is nothing to remove")
        documents = f", with {count_of(counts.documents, 'document')} and all results" if counts else ""
        others = [f"{len(running) - 1} more of them: run this again for each"] if len(running) > 1 else []
        return Removal(
            goes=[
                f"backburner up, process {running[0].pid}, and its local cloud ({running[0].cloud})",
                f"its bucket{documents}: backburner results --to DIR fetches them first",
            ],
            stays=["the dependencies installed in .build/, for the next one", "the profiles of backburner use"],
            warnings=[*of_jobs(counts), *others],
        )

    def carry_out(self) -> None:
        """Ask it to stop, and wait until it has ended."""
        running = running_here(self.environment)
        if not running:
            return  # it has ended meanwhile
        try:
            os.kill(running[0].pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        until = time.monotonic() + _LIMIT_S
        while self._is_there(running[0]):
            if time.monotonic() > until:
                raise CommandError(
                    f"process {running[0].pid} has not ended within {_LIMIT_S:.0f} s: see its terminal, or kill it"
                )
            time.sleep(_STEP_S)

    def _is_there(self, one: LocalDeployment) -> bool:
        return any(each.pid == one.pid for each in running_here(self.environment))
