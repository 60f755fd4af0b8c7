"""The command `backburner run` as users start it: files, exit codes, output."""

import hashlib
import json
import os
import sqlite3
import subprocess
import sys
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

BACKBURNER = str(Path(sys.executable).with_name("backburner"))
LIMIT_S = 150
OLD_S = 3600


@dataclass
class Runs:
    """A folder, and processes that run it."""

    folder: Path
    out: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the folder."""
        self.folder.mkdir()

    def write(self, name: str, text: str | bytes | None = None) -> Path:
        """A document; an hour old, as far as its times tell."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text_of(name) if text is None else text
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        now = time.time()
        os.utime(path, (now - OLD_S, now - OLD_S))
        return path

    def start(self, *arguments: str, **more: str) -> "subprocess.Popen[str]":
        """Begin a run; `--stand-in` and `--out` are given unless others are named."""
        given = list(arguments) or ["--stand-in", "--out", str(self.out)]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "BACK"))}
        process = subprocess.Popen(
            [BACKBURNER, "run", str(self.folder), *given],
            env=inherited | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"} | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, **more: str) -> tuple[int, str]:
        """A run to its end: exit code and output."""
        process = self.start(*arguments, **more)
        said, _ = process.communicate(timeout=LIMIT_S)
        assert "Traceback" not in said, said
        return process.returncode, said

    def wait_for(self, happened: Callable[[], Any]) -> None:
        """Wait until something has happened, while processes run."""
        until = time.monotonic() + LIMIT_S
        while not happened():
            assert time.monotonic() < until, "it never happened"
            time.sleep(0.05)

    def end(self) -> None:
        """Kill what still runs."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            if process.stdout:
                process.stdout.close()
            process.wait()

    def paid(self, text: str | None = None) -> int:
        """How many generations were started, of one text or in all: the stand-in's own list."""
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
        """What stands where the results go."""
        return sorted(path.relative_to(self.out).as_posix() for path in self.out.rglob("*") if path.is_file())


def text_of(name: str) -> str:
    """A text like no other document's."""
    return f"The harbour keeps a book about {name}. It has 4200 lines. The council reads it on 2031-05-17."


def call(*arguments: str, **given: str) -> Result:
    """The command, in this process."""
    removed = {name: None for name in os.environ if name.startswith(("AWS_", "OPENAI_", "BACK"))}
    return CliRunner().invoke(app, [*arguments], env=removed | commands.environment(given), prog_name="backburner")
