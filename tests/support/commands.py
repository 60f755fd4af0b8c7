"""The operator's command in its own process, forked from the server of `forks` so that it starts fast.

It is what the script `backburner` runs, from its first line on; only the libraries have been imported before.
"""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from support import forks

INSTALLED = str(Path(sys.executable).with_name("backburner"))
"""The installed script, for what only it can show."""
_PLAIN = {"NO_COLOR": "1", "PYTHONUNBUFFERED": "", "TERM": "dumb", "COLUMNS": "200"}
_NOBODY = {
    "XDG_CACHE_HOME": "/dev/null/no",
    "XDG_CONFIG_HOME": "/dev/null/no",
    "XDG_RUNTIME_DIR": "",
    "XDG_STATE_HOME": "/dev/null/no",
}
"""No profile of this user is read, no `backburner up` of theirs is found, and nothing is put into their cache."""
_UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "uv").expanduser()
)
"""The cache of whoever ran `make setup`: the first command that needs the layer installs its dependencies from it."""
_LIMIT_S = 100


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without a provider or a cloud, and with these variables."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "BACK"))}
    return {**inherited, "UV_CACHE_DIR": _UV_CACHE, **_PLAIN, **_NOBODY, **given}


@dataclass(frozen=True)
class Started:
    """A command that runs or has ended, and its output."""

    process: BaseProcess
    out: Path
    errors: Path

    def end(self, limit_s: float = _LIMIT_S) -> int:
        """Wait for its end and return the exit code, below 0 if a signal killed it."""
        self.process.join(limit_s)
        assert self.process.exitcode is not None, f"the command did not end: {self.out.read_text(errors='replace')}"
        return self.process.exitcode

    def send(self, number: signal.Signals) -> None:
        """Send it a signal if it is still running."""
        if self.process.is_alive() and self.process.pid:
            os.kill(self.process.pid, number)


def start(folder: Path, *arguments: str, **given: str) -> Started:
    """Start the command with some variables in its environment, and put its output into a folder."""
    out, errors = folder / "out", folder / "errors"
    process = forks.fork(_main, arguments, environment(given), str(out), str(errors))
    return Started(process, out, errors)


def run(*arguments: str, limit_s: float = _LIMIT_S, **given: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end with some variables in its environment."""
    with tempfile.TemporaryDirectory() as folder:
        started = start(Path(folder), *arguments, **given)
        code = started.end(limit_s)
        return subprocess.CompletedProcess(arguments, code, started.out.read_text(), started.errors.read_text())


def _main(arguments: tuple[str, ...], given: dict[str, str], out: str, errors: str) -> None:
    os.environ.clear()
    os.environ.update(given)
    for number, path in ((1, out), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    sys.argv = ["backburner", *arguments]
    from backburner_cli.entry import main  # noqa: PLC0415 - it reads the environment as it is imported

    main()
