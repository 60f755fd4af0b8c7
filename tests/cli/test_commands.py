"""What the operator sees."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx2
import pytest

from backburner_cli.local.demo import SAMPLES
from backburner_cli.operator.deployment import CHECKER_FUNCTION, SUBMIT_FUNCTION
from support.commands import INSTALLED, environment, run


def test_the_demo_shows_each_document_from_upload_to_result(tmp_path):
    """It shows in document order what goes wrong, how each ends, tokens, cost, and where the whole text is."""
    shown = run("demo", limit_s=170, COLUMNS="80", TMPDIR=str(tmp_path))
    assert shown.returncode == 0, shown.stderr
    events = re.findall(r"^ *\d+\.\d s  (inbox/\S+(?: \S+\.md)?) +(.+)$", shown.stdout, re.MULTILINE)
    lease, minutes, letter, lost = (sample.key for sample in SAMPLES)
    assert events[4:] == [
        (lease, "generation started"),
        (minutes, "generation started"),
        (letter, "generation started"),
        (lost, "failed: unknown_recipe, nothing was sent"),
        (lease, "done"),
        (minutes, "provider failed (server_error), retrying"),
        (minutes, "done"),
        (letter, "answer cut off, retrying, limit doubled"),
        (letter, "done"),
    ]
    assert [key for key, _ in events[:4]] == [lease, minutes, letter, lost]
    costs = {
        key: float(cost)
        for key, cost in re.findall(r"^  (inbox/.+?\S) +(?:done|failed).* (\S+)$", shown.stdout, re.MULTILINE)
    }
    assert costs[lease] > 0
    assert costs[lost] == 0
    total = float(re.search(r"^  total.* (\S+)$", shown.stdout, re.MULTILINE)[1])
    assert total == pytest.approx(sum(costs.values()), abs=2e-6)
    assert "results/summary/bakery lease.md.run.json" in shown.stdout
    assert "never rises by more than 4 % in one year." in " ".join(shown.stdout.split())
    for never in ("127.0.0.1", str(tmp_path), "\x1b", "{", "resp_"):
        assert never not in shown.stdout, never
    assert max(map(len, shown.stdout.splitlines())) <= 86


@pytest.mark.parametrize("cloud", ["aws", "yandex"])
def test_ctrl_c_leaves_nothing_behind(tmp_path, cloud):
    """No process outlives the command, and no folder of its own. Until then it is found, and has its console."""
    state = str(tmp_path / "state")
    with subprocess.Popen(
        [INSTALLED, "up", "--cloud", cloud, "--console"],
        env=environment(
            {
                "TMPDIR": str(tmp_path),
                "XDG_STATE_HOME": state,
                "BACKBURNER_DAILY_TOKENS": "123456",
                "BACKBURNER_DAYLY_COST": "5",
            }
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        said = []
        for line in command.stdout:
            said.append(line.strip())
            if "token=" in line:
                break
        assert "token=" in said[-1], (said, command.stderr.read())
        console = said[-1].rpartition(" ")[2]
        with httpx2.Client(base_url=console.partition("/?")[0], timeout=30) as page:
            page.get(console).raise_for_status()
            shown = page.get("/api/overview").raise_for_status().json()
        found = run("status", "--json", XDG_STATE_HOME=state)
        (announced,) = Path(state).rglob("up-*.json")
        exported = json.loads(announced.read_text())["environment"]
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
    assert command.returncode == 130
    assert '"daily_tokens": 123456' in found.stdout, found.stderr
    assert shown["problem"] is None
    assert (SUBMIT_FUNCTION in exported, CHECKER_FUNCTION in exported) == (cloud == "aws",) * 2  # doctor looks for them
    assert "export BACKBURNER_DAILY_TOKENS=123456" in said
    assert "BACKBURNER_DAYLY_COST is not a setting: did you mean BACKBURNER_DAILY_COST?" in said
    assert "nothing is left behind" in errors
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert str(tmp_path) not in subprocess.run(["ps", "axwwe"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("given", ["OPENAI_BASE_URL", "OPENAI_API_KEY", "BACKBURNER_MODEL"])
def test_half_a_provider_is_refused_with_what_is_missing(given):
    """The demo never runs against the stand-in if a real provider was meant."""
    shown = run("demo", **{given: "http://127.0.0.1:9"})
    assert shown.returncode == 1
    for name in {"OPENAI_BASE_URL", "OPENAI_API_KEY", "BACKBURNER_MODEL"} - {given}:
        assert name in shown.stderr


def test_put_without_a_bucket_says_what_to_set(tmp_path):
    """The message has the remedy."""
    (tmp_path / "a.txt").write_text("text")
    shown = run("put", str(tmp_path / "a.txt"))
    assert shown.returncode == 1
    assert shown.stderr.startswith("Error: No deployment is named")
    assert "export BACKBURNER_BUCKET" in shown.stderr


@pytest.mark.parametrize("port", ["0", "99999", "-1", "x"])
def test_an_invalid_port_is_refused_without_a_traceback(port):
    """The message gives the allowed range."""
    shown = run("provider", "--port", port)
    assert shown.returncode == 2
    assert "--port" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_port_in_use_is_refused_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        shown = run("provider", "--port", str(holder.getsockname()[1]))
    assert shown.returncode == 2
    assert "choose another" in shown.stderr


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.4])
def test_ctrl_c_during_the_start_ends_it_silently(after_s):
    """Nothing has begun yet, so there is nothing to report."""
    variables = environment({"PYTHONPROFILEIMPORTTIME": "1"})  # shows when it is at the first of its imports
    with subprocess.Popen([INSTALLED, "demo"], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as demo:
        while b"backburner_cli.entry" not in demo.stderr.readline():
            assert demo.poll() is None
        demo.stderr.readline()
        with contextlib.suppress(subprocess.TimeoutExpired):
            demo.wait(after_s)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=30)
    assert demo.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in errors


def test_put_handles_a_name_that_is_not_utf8_without_a_traceback(tmp_path):
    path = tmp_path / os.fsdecode(b"gr\xfcn.txt")
    path.write_text("text")
    shown = run("put", str(path), BACKBURNER_BUCKET="b")
    assert shown.returncode == 1
    assert "its name is not UTF-8" in shown.stderr


def test_a_left_over_endpoint_is_named(tmp_path):
    """It takes precedence over the one that was just exported."""
    (tmp_path / "a.txt").write_text("text")
    cloud = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
    old, new = "http://127.0.0.1:9", "http://127.0.0.1:10"
    shown = run(
        "put", str(tmp_path / "a.txt"), BACKBURNER_BUCKET="b", AWS_ENDPOINT_URL=new, AWS_ENDPOINT_URL_S3=old, **cloud
    )
    assert shown.returncode == 1
    assert f"AWS_ENDPOINT_URL_S3 is {old}" in shown.stderr
