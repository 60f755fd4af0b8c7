"""The console beside a command that keeps running: in a separate process, which ends with the command.

If the console fails, the command says so and continues.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from backburner_cli.operator.deployment import Deployment

_STOP_LIMIT_S: Final = 4


@contextmanager
def console_beside(found: Deployment, say: Callable[[str], None]) -> Iterator[None]:
    """Serve a deployment's page while the block runs; another thread calls `say` with its address once it answers."""
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "backburner_cli.console.child", found.described],
            stdin=subprocess.PIPE,  # never written to: its end tells the child that we are gone
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(found.environment),
            text=True,
            start_new_session=True,  # Ctrl-C reaches us alone, and the page stays as long as we do
        )
    except OSError as error:
        say(_missing(str(error)))
        yield
        return
    assert process.stdin is not None
    assert process.stdout is not None
    is_over = threading.Event()
    told = threading.Thread(target=_tell, args=(process.stdout, say, is_over), daemon=True)
    told.start()
    try:
        yield
    finally:
        is_over.set()
        with suppress(OSError):
            process.stdin.close()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        told.join()
        process.stdout.close()


def _tell(answers: IO[str], say: Callable[[str], None], is_over: threading.Event) -> None:
    """Wait for the child's one line."""
    line = answers.readline()
    if is_over.is_set():
        return
    try:
        told = json.loads(line)
    except ValueError:
        told = {"problem": "it ended before it answered"}
    if "url" in told:
        say(f"The console, open to everybody who has this address: {told['url']}")
    else:
        say(_missing(told["problem"]))


def _missing(why: str) -> str:
    return (
        f"The console did not start: {why}. Everything else continues; run backburner console in another terminal to "
        "learn more."
    )
