"""What the operator sees."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [str(Path(sys.executable).with_name("backburner"))]
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}
NOBODY = {"XDG_CONFIG_HOME": "/dev/null/no", "XDG_RUNTIME_DIR": "", "XDG_STATE_HOME": "/dev/null/no"}
"""No profile of this user is read, and no `backburner up` of theirs found."""


def environment(**more):
    """This process's own, without a provider or a cloud in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "BACK"))}
    return inherited | PLAIN | NOBODY | more


def run(*arguments, **more):
    """The command, run to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], env=environment(**more), capture_output=True, text=True, timeout=170, check=False
    )


def test_the_demo_shows_the_main_job_end_to_end():
    """Upload, id, polls, result, run record, and a document that fails; then nothing is left."""
    shown = run("demo")
    assert shown.returncode == 0, shown.stderr
    for stage in ("upload", "claimed", "generation", "tick", "done", "failed"):
        assert f"  {stage}" in shown.stdout, stage
    for fact in ("resp_", "results/summary/lease of the bakery.md.md", '"result_etag"', "unknown_recipe", "removed"):
        assert fact in shown.stdout, fact


@pytest.mark.parametrize("cloud", ["aws", "yandex"])
def test_ctrl_c_leaves_nothing_behind(tmp_path, cloud):
    """No process of the local cloud outlives the command, and no folder of its own. Until then commands find it."""
    state = str(tmp_path / "state")
    with subprocess.Popen(
        [*COMMAND, "up", "--cloud", cloud],
        env=environment(
            TMPDIR=str(tmp_path), XDG_STATE_HOME=state, BACKBURNER_DAILY_TOKENS="123456", BACKBURNER_DAYLY_COST="5"
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        said = []
        for line in command.stdout:
            said.append(line.strip())
            if "Ctrl-C" in line:
                break
        found = run("status", "--json", XDG_STATE_HOME=state)
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
    assert command.returncode == 130
    assert '"daily_tokens": 123456' in found.stdout, found.stderr
    assert "export BACKBURNER_DAILY_TOKENS=123456" in said
    assert "BACKBURNER_DAYLY_COST is no setting: did you mean BACKBURNER_DAILY_COST?" in said
    assert "nothing is left behind" in errors
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    assert str(tmp_path) not in subprocess.run(["ps", "axwwe"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("given", ["OPENAI_BASE_URL", "OPENAI_API_KEY", "BACKBURNER_MODEL"])
def test_half_a_provider_is_refused_with_what_is_missing(given):
    """Never a demo against the stand-in when somebody meant a real provider."""
    shown = run("demo", **{given: "http://127.0.0.1:9"})
    assert shown.returncode == 1
    for name in {"OPENAI_BASE_URL", "OPENAI_API_KEY", "BACKBURNER_MODEL"} - {given}:
        assert name in shown.stderr


def test_put_without_a_bucket_says_what_to_set(tmp_path):
    """The remedy is in the message."""
    (tmp_path / "a.txt").write_text("text")
    shown = run("put", str(tmp_path / "a.txt"))
    assert shown.returncode == 1
    assert "BACKBURNER_BUCKET is not set" in shown.stderr


@pytest.mark.parametrize("command", [[], ["demo"], ["up"], ["put"], ["provider"]])
def test_help_teaches(command):
    """Every command says what it does."""
    shown = run(*command, "--help")
    assert shown.returncode == 0
    assert "Usage" in shown.stdout


@pytest.mark.parametrize("port", ["0", "99999", "-1", "x"])
def test_a_port_that_is_none_is_refused_without_a_traceback(port):
    """With the range that is allowed."""
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
def test_ctrl_c_while_it_starts_ends_it_in_silence(after_s):
    """Nothing has been begun yet, so there is nothing to say."""
    with subprocess.Popen(
        [*COMMAND, "demo"], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        with contextlib.suppress(subprocess.TimeoutExpired):
            demo.wait(after_s)
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=30)
    assert demo.returncode in (130, -signal.SIGINT)
    assert b"Traceback" not in errors


def test_put_takes_a_name_that_is_no_utf8_without_a_traceback(tmp_path):
    path = tmp_path / os.fsdecode(b"gr\xfcn.txt")
    path.write_text("text")
    shown = run("put", str(path), BACKBURNER_BUCKET="b")
    assert shown.returncode == 1
    assert "its name is not UTF-8" in shown.stderr


def test_a_left_over_endpoint_is_named(tmp_path):
    """It wins over the one that was just exported."""
    (tmp_path / "a.txt").write_text("text")
    cloud = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1"}
    old, new = "http://127.0.0.1:9", "http://127.0.0.1:10"
    shown = run(
        "put", str(tmp_path / "a.txt"), BACKBURNER_BUCKET="b", AWS_ENDPOINT_URL=new, AWS_ENDPOINT_URL_S3=old, **cloud
    )
    assert shown.returncode == 1
    assert f"AWS_ENDPOINT_URL_S3 is {old}" in shown.stderr
