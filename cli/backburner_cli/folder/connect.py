"""Connects the engine to a folder: the composition root of a run."""

import contextlib
import dataclasses
from dataclasses import dataclass

from backburner.adapters.clock import SystemClock
from backburner.adapters.folder.bucket import FolderBucket
from backburner.adapters.folder.database import Database
from backburner.adapters.folder.files import now_us
from backburner.adapters.folder.presence import Presence
from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import ProviderKey
from backburner.capacity.timing import Pace
from backburner.ledger.keys import RECIPES, RESPONSES, SUPERSEDED, WORK
from backburner.ports import ABSENT, ConflictError
from backburner.settings import Notify, Settings
from backburner.wiring.core import assemble
from backburner.wiring.foundation import Ports
from backburner_cli.folder import run_state
from backburner_cli.folder.again import RunsAgain
from backburner_cli.folder.driver import Driver
from backburner_cli.folder.intake import Intake
from backburner_cli.folder.progress import Progress
from backburner_cli.folder.recipes import Chosen
from backburner_cli.folder.scan import Walk
from backburner_cli.folder.tally import Tally
from backburner_cli.folder.tracker import Tracker
from backburner_cli.operator.folder_ports import folder_ports
from backburner_cli.operator.folder_states import RunState

_CREATE_LIMIT_S = 60.0
_SWAP_TRIES = 12
_SPARE = 64
"""How many documents may be under way beyond the number of generations."""
_KEPT_DAYS, _MAX_EXPIRED = 90, 10_000


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is run, and where."""

    state: RunState
    chosen: Chosen
    walk: Walk
    settings: Settings
    watch: bool


@dataclass(frozen=True)
class Connections:
    """What is open while a folder runs."""

    database: Database
    presence: Presence
    generator: ResponsesApi


def connections(state: RunState, settings: Settings) -> Connections:
    """The connections of a run; makes no call yet."""
    rate = settings.profile.creates_per_second
    generator = ResponsesApi(
        base_url=settings.base_url,
        api_key=ProviderKey(settings=settings),
        project=settings.project,
        organization=settings.organization,
        creates=None if rate is None else Pace(rate, SystemClock()),
    )
    return Connections(Database(state.database), Presence(folder=state.processes), generator)


async def connect(run: Run, held: Connections, progress: Progress) -> Driver:
    """Prepare the state, and assemble what runs the folder."""
    database, tally = held.database, Tally()
    is_new = not await database.run(lambda turn: turn.db.execute("SELECT 1 FROM objects LIMIT 1").fetchone())
    folder = folder_ports(run.state, database, held.presence.name)
    if is_new:
        await _adopt(folder.bucket, run.state)
    await _expire(folder.bucket)
    await _keep_recipe(folder.bucket, run.chosen)
    ports = Ports(
        bucket=folder.bucket,
        pending=folder.pending,
        backlog=folder.backlog,
        dead=folder.dead,
        generator=held.generator,
        extractor=folder.extractor,
        clock=SystemClock(),
        memory=folder.memory,
    )
    settings = dataclasses.replace(run.settings, notify=Notify())  # no notifications: the user is watching
    core = assemble(settings, ports, create_limit_s=_CREATE_LIMIT_S, swap_tries=_SWAP_TRIES)
    again = RunsAgain(room=folder.room, recipe=run.chosen.name)
    return Driver(
        core=core,
        bucket=folder.bucket,
        backlog=folder.backlog,
        room=folder.room,
        presence=held.presence,
        intake=Intake(
            walk=run.walk,
            tally=tally,
            progress=progress,
            watch=run.watch,
            is_stopping=lambda: folder.room.is_closed,
        ),
        again=again,
        tracker=Tracker(
            core=core,
            bucket=folder.bucket,
            recipe=run.chosen.name,
            recipe_source=run.chosen.source,
            again=again,
            tally=tally,
            progress=progress,
        ),
        tally=tally,
        progress=progress,
        window=settings.max_in_flight + _SPARE,
    )


async def _adopt(bucket: FolderBucket, state: RunState) -> None:
    """Recognise the results that were made before the state was removed."""
    for keys in run_state.recorded(state):
        for key in keys:
            await bucket.head(key)


async def _expire(bucket: FolderBucket) -> None:
    """Remove what the clouds' lifecycle rules remove: notes on generations and runs that ended long ago."""
    sql = "SELECT key FROM objects WHERE key >= ? AND key < ? AND last_modified_us < ? LIMIT ?"
    before_us = now_us() - _KEPT_DAYS * 86_400_000_000
    for folder in (RESPONSES, SUPERSEDED, WORK):
        values = (folder, f"{folder[:-1]}0", before_us, _MAX_EXPIRED)  # "0" is the character after the slash
        keys = await bucket.database.run(lambda turn, values=values: turn.db.execute(sql, values).fetchall())  # type: ignore[misc]
        for (key,) in keys:
            await bucket.delete(key)


async def _keep_recipe(bucket: FolderBucket, chosen: Chosen) -> None:
    """Put the recipe where the engine looks for it; if two runs do, the later one wins."""
    key = f"{RECIPES}{chosen.name}.md"
    for _ in range(_SWAP_TRIES):
        there = await bucket.get(key)
        if (there.body if there else None) == chosen.source:
            return
        with contextlib.suppress(ConflictError):
            if chosen.source is None:
                await bucket.delete(key)
            else:
                match = there.etag if there else ABSENT
                await bucket.put(key, chosen.source, match=match, content_type="text/markdown; charset=utf-8")
