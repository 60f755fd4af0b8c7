"""The commands `dead-letters` and `replay`."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from rich.markup import escape

from backburner.errors import UnreadableError
from backburner.jobs.replay import Outcome, Replayer
from backburner.ledger.keys import ERROR_RECORD, FAILED, INBOX
from backburner.ledger.records import ErrorRecord, decode
from backburner.maintenance.dead_letters import Kind, understand
from backburner.maintenance.snapshot import at_once, each_of
from backburner.tick import MAX_IN_BATCH
from backburner_cli.errors import CommandError
from backburner_cli.operator.session import OperatorSession, run
from backburner_cli.terminal import out

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from rich.console import Console

    from backburner.errors import Reason
    from backburner.maintenance.dead_letters import DeadLetter
    from backburner.ports import Queue, Received, Stored

HOLD_S = 120
"""How long a dead letter stays hidden from others if this command dies with it in hand."""
MAX_LETTERS = 10_000
_SAID = {
    Outcome.REPLAYED: "replayed: the checker starts its next run",
    Outcome.NEW_VERSION: "replayed as a new job: bytes, recipe or model changed",
    Outcome.RUNNING: "left alone: its job is under way",
    Outcome.DONE: "left alone: its job is done (--rerun runs it again)",
    Outcome.SOURCE_MISSING: "not replayed: it is not in the inbox any more; upload it again",
}
_SENT = (Outcome.REPLAYED, Outcome.NEW_VERSION)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What shall be replayed."""

    keys: tuple[str, ...]
    failed: bool
    reasons: frozenset[Reason]
    dead: bool
    rerun: bool
    dry_run: bool


@asynccontextmanager
async def letters_in(queue: Queue) -> AsyncIterator[dict[Received, DeadLetter]]:
    """All dead letters, in hand; those that are still in the mapping at the end are given back."""
    held: dict[Received, DeadLetter] = {}
    try:
        while len(held) < MAX_LETTERS and (batch := await queue.receive(MAX_IN_BATCH, 1)):
            held |= {received: understand(received.body) for received in batch}
            await at_once(each_of(batch), lambda received: queue.postpone(received, HOLD_S))
        yield held
    finally:
        await at_once(each_of(list(held)), lambda received: queue.postpone(received, 0))


def show_letters(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List the dead letters, oldest first, and give them back."""
    letters = run(environment, _letters)
    if as_json:
        print(json.dumps(msgspec.to_builtins(letters), indent=2, ensure_ascii=False))
        return
    for letter in letters:
        out.print(f"[bold]{letter.kind}[/]  {letter.at or ''}  {escape(letter.why)}")
        for key in letter.keys:
            out.print(f"    {key}", markup=False)
    if not letters:
        out.print("There are no dead letters.")
        return
    kinds = Counter(str(letter.kind) for letter in letters)
    out.print(f"{len(letters)} dead letters: " + ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()))
    out.print("When their cause is gone: backburner replay --dead")


async def _letters(office: OperatorSession) -> list[DeadLetter]:
    async with letters_in(office.cloud.dead) as held:
        return [held[received] for received in sorted(held, key=lambda received: -received.age_s)]


def replay(out: Console, environment: Mapping[str, str], wanted: Wanted) -> bool:
    """Replay, say what was done for each, and whether every document that was named is there."""
    for key in wanted.keys:
        if not key.startswith(INBOX):
            raise CommandError(f"{key!r} is not in {INBOX}: name documents by their keys in the bucket, as inbox/…")
    return run(environment, lambda office: _Replay(office, out, wanted).all())


class _Replay:
    """One call of the command."""

    def __init__(self, office: OperatorSession, out: Console, wanted: Wanted) -> None:
        self._office, self._out, self._wanted = office, out, wanted
        self._replayer = Replayer(
            bucket=office.cloud.bucket, ledger=office.ledger, inbox=office.inbox, pending=office.cloud.pending
        )
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._outcomes: dict[str, Outcome] = {}

    async def all(self) -> bool:
        await at_once(each_of(dict.fromkeys(self._wanted.keys)), lambda key: self._one(key, rerun=self._wanted.rerun))
        are_there = Outcome.SOURCE_MISSING not in self._outcomes.values()
        if self._wanted.failed:
            await at_once(self._office.cloud.bucket.listed(FAILED), self._failed)
        if self._wanted.dead:
            await self._dead()
        counts = Counter(self._outcomes.values())
        said = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "nothing to replay"
        self._out.print(f"{'Would be: ' if self._wanted.dry_run else ''}{said}", markup=False)
        return are_there

    async def _one(self, key: str, *, rerun: bool = False) -> None:
        """Each document once, whoever asks; returns when its message is sent."""
        if key not in self._asked:
            self._asked[key] = asyncio.create_task(self._replay(key, rerun=rerun))
        await self._asked[key]

    async def _replay(self, key: str, *, rerun: bool) -> None:
        if self._wanted.dry_run:
            outcome = (await self._replayer.plan(key, rerun=rerun)).outcome
        else:
            outcome = await self._replayer.replay(key, rerun=rerun)
        self._outcomes[key] = outcome
        would = "would be " if self._wanted.dry_run and outcome in _SENT else ""
        self._out.print(f"{key}: {would}{_SAID[outcome]}", markup=False)

    async def _failed(self, item: tuple[str, Stored]) -> None:
        name = item[0]
        try:
            stored = await self._office.cloud.bucket.get(name) if name.endswith(ERROR_RECORD) else None
            record = decode(stored.body, ErrorRecord) if stored else None
        except (msgspec.DecodeError, UnreadableError) as error:
            self._out.print(f"{name}: left alone: it cannot be read ({error})", markup=False)
            return
        if record is None:
            return
        if not self._wanted.reasons or record.reason in self._wanted.reasons:
            await self._one(record.source.key)

    async def _dead(self) -> None:
        async with letters_in(self._office.cloud.dead) as held:

            async def see_to(received: Received) -> None:
                what = await self._letter(received, held[received])
                self._out.print(f"dead letter ({held[received].kind}): {what}", markup=False)
                if not what.startswith("kept") and not self._wanted.dry_run:
                    await self._office.cloud.dead.delete(received)
                    del held[received]

            await at_once(each_of(list(held)), see_to)

    async def _letter(self, received: Received, letter: DeadLetter) -> str:
        """See to what a letter is about; "kept …" if it must stay where it is."""
        would = "would be " if self._wanted.dry_run else ""
        if letter.kind is Kind.TICK:
            return f"{would}removed: {letter.why}"
        if letter.kind is Kind.REDRIVEN:
            if not self._wanted.dry_run:  # as it was: only its own ticket drives a run that is still open
                await self._office.cloud.pending.send(received.body, 0)
            return f"{would}sent again: {', '.join(letter.keys)}"
        if not letter.keys:
            return f"kept, it names no document: {letter.why}"
        for key in letter.keys:
            await self._one(key)
        return f"{would}removed: {', '.join(letter.keys)}"
