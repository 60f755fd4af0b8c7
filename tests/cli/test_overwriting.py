"""What would replace or undo something is rehearsed, confirmed, and refused if nobody can confirm it."""

import json
from pathlib import Path

import pytest

from backburner_cli.operator import results
from backburner_cli.operator.fetched import NOTES
from backburner_cli.operator.own_file import GENERATOR
from backburner_cli.operator.profiles import Kind, Profiles, Target
from support.command_deployment import DONE, LOST, Cloud
from support.system import BUCKET, System

HELD = "results/done.txt.md"


@pytest.fixture
def fetched(cloud: Cloud, tmp_path: Path) -> Path:
    """A folder with the results."""
    assert cloud.call("results", "--to", str(tmp_path / "out")).exit_code == 0
    return tmp_path / "out"


def test_results_that_were_edited_are_kept(cloud: Cloud, fetched: Path) -> None:
    """Others are fetched; each edited one is named, exit code 1; --dry-run predicts it, --yes replaces them."""
    file = fetched / "done.txt.md"
    text = file.read_text()
    file.write_text("mine")
    cloud.s3.put_object(Bucket=BUCKET, Key="results/new.txt.md", Body=b"new")
    rehearsed = cloud.call("results", "--to", str(fetched), "--dry-run")
    assert rehearsed.exit_code == 0
    output = json.loads(rehearsed.stdout)
    assert (output["dry_run"], output["written"], output["kept"]) == (True, ["results/new.txt.md"], [str(file)])
    assert not (fetched / "new.txt.md").exists()
    shown = cloud.call("results", "--to", str(fetched))
    output = json.loads(shown.stdout)
    assert (shown.exit_code, output["written"], output["kept"]) == (1, ["results/new.txt.md"], [str(file)])
    assert "--yes" in shown.stderr
    assert file.read_text() == "mine"
    assert json.loads(cloud.call("results", "--to", str(fetched), "--yes").stdout)["written"] == [HELD]
    assert file.read_text() == text


def test_a_newer_result_replaces_the_older_one_silently(cloud: Cloud, fetched: Path) -> None:
    """It was not edited; so it is if its note is lost, but the file equals the bucket's."""
    for body, loses_notes in ((b"a second answer", False), (b"a third answer", True)):
        if loses_notes:
            (fetched / NOTES).unlink()
            assert json.loads(cloud.call("results", "--to", str(fetched)).stdout)["written"] == []
        cloud.s3.put_object(Bucket=BUCKET, Key=HELD, Body=body)
        shown = cloud.call("results", "--to", str(fetched))
        assert (shown.exit_code, json.loads(shown.stdout)["written"]) == (0, [HELD])
        assert (fetched / "done.txt.md").read_bytes() == body


def test_a_truncated_note_does_not_affect_others(cloud: Cloud, fetched: Path) -> None:
    """A command died while writing a line; a foreign line does not count."""
    notes = fetched / NOTES
    notes.write_text('12\n["abc", "don')
    assert json.loads(cloud.call("results", "--to", str(fetched)).stdout)["written"] == []  # and the note is written
    cloud.s3.put_object(Bucket=BUCKET, Key=HELD, Body=b"a newer answer")
    shown = cloud.call("results", "--to", str(fetched))
    assert (shown.exit_code, json.loads(shown.stdout)["written"]) == (0, [HELD])


