"""The commands `dead-letters` and `replay`."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from rich.markup import escape

from backburner.errors import UnreadableError
from backburner.jobs.replay import Outcome
from backburner.ledger.keys import ERROR_RECORD, FAILED, INBOX
from backburner.ledger.records import ErrorRecord, decode
from backburner.maintenance.dead_letters import Kind, understand
from backburner.maintenance.snapshot import at_once, each_of
from backburner.ports import MAX_IN_BATCH
from backburner_cli.operator.bar import bar, counting
from backburner_cli.operator.selection import Selection, require_inbox
from backburner_cli.operator.session import OperatorSession, run
from backburner_cli.terminal import MAX_LISTED, confirm, count_of, out, print_json, say

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from backburner.errors import Reason
    from backburner.maintenance.dead_letters import DeadLetter
    from backburner.ports import Queue, Received, Stored

HOLD_S = 120
"""How long a received dead letter stays hidden if this command dies."""
MAX_LETTERS = 10_000
_MESSAGES = {
    Outcome.REPLAYED: "replayed: {carrier} starts its next run",
    Outcome.NEW_VERSION: "replayed as a new job, because the document, recipe or model has changed",
    Outcome.RUNNING: "left alone, its job is under way",
    Outcome.DONE: "left alone, its job is done (--rerun runs it again)",
    Outcome.SOURCE_MISSING: "not replayed, it is no longer in the inbox: upload it again",
}
_SENT = (Outcome.REPLAYED, Outcome.NEW_VERSION)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What to replay."""

    keys: tuple[str, ...]
    failed: bool
    reasons: frozenset[Reason]
    chosen: Selection
    dead: bool
    rerun: bool
    dry_run: bool
    is_agreed: bool
    """Whether to run many documents again without asking."""


@asynccontextmanager
async def letters_in(queue: Queue) -> AsyncIterator[dict[Received, DeadLetter]]:
    """Receive all dead letters; those still in the mapping at the end become visible again."""
    held: dict[Received, DeadLetter] = {}
    try:
        while len(held) < MAX_LETTERS and (batch := await queue.receive(MAX_IN_BATCH, 1)):
            held |= {received: understand(received.body) for received in batch}
            await at_once(each_of(batch), lambda received: queue.postpone(received, HOLD_S))
        yield held
    finally:
        await at_once(each_of(list(held)), lambda received: queue.postpone(received, 0))


