"""The changes that the page can make: upload, run again, cancel. For many documents, in the background."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backburner.errors import BackburnerError, Reason
from backburner.ledger.keys import INBOX
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.errors import CommandError
from backburner_cli.operator.files import unfit_key
from backburner_cli.operator.inbox import Inbox
from backburner_cli.operator.put import Uploader, Wish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from backburner.jobs.replay import Outcome
    from backburner.ledger.records import State
    from backburner_cli.console.index import WatchedIndex
    from backburner_cli.operator.job import Job
    from backburner_cli.operator.session import OperatorSession

_KEPT = 20
_REPLAY_OUTCOMES: dict[str, str] = {
    "replayed": "to run again",
    "new_version": "to run as new jobs",
    "running": "left alone: under way",
    "done": "left alone: done",
    "source_missing": "not run: no longer in the inbox",
}


class ChangedError(CommandError):
    """The documents have changed since the person agreed."""


@dataclass(kw_only=True)
class Action:
    """A change to many documents. `outcomes` counts them by how it went, in words for the page."""

    number: int
    what: str
    total: int
    done: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    problem: str | None = None
    is_over: bool = False

    def plain(self) -> dict[str, Any]:
        """The action as JSON for the page."""
        return {
            "number": self.number,
            "what": self.what,
            "total": self.total,
            "done": self.done,
            "outcomes": dict(self.outcomes),
            "problem": self.problem,
            "is_over": self.is_over,
        }


@dataclass
class Actions:
    """Makes the changes, through the same session as the operator's commands."""

    session: OperatorSession
    index: WatchedIndex
    begun: list[Action] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def replay(self, jobs: Sequence[Job], agreed: int, *, rerun: bool) -> Action:
        """Run documents again; done ones only with `rerun`. Raises `ChangedError` unless there are `agreed` jobs."""
        _check(jobs, agreed)

        async def one(job: Job) -> str:
            outcome: Outcome = await self.session.replayer.replay(job.key, rerun=rerun)
            return _REPLAY_OUTCOMES[outcome]

        return self._begin("run again", jobs, one)

    def cancel(self, jobs: Sequence[Job], agreed: int) -> Action:
        """Request cancellation, which the checker carries out. Raises `ChangedError` unless there are `agreed` jobs."""
        _check(jobs, agreed)

        async def one(job: Job) -> str:
            found: State | Reason | None = await self.session.canceller.cancel(job.job_id, job.run)
            match found:
                case None:
                    return "left alone: it has just ended"
                case Reason():
                    return "cancelled already"
                case _:
                    return "cancelled at the next tick"

        return self._begin("cancel", jobs, one)

    async def upload(self, recipe: str, path: str, body: AsyncIterator[bytes]) -> dict[str, Any]:
        """Upload a document, unless the same bytes are done or under way. Raises `CommandError`."""
        key = key_of(recipe, path)
        settings = self.session.settings
        inbox = Inbox(bucket=self.session.backend.bucket, name=settings.bucket, settings=settings)
        await inbox.require_recipe(recipe)
        with tempfile.TemporaryDirectory(prefix="backburner-console-") as folder:
            file = Path(folder, "document")
            with await asyncio.to_thread(file.open, "wb") as written:
                async for chunk in body:
                    await asyncio.to_thread(written.write, chunk)
            uploader = Uploader(inbox, Wish(named=(), recipe=recipe))
            await uploader.put(key, file)
        self.index.hurry()
        there = uploader.uploads.get(key)
        return {
            "key": key,
            "upload": str(uploader.done[key]),
            "problem": uploader.errors.get(key),
            "uploaded_at": there and there.last_modified.timestamp(),
        }

    def stop(self) -> list[asyncio.Task[None]]:
        """Cancel the actions under way and return their tasks; what they have sent is not undone."""
        for task in self._tasks:
            task.cancel()
        return list(self._tasks)

    def _begin(self, what: str, jobs: Sequence[Job], one: Callable[[Job], Awaitable[str]]) -> Action:
        action = Action(number=next(self._numbers), what=what, total=len(jobs))
        self.begun = [*self.begun, action][-_KEPT:]
        task = asyncio.create_task(self._run(action, jobs, one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return action

    async def _run(self, action: Action, jobs: Sequence[Job], one: Callable[[Job], Awaitable[str]]) -> None:
        async def each(job: Job) -> None:
            try:
                action.outcomes[await one(job)] += 1
            except BackburnerError as error:
                action.outcomes["not done"] += 1
                action.problem = str(error)
            action.done += 1

        try:
            await at_once(each_of(jobs), each)
        finally:
            action.is_over = True
            self.index.hurry()


def key_of(recipe: str, path: str) -> str:
    """The key of a dropped document with its path, as `put` would name it. Raises `CommandError`."""
    name = path.strip("/")
    if not name or "/" in recipe:
        raise CommandError("a document needs a name, and a recipe's name has no slash")
    folder = recipe or ("default" if "/" in name else "")
    key = f"{INBOX}{folder}/{name}" if folder else f"{INBOX}{name}"
    if why := unfit_key(key):
        raise CommandError(why)
    return key


def _check(jobs: Sequence[Job], agreed: int) -> None:
    if len(jobs) != agreed:
        raise ChangedError(
            f"the number of documents is {len(jobs):,} now, not {agreed:,}: look again, and confirm the new number"
        )
