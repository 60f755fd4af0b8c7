"""A folder of `backburner run` as a deployment: the operator's commands work on it, with or without a running run."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from backburner_cli.operator.deployment import Asked, find
from backburner_cli.operator.folder_states import known
from backburner_cli.operator.profiles import Kind, Target
from console.serving import served
from folder.running import Runs, call, text_of

ENDLESS = {"BACKBURNER_MODEL": "stand-in/never-ends"}


def printed(runs: Runs, *arguments: str, **given: str) -> Any:
    """What a command about the folder prints into a pipe."""
    shown = call(*arguments, "--folder", str(runs.folder), **given)
    assert shown.exit_code == 0, shown.output
    return json.loads(shown.stdout)


@pytest.fixture
def ended(runs: Runs) -> Runs:
    """A folder whose run has ended, with one document done and one failed."""
    runs.write("a/good.txt")
    runs.write("bad.bin", bytes(range(256)) * 20)
    assert runs.run()[0] == 1
    return runs


def test_every_reading_command_works_on_a_folder(ended: Runs, tmp_path: Path) -> None:
    """They work without a running run and use the engine's keys."""
    good, bad = "inbox/default/a/good.txt", "inbox/default/bad.bin"
    jobs = printed(ended, "jobs", "--sort", "key")
    assert {job["key"]: job["state"] for job in jobs["listed"]} == {good: "done", bad: "failed"}
    story = printed(ended, "show", good)
    assert story["timeline"][-1]["what"].endswith("results/default/a/good.txt.md")
    (reason,) = printed(ended, "failed")["reasons"]
    assert (reason["reason"], reason["documents"][0]["key"]) == ("unsupported_type", bad)
    status = printed(ended, "status")
    assert (status["documents"], status["documents_done"], status["documents_failed"]) == (2, 1, 1)
    audit = printed(ended, "audit")
    assert audit["balances"], audit
    assert printed(ended, "dead-letters") == []
    assert printed(ended, "results", "--to", str(tmp_path / "copy"))["written"] == ["results/default/a/good.txt.md"]
    text = (ended.out / "a/good.txt.md").read_text()
    assert (tmp_path / "copy/default/a/good.txt.md").read_text() == text
    home = {"XDG_CONFIG_HOME": str(tmp_path / "config")}  # kept as a profile, it needs no name
    assert call("use", "here", "--folder", str(ended.folder), **home).exit_code == 0
    assert json.loads(call("jobs", **home).stdout)["jobs"] == 2
    for command in (["put", str(tmp_path)], ["doctor"]):
        shown = call(*command, **home)
        assert (shown.exit_code, "backburner run" in shown.stderr) == (1, True), shown.output


def test_the_console_shows_a_folder_and_leaves_its_files_alone(ended: Runs) -> None:
    """It shows jobs, stories, sources and results; requests wait for the next run, and nothing can be uploaded."""
    good, bad = "inbox/default/a/good.txt", "inbox/default/bad.bin"
    deployment = find(Asked(target=Target(kind=Kind.FOLDER, name=str(ended.folder))), {})
    with served(deployment.environment) as console:
        assert console.ready()["states"] == {"done": 1, "failed": 1}
        rows = console.get("/api/jobs", sort="key", reverse="false")["rows"]
        assert [(row["key"], row["state"]) for row in rows] == [(good, "done"), (bad, "failed")]
        assert console.get("/api/shown", key=good)["text"] == (ended.folder / "a/good.txt").read_text()
        assert console.get("/api/shown", key=rows[0]["result_key"])["text"] == (ended.out / "a/good.txt.md").read_text()
        upload = console.http.put("/api/upload", params={"path": "new.txt"}, content=b"new")
        recipe = console.http.put("/api/recipe", json={"name": "default", "text": "Say it.", "etag": ""})
        trial = console.http.post("/api/trial", json={"name": "default", "text": "Say it.", "key": good})
        for refused in (upload, recipe, trial):
            assert (refused.status_code, "backburner run" in refused.json()["problem"]) == (400, True)
        asked = console.http.post("/api/replay", json={"keys": [good], "agreed": 1, "rerun": True})
        assert asked.status_code == 200, asked.text
        overview = console.until(lambda overview: overview["actions"][-1]["is_over"])
        assert (overview["actions"][-1]["done"], overview["actions"][-1]["problem"]) == (1, None)
    code, said = ended.run()
    assert (code, ended.record("a/good.txt")["run"]) == (1, 2), said


