"""A document that took over its reader could do next to nothing, where the kernel supports confinement."""

import json
import os
import platform
import subprocess
import sys

import pytest

from backburner.extraction import confinement
from backburner.extraction.confinement import confine

ATTEMPTS = """
import ctypes, json, os, signal, socket, subprocess, sys, threading
from backburner.extraction.confinement import confine
parent, secret = int(sys.argv[1]), sys.argv[2]
closed = confine()
def tried(act):
    try:
        act()
    except (OSError, subprocess.SubprocessError) as error:
        return type(error).__name__
    return "done"
def thread():
    worker = threading.Thread(target=lambda: None)
    worker.start()
    worker.join()
print(json.dumps({
    "closed": closed,
    "socket": tried(lambda: socket.socket()),
    "unix socket": tried(lambda: socket.socket(socket.AF_UNIX)),
    "program": tried(lambda: os.execv("/bin/true", ["true"])),
    "fork": tried(os.fork),
    "signal": tried(lambda: os.kill(parent, 0)),
    "handle": tried(lambda: os.pidfd_open(parent)),
    "environment": tried(lambda: open(f"/proc/{parent}/environ", "rb").read()),
    "memory": tried(lambda: open(f"/proc/{parent}/mem", "rb")),
    "file": tried(lambda: open(secret, "rb").read()),
    "write": tried(lambda: open("/tmp/written-by-a-reader", "wb")),
    "thread": tried(thread),
    "module": tried(lambda: __import__("csv")),
}))
"""
CALLS = ("socket", "unix socket", "program", "fork", "signal", "handle")
FILES = ("environment", "memory", "file", "write")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a confined process can still do."""
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("key")
    command = [sys.executable, "-P", "-c", ATTEMPTS, str(os.getpid()), str(secret)]
    path = os.pathsep.join(sys.path)
    done = subprocess.run(command, env={"PYTHONPATH": path}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("attempt", CALLS)
def test_network_and_other_processes_are_out_of_reach(found: dict[str, str], attempt: str) -> None:
    """The kernel refuses the calls."""
    assert "seccomp" in found["closed"]
    assert found[attempt] == "PermissionError"


@pytest.mark.parametrize("attempt", FILES)
def test_only_pythons_own_files_can_be_read(found: dict[str, str], attempt: str) -> None:
    """Not even a child that runs as root can read its parent's environment."""
    if "landlock" not in found["closed"]:
        pytest.skip("this kernel has no Landlock (Linux 5.13)")
    assert found[attempt] == "PermissionError"


@pytest.mark.parametrize("attempt", ["thread", "module"])
def test_what_readers_need_works(found: dict[str, str], attempt: str) -> None:
    assert found[attempt] == "done"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_every_jump_of_the_filter_lands_in_it(machine: str) -> None:
    """Otherwise the kernel would reject the whole filter, and nothing would be blocked."""
    program = confinement._program(machine)
    for place, (_, if_true, if_false, _) in enumerate(program):
        assert place + 1 + max(if_true, if_false) < len(program) or place == len(program) - 1
    assert program[-1][3] == confinement._RET_ALLOW


def test_an_unknown_processor_gets_no_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its system calls have other numbers: a wrong filter would be worse than none."""
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert confinement._filter_calls() is False


def test_nothing_is_confined_outside_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert confine() == ()


def test_the_parent_is_hidden_from_other_processes_of_its_user() -> None:
    """Its environment contains the key; the /proc entry of a non-dumpable process belongs to root."""
    probe = (
        "import ctypes\nfrom backburner.adapters.extraction import hide_from_others\n"
        "ask = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)\n"
        "before = ask()\nhide_from_others()\nprint(before, ask())"
    )
    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-P", "-c", probe], env=environment, capture_output=True, check=True)
    assert done.stdout.split() == [b"1", b"0"]
