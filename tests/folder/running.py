"""The command `backburner run` as users start it: files, exit codes, output."""

import hashlib
import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from backburner_cli.main import app
from support import commands
from support.commands import Started, start

LIMIT_S = 150
OLD_S = 3600


@dataclass(frozen=True)
class Running:
    """One run, while it goes on and afterwards."""

    command: Started

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.command.send(signal.SIGKILL)
        self.command.end()

    def interrupt(self) -> tuple[int, str]:
        """Press Ctrl-C and wait for the end; return exit code and output."""
        self.command.send(signal.SIGINT)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and output."""
        code = self.command.end(LIMIT_S)
        said = "".join(path.read_text(errors="replace") for path in (self.command.out, self.command.errors))
        assert "Traceback" not in said, said
        assert "Unclosed" not in said, said  # what asyncio says of connections that were not closed
        return code, said

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self.command.process.is_alive()


@dataclass
class Runs:
    """A folder, and processes that run over it."""

    folder: Path
    out: Path
    started: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the folder."""
        self.folder.mkdir()

    def write(self, name: str, text: str | bytes | None = None) -> Path:
        """Write a document that looks an hour old by its times."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text_of(name) if text is None else text
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        now = time.time()
        os.utime(path, (now - OLD_S, now - OLD_S))
        return path

    def start(self, *arguments: str, **given: str) -> Running:
        """Start a run; without arguments with `--stand-in --out OUT`, and without `--json` with `--text`."""
        chosen = list(arguments) or ["--stand-in", "--out", str(self.out)]
        chosen += [] if "--json" in chosen else ["--text"]
        said = self.folder.with_name(f"said-{len(self.started)}")
        said.mkdir()
        running = Running(start(said, "run", str(self.folder), *chosen, **given))
        self.started.append(running)
        return running

    def run(self, *arguments: str, **given: str) -> tuple[int, str]:
        """Run to the end; return exit code and output."""
        return self.start(*arguments, **given).end()

    def wait_for(self, happened: Callable[[], Any]) -> None:
        """Wait for something to happen while processes run."""
        until = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < until, "it never happened"
            time.sleep(0.05)

    def end(self) -> None:
        """Kill what is still running."""
        for running in self.started:
            if not running.is_over:
                running.kill()

    def paid(self, text: str | None = None) -> int:
        """How many generations were started, in all or for one text, by the stand-in's own list."""
        with closing(sqlite3.connect(self.folder / ".backburner" / "stand-in.db")) as kept:
            started = Counter(sha for (sha,) in kept.execute("SELECT input_sha256 FROM generations"))
        return started.total() if text is None else started[hashlib.sha256(text.encode()).hexdigest()]

    def record(self, name: str) -> Any:
        """A document's run record."""
        return json.loads((self.out / f"{name}.run.json").read_text())

    def error(self, name: str) -> Any:
        """A document's error record."""
        return json.loads((self.out / f"{name}.error.json").read_text())

    def files(self) -> list[str]:
        """The files in the output folder."""
        return sorted(path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file())


def text_of(name: str) -> str:
    """A text unlike any other document's."""
    return f"The harbour keeps a book about {name}. It has 4200 lines. The council reads it on 2031-05-17."


def call(*arguments: str, **given: str) -> Result:
    """Run the command in this process."""
    removed = {name: None for name in os.environ if name.startswith(("AWS_", "OPENAI_", "BACK"))}
    return CliRunner().invoke(app, [*arguments], env=removed | commands.environment(given), prog_name="backburner")
