"""The command `cancel`: the wish is recorded first, and the checker acts on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from backburner.errors import Reason, RetryLaterError
from backburner.ledger.keys import INBOX, OPEN
from backburner.ledger.records import OpenRecord, decode
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.errors import CommandError
from backburner_cli.operator.session import OperatorSession, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from backburner.ports import Stored


def cancel(out: Console, environment: Mapping[str, str], keys: Sequence[str]) -> bool:
    """Cancel the jobs of documents, say what was done for each, and whether each had one."""
    for key in keys:
        if not key.startswith(INBOX):
            raise CommandError(f"{key!r} is not in {INBOX}: name documents by their keys in the bucket, as inbox/…")
    return run(environment, lambda office: _cancel(office, out, set(keys)))


async def _cancel(office: OperatorSession, out: Console, keys: set[str]) -> bool:
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


async def _stop(office: OperatorSession, job: str, run_number: int) -> str:
    try:
        found = await office.canceller.cancel(job, run_number)
    except RetryLaterError as error:
        return f"not cancelled: {error}; try again"
    match found:
        case None:
            return "it has just ended"
        case Reason():
            return f"is being cancelled already ({found})"
        case _:
            return f"was {found}: cancelled at the checker's next tick"
