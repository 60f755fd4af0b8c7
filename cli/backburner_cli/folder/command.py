"""The command `run`: checks everything it needs, runs the folder, and prints a summary."""

import asyncio
import contextlib
import dataclasses
import importlib
import signal
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from backburner.adapters.clock import SystemClock
from backburner.adapters.extraction import ChildExtractor
from backburner.adapters.folder.bucket import FolderBucket
from backburner.adapters.folder.database import Database
from backburner.adapters.folder.documents import Documents
from backburner.adapters.folder.files import now_us
from backburner.adapters.folder.objects import Objects
from backburner.adapters.folder.presence import Presence
from backburner.adapters.folder.queues import DEAD, FolderQueue, Room
from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import ProviderKey
from backburner.capacity.timing import Pace
from backburner.errors import BackburnerError
from backburner.ledger.keys import INBOX, RECIPES, RESPONSES, SUPERSEDED, WORK
from backburner.memory.budget import MemoryBudget
from backburner.ports import ABSENT, ConflictError
from backburner.settings import Notify, Settings
from backburner.wiring.core import assemble
from backburner.wiring.foundation import Ports
from backburner_cli.console.beside import console_beside
from backburner_cli.errors import CommandError
from backburner_cli.folder import json_lines, provider, run_state
from backburner_cli.folder.again import RunsAgain
from backburner_cli.folder.driver import Driver
from backburner_cli.folder.intake import Intake
from backburner_cli.folder.json_lines import Embedding, End, JsonLines, Outcome
from backburner_cli.folder.log import logging_to
from backburner_cli.folder.progress import Progress, progress_on, summary
from backburner_cli.folder.recipes import Chosen, choose
from backburner_cli.folder.scan import Walk
from backburner_cli.folder.tally import Tally
from backburner_cli.local.settings import unread
from backburner_cli.operator import folder_states
from backburner_cli.operator.deployment import Asked, find
from backburner_cli.operator.folder_states import RunState
from backburner_cli.operator.profiles import Kind, Target
from backburner_cli.operator.run_outputs import outputs
from backburner_cli.system_errors import remedy_of
from backburner_cli.terminal import err