def test_a_yes_is_for_the_files_that_were_asked_about(
    cloud: Cloud, fetched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is edited again during the question stays; nothing is counted twice."""
    cloud.s3.put_object(Bucket=BUCKET, Key="results/other.txt.md", Body=b"other")
    cloud.call("results", "--to", str(fetched))
    first, second = fetched / "done.txt.md", fetched / "other.txt.md"
    first.write_text("mine")
    second.write_text("mine too")

    def yes(*_: object, **__: object) -> bool:
        second.write_text("edited while it was asked")
        return True

    monkeypatch.setattr(results, "is_anybody_there", lambda: True)
    monkeypatch.setattr(results.click, "confirm", yes)
    shown = cloud.call("results", "--to", str(fetched))
    output = json.loads(shown.stdout)
    assert (shown.exit_code, output["written"], output["kept"]) == (1, [HELD], [str(second)])
    assert output["unchanged"] == len(list(fetched.glob("**/*.md"))) - 2
    assert second.read_text() == "edited while it was asked"


@pytest.mark.parametrize("command", ["report", "recipes compare", "use"])
def test_a_command_that_cannot_be_rehearsed_does_not_offer_it(command: str, tmp_path: Path) -> None:
    """If nobody can be asked, the message names only --yes, which the command has."""
    page, config = tmp_path / "mine.html", str(tmp_path)
    page.write_text("mine")
    profiles = Profiles.of({"XDG_CONFIG_HOME": config})
    profiles.keep("b", Target(kind=Kind.STACK, name="one"))
    profiles.choose_none()
    arguments = {
        "report": ["--to", str(page)],
        "recipes compare": ["summary", "extract", str(page), "--stand-in", "--to", str(page)],
        "use": ["b", "--stack", "another"],
    }[command]
    shown = Cloud(None, None, {}, {}).call(*command.split(), *arguments, XDG_CONFIG_HOME=config)
    assert (shown.exit_code, "give --yes to agree" in shown.stderr) == (1, True), shown.output
    assert "dry-run" not in shown.stderr


@pytest.mark.parametrize("kind", ["html", "json", "csv"])
def test_a_report_replaces_its_own_file_only(cloud: Cloud, kind: str, tmp_path: Path) -> None:
    """A timer may write the same file every week; somebody else's file stays without --yes."""
    file = tmp_path / f"week.{kind}"
    for _ in range(2):
        assert cloud.call("report", "--to", str(file)).exit_code == 0
    for theirs in ("{}x", '{"a": 1}', "key,state\n", "<!doctype html>"):
        file.write_text(theirs)
        refused = cloud.call("report", "--to", str(file))
        assert (refused.exit_code, "--yes" in refused.stderr, file.read_text()) == (1, True, theirs)
    assert cloud.call("report", "--to", str(file), "--yes").exit_code == 0
    assert DONE in file.read_text() or kind != "csv"
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_comparison_is_refused_before_it_is_paid(cloud: Cloud, tmp_path: Path) -> None:
    """A page that is in the way is reported first, and so is a missing folder."""
    (tmp_path / "a.txt").write_text("Orla lets the bakery to Bram. The rent is 900.")
    theirs = tmp_path / "mine.html"
    theirs.write_text("<p>mine")
    compare = ("recipes", "compare", "summary", "extract", str(tmp_path / "a.txt"), "--to")
    for file, remedy in ((theirs, "--yes"), (tmp_path / "gone/page.html", "make it")):
        refused = cloud.call(*compare, str(file))
        assert (refused.exit_code, remedy in refused.stderr) == (1, True), refused.output
    assert theirs.read_text() == "<p>mine"
    assert GENERATOR in (Path(__file__).parents[2] / "cli/backburner_cli/pages/base.html").read_text()


def test_a_profile_is_not_given_another_meaning_unasked(cloud: Cloud, tmp_path: Path) -> None:
    """Saving the same one again needs no question."""
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    for _ in range(2):
        assert cloud.call("use", "prod", "--stack", "a", **home).exit_code == 0
    refused = cloud.call("use", "prod", "--stack", "b", **home)
    assert (refused.exit_code, "prod is stack a" in refused.stderr) == (1, True)
    assert json.loads(cloud.call("use", **home).stdout)["profiles"]["prod"]["name"] == "a"
    changed = cloud.call("use", "prod", "--stack", "b", "--yes", **home)
    assert json.loads(changed.stdout)["profiles"]["prod"]["name"] == "b"


def test_a_repair_is_rehearsed(cloud: Cloud) -> None:
    """It says what is wrong and changes nothing; a timer's repair needs no confirmation."""
    lost = System()
    lost.upload(LOST, "lost")
    cloud.settle_in(lost, old=LOST)
    before = cloud.keys("ledger/")
    rehearsed = cloud.call("audit", "--repair", "--dry-run")
    assert [finding["kind"] for finding in json.loads(rehearsed.stdout)["findings"]] == ["lost"]
    assert (rehearsed.exit_code, cloud.keys("ledger/")) == (1, before)
    assert cloud.call("audit", "--repair").exit_code == 0
    assert len(cloud.keys("ledger/open/")) == 2