def show_letters(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List the dead letters, oldest first, and leave them in the queue."""
    letters = run(environment, _letters)
    if as_json:
        print_json(msgspec.to_builtins(letters))
        return
    for letter in letters:
        out.print(f"[bold]{letter.kind}[/]  {letter.at or ''}  {escape(letter.why)}")
        for key in letter.keys:
            say(f"    {key}")
    if not letters:
        out.print("There are no dead letters.")
        return
    kinds = Counter(str(letter.kind) for letter in letters)
    of_kinds = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    out.print(f"{count_of(len(letters), 'dead letter')}: {of_kinds}")
    out.print("Once the cause is fixed, run backburner replay --dead.")


async def _letters(session: OperatorSession) -> list[DeadLetter]:
    async with letters_in(session.backend.dead) as held:
        return [held[received] for received in sorted(held, key=lambda received: -received.age_s)]


def replay(environment: Mapping[str, str], wanted: Wanted, *, as_json: bool) -> bool:
    """Replay, print the outcome of each document, and return whether all named documents exist."""
    require_inbox(wanted.keys)
    wanted.chosen.check()
    return run(environment, lambda session: replay_in(session, wanted, as_json=as_json))


async def replay_in(session: OperatorSession, wanted: Wanted, *, as_json: bool) -> bool:
    """What `replay` does, with a session that is open; if it is interrupted, it prints what was done until then."""
    done = _Replay(session, wanted)
    try:
        await done.all()
    finally:
        if done.has_begun:
            done.show(as_json=as_json)
    return done.are_there


class _Replay:
    """One call of the command."""

    def __init__(self, session: OperatorSession, wanted: Wanted) -> None:
        self._session, self._wanted = session, wanted
        self._replayer = session.replayer
        self._asked: dict[str, asyncio.Task[None]] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.letters: list[dict[str, str]] = []
        self._unreadable: list[str] = []
        self.carrier = session.backend.carrier
        self.are_there = True
        self.has_begun = False
        self.is_complete = False

    async def all(self) -> None:
        """Replay everything that is wanted; asks before running selected documents again."""
        async for _ in self._session.backend.bucket.listed(INBOX):
            break  # fails if there is no such bucket, which a look-up of one document does not show
        failed = await self._failed_documents() if self._wanted.failed else []
        again = await self._documents() if self._wanted.rerun and not self._wanted.keys else []
        letters = await self._session.backend.dead.count() if self._wanted.dead else 0
        if (failed or again or letters) and not self._wanted.dry_run:
            what = [count_of(len(failed), "failed document")] * bool(failed)
            what += [f"{count_of(len(again), 'document')}, done or not"] * bool(again)
            what += [f"the documents of about {count_of(letters, 'dead letter')}"] * bool(letters)
            confirm(f"Run {' and '.join(what)} again? The provider bills each run.", is_agreed=self._wanted.is_agreed)
        self.has_begun = True
        named = [*dict.fromkeys(self._wanted.keys), *again]
        await self._each(named, rerun=self._wanted.rerun)
        self.are_there = Outcome.SOURCE_MISSING not in self.outcomes.values()
        await self._each(failed)
        if self._wanted.dead:
            await self._dead()
        is_sent = any(outcome in _SENT for outcome in self.outcomes.values())
        self._session.backend.say_hint(is_needed=is_sent and not self._wanted.dry_run)
        self.is_complete = True

    def show(self, *, as_json: bool) -> None:
        """Print each outcome so far, those that are not to run again first, and their numbers."""
        if as_json:
            outcomes = {key: str(outcome) for key, outcome in self.outcomes.items()}
            report = {"dry_run": self._wanted.dry_run, "documents": outcomes, "dead_letters": self.letters}
            print_json(report | {"carried_out_by": self.carrier, "complete": self.is_complete})
            return
        would = "would be " if self._wanted.dry_run else ""
        lines = [
            f"{key}: {would if outcome in _SENT else ''}{_MESSAGES[outcome].format(carrier=self.carrier)}"
            for key, outcome in sorted(self.outcomes.items(), key=lambda item: (item[1] in _SENT, item[0]))
        ]
        lines += [f"dead letter ({letter['kind']}): {letter['what']}" for letter in self.letters]
        for line in [*self._unreadable, *lines[:MAX_LISTED]]:
            say(line)
        if len(lines) > MAX_LISTED:
            out.print(f"… and {len(lines) - MAX_LISTED:,} more: --json names them all")
        counts = Counter(self.outcomes.values())
        summary = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "nothing to replay"
        out.print(f"{'Would be: ' if self._wanted.dry_run else ''}{summary}", markup=False)

    async def _each(self, keys: list[str], *, rerun: bool = False) -> None:
        with bar("looking" if self._wanted.dry_run else "replaying", len(keys)) as advance:

            async def one(key: str) -> None:
                await self._one(key, rerun=rerun)
                advance()

            await at_once(each_of(keys), one)

    async def _documents(self) -> list[str]:
        """The chosen documents in the inbox."""
        chosen = self._wanted.chosen
        return [key async for key, _ in self._session.backend.bucket.listed(chosen.listed) if chosen.has(key)]

    async def _failed_documents(self) -> list[str]:
        """The chosen documents with an error record, by its reason too."""
        found: list[str] = []

        async def look(item: tuple[str, Stored]) -> None:
            advance()
            key = await self._failed(item[0])
            if key is not None and self._wanted.chosen.has(key):
                found.append(key)

        with counting("Reading the error records") as advance:
            await at_once(self._session.backend.bucket.listed(FAILED), look)
        return sorted(found)

    async def _one(self, key: str, *, rerun: bool = False) -> None:
        """Replay each document only once, however often it comes up; returns once its message is sent."""
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._replay(key, rerun=rerun))
        await self._asked[key]

    async def _replay(self, key: str, *, rerun: bool) -> None:
        if self._wanted.dry_run:
            outcome = (await self._replayer.plan(key, rerun=rerun)).outcome
        else:
            outcome = await self._replayer.replay(key, rerun=rerun)
        self.outcomes[key] = outcome

    async def _failed(self, name: str) -> str | None:
        """The document of an error record, if its reason is one of those wanted."""
        try:
            stored = await self._session.backend.bucket.get(name) if name.endswith(ERROR_RECORD) else None
            record = decode(stored.body, ErrorRecord) if stored else None
        except (msgspec.DecodeError, UnreadableError) as error:
            self._unreadable.append(f"{name}: left alone: it cannot be read ({error})")
            return None
        if record is None or (self._wanted.reasons and record.reason not in self._wanted.reasons):
            return None
        return record.source.key

    async def _dead(self) -> None:
        async with letters_in(self._session.backend.dead) as held:
            letters = list(held)

            async def see_to(received: Received) -> None:
                what = await self._letter(received, held[received])
                self.letters.append({"kind": str(held[received].kind), "what": what})
                if not what.startswith("kept") and not self._wanted.dry_run:
                    await self._session.backend.dead.delete(received)
                    del held[received]
                advance()

            with bar("dead letters", len(letters)) as advance:
                await at_once(each_of(letters), see_to)

    async def _letter(self, received: Received, letter: DeadLetter) -> str:
        """Handle a dead letter, and say what was done: "kept …" if it must stay in the queue."""
        would = "would be " if self._wanted.dry_run else ""
        if letter.kind is Kind.TICK:
            return f"{would}removed: {letter.why}"
        if letter.kind is Kind.REDRIVEN:
            if not self._wanted.dry_run:  # unchanged: only its own ticket drives a run that is still open
                await self._session.backend.pending.send(received.body, 0)
            return f"{would}sent again: {', '.join(letter.keys)}"
        if not letter.keys:
            return f"kept, because it names no document: {letter.why}"
        for key in letter.keys:
            await self._one(key)
        return f"{would}removed: {', '.join(letter.keys)}"
