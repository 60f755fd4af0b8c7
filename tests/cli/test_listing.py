"""`jobs`, `show`, `failed` and `results`: what an operator sees of many jobs, and of one."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backburner.errors import Reason
from backburner_cli.errors import CommandError
from backburner_cli.operator import results
from backburner_cli.operator.listing import since_of
from backburner_cli.operator.remedies import REMEDIES
from backburner_cli.operator.results import local_path
from support.cloud import objects
from support.command_deployment import DONE, FAILED, OPEN
from support.system import BUCKET

NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)


def listed(cloud, *arguments) -> dict[str, str]:
    """Keys and states in the order of the list."""
    shown = cloud.call("jobs", *arguments)
    assert shown.exit_code == 0, shown.stderr
    return {job["key"]: job["state"] for job in json.loads(shown.stdout)["listed"]}


def test_every_document_is_listed_once(cloud) -> None:
    """Ended ones come from the journal, others from open records; a replay appears as the open run."""
    assert listed(cloud, "--sort", "key") == {DONE: "done", FAILED: "failed", OPEN: "running"}
    assert listed(cloud, "--state", "failed", "--state", "done", "--sort", "key") == {DONE: "done", FAILED: "failed"}
    assert listed(cloud, "--reason", "unknown_recipe") == {FAILED: "failed"}
    assert listed(cloud, "--recipe", "nosuch") == {FAILED: "failed"}
    assert listed(cloud, "--match", "OPEN") == {OPEN: "running"}
    assert list(listed(cloud, "--sort", "key", "--reverse")) == [OPEN, FAILED, DONE]
    assert list(listed(cloud, "--sort", "key", "--limit", "2", "--page", "2")) == [OPEN]
    text = cloud.call("jobs", "--text", "--limit", "2").stdout
    assert "3 jobs: 1 done, 1 failed, 1 running" in text
    assert "--page 2 shows the next" in text


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2h", datetime(2031, 5, 17, 10, tzinfo=UTC)),
        ("3d", datetime(2031, 5, 14, 12, tzinfo=UTC)),
        ("2031-05-01", datetime(2031, 5, 1, tzinfo=UTC)),
    ],
)
def test_since_takes_a_duration_or_a_time(text: str, at: datetime) -> None:
    """A time without a zone is in UTC."""
    assert since_of(text, NOON) == at


def test_an_invalid_time_says_how_to_write_one() -> None:
    """The message has the remedy."""
    with pytest.raises(CommandError, match="2h, 3d"):
        since_of("yesterday", NOON)


def test_one_document_is_shown_from_its_upload_to_its_end(cloud) -> None:
    """Its key, its result's or record's key, or a job id names it; each event appears once and in order."""
    shown = cloud.call("show", DONE)
    story = json.loads(shown.stdout)
    whats = [event["what"] for event in story["timeline"]]
    assert whats[0].startswith("uploaded, 4 bytes")
    assert any("done" in what and "results/done.txt.md" in what for what in whats)
    assert [event["at"] for event in story["timeline"]] == sorted(event["at"] for event in story["timeline"])
    assert len(whats) == len(set(whats))
    job = story["records"][0]["job_id"]
    for named in ("results/done.txt.md", "results/done.txt.run.json", job, job[:12]):
        assert json.loads(cloud.call("show", named).stdout)["key"] == DONE, named
    failed = cloud.call("show", FAILED, "--text").stdout
    assert REMEDIES[Reason.UNKNOWN_RECIPE] in failed
    assert "running, attempt 1" in cloud.call("show", OPEN, "--text").stdout


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ("inbox/never.txt", "backburner jobs --match"),
        ("results/never.txt.md", "name the document by its key"),
        ("ffffff", "backburner jobs --json"),
        ("what?", "neither a key"),
    ],
)
def test_an_unknown_document_is_reported_with_how_to_find_it(empty, named: str, said: str) -> None:
    """The exit code is 1."""
    shown = empty.call("show", named)
    assert shown.exit_code == 1
    assert said in " ".join(shown.stderr.split())


def test_failures_are_grouped_with_their_remedy(cloud) -> None:
    """Each has the reason, the number, the provider's or our own words, and the command that replays them."""
    output = json.loads(cloud.call("failed").stdout)
    assert output["failed"] == 1
    (group,) = output["reasons"]
    assert (group["reason"], group["count"], group["documents"][0]["key"]) == ("unknown_recipe", 1, FAILED)
    text = cloud.call("failed", "--text").stdout
    assert "backburner replay --failed --reason unknown_recipe\n" in text
    chosen = cloud.call("failed", "--text", "--recipe", "nosuch", "--prefix", "inbox/nosuch/").stdout
    assert "--reason unknown_recipe --recipe nosuch --prefix inbox/nosuch/\n" in chosen
    assert json.loads(cloud.call("failed", "--recipe", "summary").stdout)["failed"] == 0


