"""The operator's command at a terminal: a separate process on a pseudo-terminal, as when a person types."""

import os
import pty
import re
import select
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess

from support import forks
from support.commands import environment

CTRL_C = "\x03"
_LIMIT_S = 60
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_AT_A_TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"}


@dataclass
class Terminal:
    """A terminal, and the command that runs in it."""

    process: BaseProcess
    master: int
    slave: int
    shown: str = ""
    """Everything that was written to it, with its escape sequences."""
    _before: list[object] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What a person reads, without colours and cursor movements."""
        return _ESCAPE.sub("", self.shown).replace("\r", "")

    @property
    def is_as_before(self) -> bool:
        """Whether the terminal is left as it was found: with echo on and a visible cursor."""
        is_hidden = self.shown.rfind("\x1b[?25l") > self.shown.rfind("\x1b[?25h")
        return termios.tcgetattr(self.slave) == self._before and not is_hidden

    def wait_for(self, words: str) -> None:
        """Read until these words appear."""
        until = time.monotonic() + _LIMIT_S
        while words not in self.text:
            assert time.monotonic() < until, f"{words!r} never came: {self.text}"
            assert self._read() or self.process.is_alive(), f"it ended without {words!r}: {self.text}"

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Read until the command ends, and return its exit code."""
        until = time.monotonic() + _LIMIT_S
        while self.process.is_alive():
            assert time.monotonic() < until, f"it did not end: {self.text}"
            self._read()
        while self._read(0):
            pass
        self.process.join()
        assert "Traceback" not in self.text, self.text
        return self.process.exitcode if self.process.exitcode is not None else -1

    def _read(self, wait_s: float = 0.05) -> bool:
        if not select.select([self.master], [], [], wait_s)[0]:
            return False
        self.shown += os.read(self.master, 65536).decode(errors="replace")
        return True


@contextmanager
def at_a_terminal(*arguments: str, output: str | None = None, **given: str) -> Iterator[Terminal]:
    """Start the command, with its standard output to the file `output` if given; kill it if it has not ended."""
    master, slave = pty.openpty()
    variables = environment({"NO_COLOR": "", **_AT_A_TERMINAL, **given})
    process = forks.fork(_main, arguments, variables, os.ttyname(slave), output)
    shown = Terminal(process, master, slave, _before=list(termios.tcgetattr(slave)))
    try:
        yield shown
    finally:
        process.kill()
        process.join()
        os.close(master)
        os.close(slave)


def _main(arguments: tuple[str, ...], given: Mapping[str, str], terminal: str, output: str | None) -> None:
    os.setsid()
    opened = os.open(terminal, os.O_RDWR)  # the first one that a session opens is its controlling terminal
    for number in (0, 1, 2):
        os.dup2(opened, number)
    if output is not None:
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
    os.environ.clear()
    os.environ.update(given)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))
    sys.argv = ["backburner", *arguments]
    from backburner_cli.entry import main  # noqa: PLC0415 - it reads the environment as it is imported

    main()