_GO_ON: Final = "nothing is lost: run the same command to continue"
_INTERRUPTED: Final = "interrupted"
_CREATE_LIMIT_S: Final = 60.0
_SWAP_TRIES: Final = 12
_SPARE: Final = 64
"""How many documents may be under way beyond the number of generations."""
_KEPT_DAYS, _MAX_EXPIRED = 90, 10_000


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The command's arguments."""

    folder: Path
    recipe: str
    out: Path | None
    stand_in: bool
    watch: bool
    has_console: bool = False
    as_json: bool = False


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The checked arguments: what will run, and where."""

    wanted: Wanted
    chosen: Chosen
    walk: Walk
    space: RunState
    settings: Settings
    environment: Mapping[str, str]
    told: Embedding | None


@dataclass(frozen=True)
class _Held:
    """What is open while a folder runs."""

    database: Database
    presence: Presence
    generator: ResponsesApi


def run(out: Console, environment: Mapping[str, str], wanted: Wanted, told: Embedding | None = None) -> int:
    """Run a folder and return the exit code: progress on stderr, the summary on `out`; with JSON, lines on stdout.

    With `told`, that gets progress and outcome, and nothing of them is printed.

    Raises `CommandError` with the remedy if nothing could be started.
    """
    folder, results = run_state.located(wanted.folder, wanted.out)
    if wanted.out is None:
        run_state.refuse_to_hide(folder, results)
    chosen = choose(wanted.recipe)
    walk = Walk(folder=folder, prefix=f"{INBOX}{chosen.name}/", is_output=outputs(folder, results))
    if not wanted.watch and next(iter(walk), None) is None:
        ended = End(outcome=Outcome.ALL_DONE, folder=folder, results=results)
        return _tell_end(out, told, Tally(is_whole=True), ended, as_json=wanted.as_json)
    for warning in unread(environment):
        err.print(warning, markup=False, style="yellow")
    with _provider(environment, wanted, chosen, folder) as found:
        opened = run_state.opened(folder, results, chosen.name, found.name, found.settings)
        plan = _Plan(
            wanted=wanted,
            chosen=chosen,
            walk=walk,
            space=opened,
            settings=found.settings,
            environment=environment,
            told=told,
        )
        try:
            return asyncio.run(_run(out, plan))
        except BackburnerError as error:
            raise CommandError(f"{error}; {_GO_ON}") from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"{error}: {remedy_of(error)}; {_GO_ON}") from error


def _import_sdk() -> None:
    """Import the slow SDK before any job is claimed: if we died meanwhile, each would lose an attempt."""
    importlib.import_module("openai.resources.responses")


@contextlib.contextmanager
def _provider(
    environment: Mapping[str, str], wanted: Wanted, chosen: Chosen, folder: Path
) -> Iterator[provider.Provider]:
    if not wanted.stand_in:
        yield provider.real(environment, chosen.recipe.model)
        return
    kept = run_state.prepare(folder) / "stand-in.db"
    try:
        with provider.stand_in(environment, kept) as found:
            yield found
    except sqlite3.Error as error:
        raise CommandError(f"{kept} cannot be used ({error}): remove it, and make room on its disk") from error


async def _run(out: Console, plan: _Plan) -> int:
    opened = plan.space
    held = _Held(Database(opened.database), Presence(folder=opened.processes), _generator(plan.settings))
    held.presence.enter()
    progress = plan.told or _progress(plan.wanted)
    try:
        with logging_to(opened.log):
            driver = await _driver(plan, held, progress)
            _stop_on_signals(driver, progress)
            progress.note(_beginning(plan))
            await asyncio.to_thread(_import_sdk)
            with _console(plan, progress):
                try:
                    await driver.run()
                finally:
                    progress.close()
                    with contextlib.suppress(Exception):
                        await held.presence.leave(driver.bucket.objects)
                    with contextlib.suppress(Exception):
                        await held.generator.drop_connections()
    finally:
        held.database.close()
    return _conclude(out, plan, driver)


def _progress(wanted: Wanted) -> Progress:
    shown = progress_on(err, is_shared=wanted.as_json and sys.stdout.isatty())
    return JsonLines(shown) if wanted.as_json else shown


def _console(plan: _Plan, progress: Progress) -> contextlib.AbstractContextManager[None]:
    """The page of this folder, if it was asked for."""
    if not plan.wanted.has_console:
        return contextlib.nullcontext()
    named = Target(kind=Kind.FOLDER, name=str(plan.space.state))
    return console_beside(find(Asked(target=named), plan.environment), progress.note)


def _generator(settings: Settings) -> ResponsesApi:
    rate = settings.profile.creates_per_second
    return ResponsesApi(
        base_url=settings.base_url,
        api_key=ProviderKey(settings=settings),
        project=settings.project,
        organization=settings.organization,
        creates=None if rate is None else Pace(rate, SystemClock()),
    )


async def _driver(plan: _Plan, held: _Held, progress: Progress) -> Driver:
    """The composition root of a folder's run."""
    database, presence, tally = held.database, held.presence, Tally()
    chosen, opened, settings = plan.chosen, plan.space, plan.settings
    is_new = not await database.run(lambda turn: turn.db.execute("SELECT 1 FROM objects LIMIT 1").fetchone())
    staging = folder_states.staging(opened)
    objects = Objects(database=database, layout=opened.layout, staging=staging, process=presence.name)
    bucket = FolderBucket(
        database=database, objects=objects, documents=Documents(folder=opened.folder, recipe=chosen.name)
    )
    if is_new:
        await _adopt(bucket, opened)
    await _expire(bucket)
    await _keep_recipe(bucket, chosen)
    room, memory = Room(database=database, process=presence.name), MemoryBudget()
    pending, backlog, dead = (FolderQueue(room=room, name=name) for name in ("pending", "backlog", DEAD))
    ports = Ports(
        bucket=bucket,
        pending=pending,
        backlog=backlog,
        dead=dead,
        generator=held.generator,
        extractor=ChildExtractor(memory_bytes=memory.large_bytes, slots=memory.large),
        clock=SystemClock(),
        memory=memory,
    )
    settings = dataclasses.replace(settings, notify=Notify())  # no notifications: the user is watching
    core = assemble(settings, ports, create_limit_s=_CREATE_LIMIT_S, swap_tries=_SWAP_TRIES)
    return Driver(
        core=core,
        bucket=bucket,
        backlog=backlog,
        room=room,
        presence=presence,
        recipe=chosen.name,
        recipe_source=chosen.source,
        intake=Intake(
            walk=plan.walk, tally=tally, progress=progress, watch=plan.wanted.watch, is_stopping=lambda: room.is_closed
        ),
        again=RunsAgain(room=room, recipe=chosen.name),
        tally=tally,
        progress=progress,
        window=settings.max_in_flight + _SPARE,
    )