def test_there_is_a_remedy_for_every_reason() -> None:
    """There is none for any other."""
    assert REMEDIES.keys() == set(Reason)


def test_results_are_fetched_with_their_tree_and_only_once(cloud, tmp_path: Path) -> None:
    """Error records are fetched on request; existing files are left alone."""
    to = tmp_path / "out"
    first = json.loads(cloud.call("results", "--to", str(to), "--failed", "--records").stdout)
    assert first["written"] == [
        "failed/nosuch/failed.txt.error.json",
        "results/done.txt.md",
        "results/done.txt.run.json",
    ]
    text = cloud.s3.get_object(Bucket=BUCKET, Key="results/done.txt.md")["Body"].read()
    assert (to / "done.txt.md").read_bytes() == text
    (to / "done.txt.md").unlink()
    again = json.loads(cloud.call("results", "--to", str(to)).stdout)
    assert (again["written"], (to / "done.txt.md").read_bytes()) == (["results/done.txt.md"], text)
    assert json.loads(cloud.call("results", "--to", str(to)).stdout)["written"] == []


def test_following_waits_for_a_document_whose_event_is_still_to_come(empty, tmp_path: Path, monkeypatch) -> None:
    """It also waits for one that ended before its last upload, but not for one with another prefix."""
    monkeypatch.setattr(results, "FOLLOW_S", 0.0)
    keys = ("results/summary/a.txt.run.json", "inbox/summary/a.txt", "inbox/other/b.txt")
    for back_s, key in zip((20, 10, 10), keys, strict=True):
        empty.s3.put_object(Bucket=BUCKET, Key=key, Body=b"of an earlier upload, just uploaded, not asked for")
        objects(BUCKET)[key].last_modified -= timedelta(seconds=back_s)
    looks, once = 0, results._once

    async def ends_at_the_third_look(*arguments: Any) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            empty.s3.put_object(Bucket=BUCKET, Key="results/summary/a.txt.md", Body=b"Its result.")
            empty.s3.put_object(Bucket=BUCKET, Key="results/summary/a.txt.run.json", Body=b"of this one")
        await once(*arguments)

    monkeypatch.setattr(results, "_once", ends_at_the_third_look)
    output = json.loads(empty.call("results", "results/summary/", "--to", str(tmp_path / "out"), "--follow").stdout)
    assert output["written"] == ["results/summary/a.txt.md"]
    assert looks == 4


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("results/a/b.txt.md", "a/b.txt.md"),
        ("failed/a/b.txt.error.json", "failed/a/b.txt.error.json"),
        ("results/../../etc/passwd.md", "%2E%2E/%2E%2E/etc/passwd.md"),
        ("results//x.md", "%/x.md"),
        ("results/a\\b:c\n.md", "a%5Cb%3Ac%0A.md"),
    ],
)
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str, path: str) -> None:
    """Keys come from other people."""
    assert local_path(tmp_path, key) == tmp_path / path
