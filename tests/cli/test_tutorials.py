"""The tutorials' commands, run unchanged, print what the pages show."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backburner_cli.standin import StandIn, Timing, serve
from support.commands import environment, start
from support.depth import thinned
from support.pages import ROOT
from support.typing_shell import on_path

LIMIT_S = 300
Block = tuple[str, list[str]]
"""Commands, and the output lines below them."""


def blocks(page: str) -> list[Block]:
    """The commands and outputs of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(sh|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    steps = list[Block]()
    for kind, body in found:
        if kind == "sh":
            steps.append((body, []))
        else:
            steps[-1][1].extend(body.splitlines())
    assert len(steps) > 1
    return steps


def typed(script: str, folder: Path, given: dict[str, str]) -> str:
    """What a reader sees: commands print text to a terminal, and JSON into a pipe."""
    master, slave = pty.openpty()
    output = b""
    with subprocess.Popen(
        ["bash", "-uc", script], cwd=folder, env=given, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave
    ) as shell:
        os.close(slave)
        until = time.monotonic() + LIMIT_S
        with contextlib.suppress(OSError):  # its writer has ended
            while select.select([master], [], [], max(0.0, until - time.monotonic()))[0]:
                if not (read := os.read(master, 65536)):
                    break
                output += read
        shell.kill()
    assert time.monotonic() < until, output.decode(errors="replace")
    os.close(master)
    return output.decode().replace("\r\n", "\n")


def follow(page: str, folder: Path, replaced: dict[str, str], **given: str) -> None:
    """Type a page's commands in one shell, and compare their output with the page."""
    steps = blocks(page)
    script = "\n".join(f"{commands}\necho 'end of block'" for commands, _ in steps)
    for written, meant in replaced.items():
        assert written in script, written
        script = script.replace(written, meant)
    with on_path() as commands:
        shown = typed(script, folder, environment({"PATH": f"{commands}:{os.environ['PATH']}", **given}))
    said = shown.split("end of block\n")
    assert len(said) == len(steps) + 1, shown
    for (commands, lines), printed in zip(steps, said, strict=False):
        assert "Traceback" not in printed, printed
        for line in lines:
            assert line in printed, (commands, line, printed)


def test_the_folder_tutorial_works(tmp_path: Path) -> None:
    """Every step does, including the provider's key: a stand-in over HTTP answers as the provider."""
    with serve(StandIn(timing=Timing(), remembers=False)) as provider:
        real = {"https://api.openai.com/v1": provider.base_url, "<key>": "sk-a-key", "<model>": "stand-in"}
        follow("tutorial-folder.md", tmp_path, real)
    texts = [path.read_text() for path in (tmp_path / "summaries-paid").glob("*.txt.md")]
    assert len(texts) == 3


@contextmanager
def up(cloud: str, state: Path) -> Iterator[None]:
    """The other terminal."""
    state.mkdir()
    running = start(state, "up", "--cloud", cloud, XDG_STATE_HOME=str(state))
    until = time.monotonic() + LIMIT_S
    try:
        while not running.out.exists() or "Ctrl-C" not in running.out.read_text(encoding="utf-8"):
            assert running.process.is_alive(), running.errors.read_text(encoding="utf-8")
            assert time.monotonic() < until, "it did not start"
            time.sleep(0.05)
        yield
    finally:
        running.send(signal.SIGINT)
        running.end(60)


@pytest.mark.parametrize("cloud", thinned(("aws", "yandex"), 2))
def test_the_clouds_tutorials_work(cloud: str, tmp_path: Path) -> None:
    """Their local steps run over the local cloud that they start."""
    state, folder = tmp_path / "state", tmp_path / "reader"
    folder.mkdir()
    with up(cloud, state):
        follow(f"tutorial-{cloud}.md", folder, {}, XDG_STATE_HOME=str(state))
    assert (folder / "report.html").exists()