def test_the_command_that_failed_suggests_works_as_it_is(ended: Runs) -> None:
    """It names the folder again."""
    shown = call("failed", "--text", "--folder", str(ended.folder))
    (suggested,) = (line for line in shown.stdout.splitlines() if line.startswith("  backburner replay"))
    replayed = call(*shlex.split(suggested)[1:], "--yes", "--json")
    assert replayed.exit_code == 0, replayed.output
    assert json.loads(replayed.stdout)["documents"] == {"inbox/default/bad.bin": "replayed"}


def test_a_replay_is_carried_out_by_the_next_run(ended: Runs) -> None:
    """The command says so, and the run counts it and pays for it once."""
    good = "inbox/default/a/good.txt"
    asked = call("replay", good, "--rerun", "--text", "--folder", str(ended.folder))
    assert asked.exit_code == 0, asked.output
    assert "the next backburner run" in asked.stdout
    assert "No backburner run is at work" in asked.stderr
    assert printed(ended, "replay", good, "--rerun")["documents"] == {good: "replayed"}  # requested twice, run once
    code, said = ended.run()
    assert (code, ended.paid()) == (1, 2), said
    assert ended.record("a/good.txt")["run"] == 2
    assert "2 documents: 1 done, 1 failed" in said
    assert ended.run()[0] == 1
    assert ended.paid() == 2


def test_a_running_run_carries_out_a_replay_at_once(ended: Runs) -> None:
    """A watching run carries out a replay and counts it."""
    watching = ended.start("--stand-in", "--out", str(ended.out), "--watch")
    ended.wait_for(lambda: any(state.is_at_work for state in known(ended.folder)))
    again = printed(ended, "replay", "inbox/default/a/good.txt", "--rerun")
    assert again["carried_out_by"] == "the backburner run at work in this folder"
    ended.wait_for(lambda: ended.record("a/good.txt")["run"] == 2)
    _, said = watching.interrupt()
    assert "2 documents: 1 done, 1 failed" in said, said


def test_a_cancelled_job_ends_without_being_paid_again(runs: Runs) -> None:
    """The request comes while no run is at work, and the next run stops the generation."""
    runs.write("endless.txt")
    first = runs.start(**ENDLESS)
    runs.wait_for(
        lambda: known(runs.folder) and [job["state"] for job in printed(runs, "jobs")["listed"]] == ["running"]
    )
    first.kill()
    key = "inbox/default/endless.txt"
    cancelled = printed(runs, "cancel", key)
    assert "the next backburner run in this folder cancels it" in cancelled["documents"][key]
    code, said = runs.run("--stand-in", "--out", str(runs.out), **ENDLESS)
    assert code == 1, said
    assert runs.error("endless.txt")["reason"] == "cancelled"
    assert runs.paid(text_of("endless.txt")) == 1


def test_a_missing_folder_says_what_to_do(tmp_path: Path) -> None:
    """A missing folder and one without a run get a hint; a folder with several runs lists how to name each."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for named, remedy in ((tmp_path / "gone", "name one"), (folder, f"backburner run {folder} starts one")):
        shown = call("jobs", "--folder", str(named))
        assert (shown.exit_code, remedy in " ".join(shown.stderr.split())) == (1, True), shown.output
    settings = {"BACKBURNER_PROVIDER": "openai", "BACKBURNER_MODEL": "m", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    for name in ("a", "b"):
        (folder / ".backburner" / name / "processes").mkdir(parents=True)
        (folder / ".backburner" / name / "staged").mkdir()
        (folder / name).mkdir()
        about = {"recipe": name, "out": name, "provider": "stand-in", "settings": settings}
        (folder / ".backburner" / name / "about.json").write_text(json.dumps(about))
    shown = call("jobs", "--folder", str(folder))
    assert shown.exit_code == 1
    for state in known(folder):
        assert f"--folder {state.state}" in " ".join(shown.stderr.split())
        assert json.loads(call("jobs", "--folder", str(state.state)).stdout)["jobs"] == 0
