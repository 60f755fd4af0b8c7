"""What the operator sees."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [str(Path(sys.executable).with_name("backburner"))]
PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}


def environment(**more):
    """This process's own, without a provider or a cloud in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI_", "BACK"))}
    return inherited | PLAIN | more


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
    """No process of the local cloud outlives the command, and no folder of its own."""
    with subprocess.Popen(
        [*COMMAND, "up", "--cloud", cloud],
        env=environment(TMPDIR=str(tmp_path), BACKBURNER_DAILY_TOKENS="123456", BACKBURNER_DAYLY_COST="5"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        said = []
        for line in command.stdout:
            said.append(line.strip())
            if "Ctrl-C" in line:
                break
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
    assert command.returncode == 130
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
