"""The command `cancel`: the wish is recorded first, and the checker acts on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from backburner.books import at_once, each_of
from backburner.errors import Reason
from backburner.keys import INBOX
from backburner.records import OpenRecord, State, decode
from backburner.sweep import OPEN
from backburner_cli.office import Office, run
from backburner_cli.terminal import CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from backburner.ledger import Open
    from backburner.ports import Stored

_TRIES = 5


def cancel(out: Console, environment: Mapping[str, str], keys: Sequence[str]) -> bool:
    """Cancel the jobs of documents, say what was done for each, and whether each had one."""
    for key in keys:
        if not key.startswith(INBOX):
            raise CommandError(f"{key!r} is not in {INBOX}: name documents by their keys in the bucket, as inbox/…")
    return run(environment, lambda office: _cancel(office, out, set(keys)))


async def _cancel(office: Office, out: Console, keys: set[str]) -> bool:
    jobs: list[tuple[str, str, int]] = []

    async def find(item: tuple[str, Stored]) -> None:
        stored = await office.cloud.bucket.get(item[0])
        try:
            record = decode(stored.body, OpenRecord) if stored else None
        except msgspec.DecodeError:
            return
        if record is not None and record.source.key in keys:
            jobs.append((record.source.key, record.job_id, record.run))

    async def stop(found: tuple[str, str, int]) -> None:
        out.print(f"{found[0]}: {await _stop(office, found[1], found[2])}", markup=False)

    await at_once(office.cloud.bucket.listed(OPEN), find)
    await at_once(each_of(jobs), stop)
    without = keys - {key for key, _, _ in jobs}
    for key in sorted(without):
        out.print(f"{key}: nothing to cancel: it has no open job", markup=False)
    return not without


async def _stop(office: Office, job: str, run_number: int) -> str:
    for _ in range(_TRIES):
        held = await office.ledger.open_record(job, run_number)
        if held is None:
            return "it has just ended"
        if held.record.cancelled_for is not None:
            return f"is being cancelled already ({held.record.cancelled_for})"
        if await office.ledger.rewrite(await _cancelled(office, held)) is not None:
            return f"was {held.record.state}: cancelled at the checker's next tick"
    return "not cancelled: it is being written all the time; try again"


async def _cancelled(office: Office, held: Open) -> Open:
    """The record with the wish in it; message before record, so that the checker looks at once.

    While a generation is being started the record keeps its ticket: whoever starts it has its message, and the guard's
    is still to come.
    """
    record = held.record
    wish = held.but(cancelled_for=Reason.CANCELLED)
    if record.state is State.SUBMITTING:
        return wish
    message = record.message(record.responses[-1].id if record.state is State.RUNNING else None)
    await office.cloud.pending.send(message.encode(), 0)
    ran_s = held.generation_age_s if record.state is State.RUNNING else 0.0
    return wish.but(ticket=message.ticket, ran_s=ran_s)
