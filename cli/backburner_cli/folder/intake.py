"""The intake: finds the documents of a folder, and gives out each once it is no longer being written."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Final, TypeVar

from backburner_cli.folder.progress import Progress
from backburner_cli.folder.scan import QUIET_S, Document, Oddity, Walk
from backburner_cli.folder.tally import Failure, Tally

logger = logging.getLogger(__name__)
T = TypeVar("T")
_AT_ONCE: Final = 500
_RESTLESS_LIMIT_S: Final = 30.0
"""How long a run without `--watch` waits for a file that keeps being written."""
_LOOK_EVERY_S: Final = 2.0
_MAX_LOOK_S: Final = 60.0
_STEP_S: Final = 0.2


@dataclass(kw_only=True)
class Intake:
    """Finds the documents of a folder; with `watch`, until `is_stopping` returns True."""

    walk: Walk
    tally: Tally
    progress: Progress
    watch: bool
    is_stopping: Callable[[], bool]
    _seen: dict[str, int] = field(default_factory=dict)
    """The version of each document that was given out, as a number to save memory."""

    async def documents(self) -> AsyncIterator[Document]:
        """Every document once it is quiet, and with `watch` whenever it has changed."""
        began = time.monotonic()
        while not self.is_stopping():
            looked_at = time.monotonic()
            restless: list[str] = []
            async for found in self._walked():
                if isinstance(found, Oddity):
                    self._odd(found)
                elif not found.is_quiet:
                    restless.append(found.path)
                elif self._seen.get(found.path) != found.seen:
                    yield self._noted(found)
            if not restless:
                self.tally.is_whole = True
            if not self.watch and not restless:
                return
            if not self.watch and time.monotonic() - began > _RESTLESS_LIMIT_S:
                for path in restless:
                    self._odd(Oddity(path=path, why="it keeps being written: run again once it is finished"))
                return
            took_s = time.monotonic() - looked_at
            wait_s = QUIET_S / 2 if restless else min(_MAX_LOOK_S, max(_LOOK_EVERY_S, 10 * took_s))
            await self._pause(wait_s)

    def knows(self, path: str) -> bool:
        """Whether a document was given out."""
        return path in self._seen

    async def _walked(self) -> AsyncIterator[Document | Oddity]:
        """The files that the walk finds, a few hundred at a time; it runs in a thread."""
        steps = iter(self.walk)
        while page := await asyncio.to_thread(_some, steps):
            for one in page:
                if self.is_stopping():
                    return
                yield one

    def _noted(self, found: Document) -> Document:
        is_again = found.path in self._seen
        self.tally.found += not is_again
        self._seen[found.path] = found.seen
        return replace(found, is_again=is_again)

    def _odd(self, oddity: Oddity) -> None:
        if oddity.path not in self.tally.failures:
            self.tally.found += 1
            self.tally.failures[oddity.path] = Failure(message=oddity.why)
            self.progress.failed(oddity.path, self.tally.failures[oddity.path])

    async def _pause(self, seconds: float) -> None:
        for _ in range(max(1, round(seconds / _STEP_S))):
            if self.is_stopping():
                return
            await asyncio.sleep(_STEP_S)


def _some(steps: Iterable[T]) -> list[T]:
    return list(islice(steps, _AT_ONCE))
