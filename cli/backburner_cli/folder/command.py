"""The command `run`: checks everything it needs, runs the folder, and prints a summary."""

import asyncio
import contextlib
import importlib
import signal
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from backburner.errors import BackburnerError
from backburner.ledger.keys import INBOX
from backburner_cli.console.beside import console_beside
from backburner_cli.errors import CommandError
from backburner_cli.folder import json_lines, provider, run_state
from backburner_cli.folder.connect import Run, connect, connections
from backburner_cli.folder.driver import Driver
from backburner_cli.folder.json_lines import Embedding, End, JsonLines, Outcome
from backburner_cli.folder.log import logging_to
from backburner_cli.folder.progress import Progress, progress_on, summary
from backburner_cli.folder.recipes import Chosen, choose
from backburner_cli.folder.scan import Walk
from backburner_cli.folder.tally import Tally
from backburner_cli.local.settings import unread
from backburner_cli.operator.deployment import Asked, find
from backburner_cli.operator.profiles import Kind, Target
from backburner_cli.operator.run_outputs import outputs
from backburner_cli.system_errors import remedy_of
from backburner_cli.terminal import err

_GO_ON: Final = "nothing is lost: run the same command to continue"
_INTERRUPTED: Final = "interrupted"


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
    run: Run
    environment: Mapping[str, str]
    told: Embedding | None


def run(out: Console, environment: Mapping[str, str], wanted: Wanted, told: Embedding | None = None) -> int:
    """Run a folder and return the exit code: progress on stderr, the summary on `out`; with JSON, lines on stdout.

    If `told` is given, progress and outcome go there instead of being printed.

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
        what = Run(state=opened, chosen=chosen, walk=walk, settings=found.settings, watch=wanted.watch)
        plan = _Plan(wanted=wanted, run=what, environment=environment, told=told)
        try:
            return asyncio.run(_run(out, plan))
        except BackburnerError as error:
            raise CommandError(f"{error}; {_GO_ON}") from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise CommandError(f"{error}: {remedy_of(error)}; {_GO_ON}") from error


def _import_sdk() -> None:
    """Import the slow SDK before any job is claimed: if we died while importing it, each would lose an attempt."""
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
    held = connections(plan.run.state, plan.run.settings)
    held.presence.enter()
    progress = plan.told or _progress(plan.wanted)
    try:
        with logging_to(plan.run.state.log):
            driver = await connect(plan.run, held, progress)
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
    named = Target(kind=Kind.FOLDER, name=str(plan.run.state.state))
    return console_beside(find(Asked(target=named), plan.environment), progress.note)


def _beginning(plan: _Plan) -> str:
    wanted, opened, settings = plan.wanted, plan.run.state, plan.run.settings
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
    """Report how the run ended, and return the exit code."""
    is_rest = plan.wanted.watch and driver.is_at_rest and driver.stopped_because == _INTERRUPTED
    if driver.is_complete or is_rest:
        outcome, why = (Outcome.SOME_FAILED if driver.tally.failures else Outcome.ALL_DONE), None
    else:
        outcome, why = Outcome.STOPPED_EARLY, driver.stopped_because or "not everything ended"
    opened = plan.run.state
    ended = End(outcome=outcome, why=why, folder=opened.folder, results=opened.out)
    return _tell_end(out, plan.told, driver.tally, ended, as_json=plan.wanted.as_json)


def _tell_end(out: Console, told: Embedding | None, tally: Tally, ended: End, *, as_json: bool) -> int:
    """Report how the run ended to the person or the embedding command, and return the exit code."""
    if told is not None:
        told.ended(ended)
    elif as_json:
        json_lines.print_end(tally, ended)
    elif not tally.found and ended.why is None:
        read = "docs/formats.md lists what is read; hidden files are left out"
        out.print(f"No documents in {ended.folder}: nothing to do. {read}.", markup=False)
    else:
        for line in summary(tally, ended.results):
            out.print(line, markup=False)
        if ended.why is not None:
            out.print(f"Stopped early ({ended.why}). Nothing is lost: run the same command to continue.", markup=False)
    return ended.outcome.exit_code