async def _adopt(bucket: FolderBucket, opened: RunState) -> None:
    """Recognise the results that were made before the state was removed."""
    for keys in run_state.recorded(opened):
        for key in keys:
            await bucket.head(key)


async def _expire(bucket: FolderBucket) -> None:
    """Remove what the clouds' lifecycle rules remove: notes on generations and runs that ended long ago."""
    sql = "SELECT key FROM objects WHERE key >= ? AND key < ? AND last_modified_us < ? LIMIT ?"
    before_us = now_us() - _KEPT_DAYS * 86_400_000_000
    for folder in (RESPONSES, SUPERSEDED, WORK):
        values = (folder, f"{folder[:-1]}0", before_us, _MAX_EXPIRED)  # "0" is the character behind the slash
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


def _beginning(plan: _Plan) -> str:
    wanted, opened, settings = plan.wanted, plan.space, plan.settings
    who = "the local stand-in, which extracts sentences" if wanted.stand_in else settings.base_url
    until = "; watching until Ctrl-C" if wanted.watch else ""
    return f"{opened.folder} -> {opened.out}, recipe {opened.recipe}, model {settings.model} at {who}{until}"


def _stop_on_signals(driver: Driver, progress: Progress) -> None:
    def stop() -> None:
        if not driver.is_stopping:
            progress.note("Stopping: finishing what was begun. Press Ctrl-C again to stop at once.")
        driver.stop(_INTERRUPTED)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)


def _conclude(out: Console, plan: _Plan, driver: Driver) -> int:
    """Tell how the run ended, and return the exit code."""
    is_rest = plan.wanted.watch and driver.is_at_rest and driver.stopped_because == _INTERRUPTED
    if driver.is_complete or is_rest:
        outcome, why = (Outcome.SOME_FAILED if driver.tally.failures else Outcome.ALL_DONE), None
    else:
        outcome, why = Outcome.STOPPED_EARLY, driver.stopped_because or "not everything ended"
    opened = plan.space
    ended = End(outcome=outcome, why=why, folder=opened.folder, results=opened.out)
    return _tell_end(out, plan.told, driver.tally, ended, as_json=plan.wanted.as_json)


def _tell_end(out: Console, told: Embedding | None, tally: Tally, ended: End, *, as_json: bool) -> int:
    """Tell whoever runs the folder how it ended, and return the exit code."""
    if told is not None:
        told.ended(ended)
    elif as_json:
        json_lines.print_end(tally, ended)
    elif not tally.found and ended.why is None:
        out.print(f"No documents in {ended.folder}: nothing to do.", markup=False)
    else:
        for line in summary(tally, ended.results):
            out.print(line, markup=False)
        if ended.why is not None:
            out.print(f"Stopped early ({ended.why}). Nothing is lost: run the same command to continue.", markup=False)
    return ended.outcome.exit_code
