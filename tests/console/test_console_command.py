"""The command `console`, in a process of its own."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2

from support import commands

BACKBURNER = Path(sys.executable).with_name("backburner")


def test_it_prints_its_address_answers_there_and_ends_on_ctrl_c(cloud) -> None:
    """It is on 127.0.0.1 only; standard output has just the address, and no traceback appears at the end."""
    process = subprocess.Popen(
        [BACKBURNER, "console", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=commands.environment(cloud.environment),
    )
    assert process.stdout is not None
    said = [process.stdout.readline(), process.stdout.readline()]
    found = re.fullmatch(r"\s+(http://127\.0\.0\.1:\d+/)\?token=(\S{40,})\n", said[1])
    assert found, said
    with httpx2.Client(base_url=found[1], timeout=20) as http:
        assert http.get("/", params={"token": found[2]}).status_code == 200
        assert http.get("/api/overview").status_code == 200
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Jobs continue without the console" in errors
    assert "Traceback" not in errors


def test_a_port_in_use_is_reported(cloud) -> None:
    """The message says what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        shown = cloud.call("console", "--no-browser", "--port", str(taken.getsockname()[1]))
    assert shown.exit_code == 2
    assert "choose another" in shown.stderr
