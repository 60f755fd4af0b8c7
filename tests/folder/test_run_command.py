"""What a user of `backburner run FOLDER` sees: files, exit codes, words."""

import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx2
import pytest

from backburner_cli.standin.extract import summarise
from folder.running import Runs, text_of
from support.commands import start

NAMES = ["a/b.txt", "with space & 'quotes'.md", "отчёт/ñandú 🐘.txt", "two\nlines.txt", "x" * 250 + ".txt"]


def test_every_document_gets_its_result_beside_its_record(runs: Runs) -> None:
    """Results are in the same tree as the documents, whatever their names; hidden files and folders are left out."""
    for name in NAMES:
        runs.write(name)
    for hidden in (".secret.txt", ".git/config.txt", "a/.hidden/c.txt"):
        runs.write(hidden)
    code, said = runs.run()
    assert code == 0, said
    for name in NAMES[:-1]:
        assert (runs.out / f"{name}.md").read_text() == summarise(text_of(name))
        record = runs.record(name)
        assert (record["state"], record["source"]["key"]) == ("done", f"inbox/default/{name}")
    assert len(runs.files()) == 2 * len(NAMES)
    assert runs.paid() == len(NAMES)
    assert f"{len(NAMES)} documents: {len(NAMES)} done, 0 failed" in said


def test_programs_get_json(runs: Runs) -> None:
    """A pipe gets it by default: a line for each document that ends, whatever its name, and one for the run."""
    runs.write("a/good.txt")
    runs.write("empty.txt", "")
    Path(os.fsdecode(os.fsencode(runs.folder) + b"/caf\xe9.txt")).write_text("Un texte.")
    said = runs.folder.with_name("said")
    said.mkdir()
    command = start(said, "run", str(runs.folder), "--stand-in", "--out", str(runs.out))
    assert command.end() == 1
    *documents, end = [json.loads(line) for line in command.out.read_text().splitlines()]
    ended = {one["document"]: one for one in documents}
    assert {one["event"] for one in documents} == {"document"}
    assert (ended["a/good.txt"]["state"], ended["a/good.txt"]["result"]) == ("done", str(runs.out / "a/good.txt.md"))
    assert ended["empty.txt"]["reason"] == "empty_document"
    assert ended["empty.txt"]["record"] == str(runs.out / "empty.txt.error.json")
    assert "not UTF-8" in ended["caf\udce9.txt"]["message"]
    assert (end["event"], end["outcome"], end["why"]) == ("end", "some_failed", None)
    assert [end[name] for name in ("documents", "done", "done_before", "failed")] == [3, 1, 0, 2]
    assert end["usage"].items() <= runs.record("a/good.txt")["usage"].items()
    assert {one["document"] for one in end["failures"]} == {"empty.txt", "caf\udce9.txt"}
    assert "done    a/good.txt" in command.errors.read_text()


def test_a_second_run_starts_nothing(runs: Runs) -> None:
    """That holds even if the first run's state is gone, since the records show what is done."""
    for name in ("a/b.txt", "c.txt"):
        runs.write(name)
    assert runs.run()[0] == 0
    before = {name: (runs.out / name).read_bytes() for name in runs.files()}
    code, said = runs.run()
    assert (code, runs.paid()) == (0, 2)
    assert "2 done (2 of them before)" in said
    for path in (runs.folder / ".backburner").glob("default-*/state.db*"):
        path.unlink()
    assert runs.run()[0] == 0
    assert runs.paid() == 2
    assert {name: (runs.out / name).read_bytes() for name in runs.files()} == before


def test_only_what_has_changed_runs_again(runs: Runs) -> None:
    """That is a changed document, a new one, and one whose outputs were removed."""
    for name in ("same.txt", "changed.txt", "removed.txt"):
        runs.write(name)
    assert runs.run()[0] == 0
    runs.write("changed.txt", "Another text. It has two sentences.")
    runs.write("new.txt")
    for suffix in ("md", "run.json"):
        (runs.out / f"removed.txt.{suffix}").unlink()
    code, said = runs.run()
    assert code == 0, said
    assert (runs.out / "changed.txt.md").read_text() == summarise("Another text. It has two sentences.")
    assert [runs.paid(text_of(name)) for name in ("same.txt", "new.txt", "removed.txt")] == [1, 1, 2]
    assert runs.paid() == 6


def test_what_cannot_be_read_fails_alone(runs: Runs) -> None:
    """It has its error record and exit code 1 in every run; once corrected it is done and the record is gone."""
    runs.write("good.txt")
    runs.write("bad.bin", bytes(range(256)) * 20)
    runs.write("empty.txt", "")
    code, said = runs.run()
    assert code == 1
    assert [runs.error(name)["reason"] for name in ("bad.bin", "empty.txt")] == ["unsupported_type", "empty_document"]
    assert "correct bad.bin and run the folder again" in runs.error("bad.bin")["replay"]
    assert "unsupported_type" in said
    assert (runs.out / "good.txt.md").exists()
    assert runs.run()[0] == 1
    runs.write("bad.bin", "Now it is text.")
    (runs.folder / "empty.txt").unlink()
    assert runs.run()[0] == 0
    assert not (runs.out / "bad.bin.error.json").exists()
    assert runs.paid() == 2


@pytest.mark.parametrize("out", ["results", "deep/er", "."])
def test_outputs_inside_the_folder_are_not_documents(runs: Runs, out: str) -> None:
    """They are not taken in this run, nor in the next with another output folder, nor beside the documents."""
    runs.write("a/b.txt")
    runs.out = runs.folder / out
    assert runs.run(*([] if out == "results" else ["--out", str(runs.out)]), "--stand-in")[0] == 0
    assert (runs.out / "a/b.txt.md").exists()
    code, said = runs.run("--stand-in", "--out", str(runs.folder / "elsewhere"))
    assert (code, runs.paid()) == (0, 2), said
    assert len(list((runs.folder / "elsewhere").rglob("*.run.json"))) == 1


def test_users_files_are_never_overwritten(runs: Runs) -> None:
    """A user's file in a result's place stays and is a document in every run; the result gets a marked name."""
    runs.write("a.txt")
    theirs = runs.write("a.txt.md", "My own notes. They are mine.")
    command = ("--stand-in", "--out", str(runs.folder), "--json")
    code, said = runs.run(*command)
    assert code == 0
    (marked,) = runs.folder.glob("a.txt~*.md")
    assert marked.read_text() == summarise(text_of("a.txt"))
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {one["document"]: one["result"] for one in lines if one["event"] == "document"} == {
        "a.txt": str(marked),
        "a.txt.md": f"{theirs}.md",
    }
    assert runs.run(*command)[0] == 0
    assert runs.paid() == 2
    runs.write("a.txt.md", "My own notes. I have changed them.")
    code, said = runs.run(*command)
    assert (code, runs.paid(theirs.read_text())) == (0, 1), said
    assert '"documents": 2' in said
    assert runs.run("--stand-in", "--out", str(runs.folder), "--recipe", "summary")[0] == 0
    assert theirs.read_text() == "My own notes. I have changed them."


def test_documents_in_a_folder_called_results_are_not_silently_left_out(runs: Runs) -> None:
    """The command asks for another output folder, with which all documents are taken."""
    runs.write("results/report.txt")
    code, said = runs.run("--stand-in")
    assert (code, "--out" in said) == (2, True), said
    assert runs.run()[0] == 0
    assert (runs.out / "results/report.txt.md").exists()


def test_a_name_that_is_not_utf8_is_reported(runs: Runs) -> None:
    """The others are done, and the exit code shows that not all are."""
    runs.write("good.txt")
    odd = os.fsencode(runs.folder) + b"/caf\xe9.txt"
    Path(os.fsdecode(odd)).write_text("Un texte.")
    code, said = runs.run()
    assert code == 1
    assert "caf\\xe9.txt" in said
    assert "not UTF-8" in said
    assert (runs.out / "good.txt.md").exists()


def test_a_deployments_notification_settings_are_ignored(runs: Runs) -> None:
    """Settings exported for a cloud send no notification here and leave none waiting."""
    runs.write("a.txt")
    code, said = runs.run(BACKBURNER_NOTIFY="documents,folders")
    assert code == 0, said
    left = [path for path in (runs.folder / ".backburner").rglob("*") if "notices" in path.as_posix()]
    assert left == []


def test_an_empty_folder_has_nothing_to_do(runs: Runs) -> None:
    """That is not a failure, needs no provider, and leaves nothing behind."""
    runs.write(".hidden")
    code, said = runs.run("--out", str(runs.out))
    assert code == 0
    assert "No documents in" in said
    assert not runs.out.exists()
    assert not (runs.folder / ".backburner").exists()


def test_a_missing_folder_is_an_error(runs: Runs) -> None:
    """It is named, with exit code 2, and so is a file in its place."""
    runs.folder.rmdir()
    code, said = runs.run()
    assert code == 2
    assert f"there is no folder {runs.folder}" in said
    runs.folder.write_text("a file")
    code, said = runs.run()
    assert code == 2
    assert "is a file" in said


def test_without_a_key_the_command_says_what_to_set(runs: Runs) -> None:
    """It does so for each provider, mentions the stand-in, and starts nothing."""
    runs.write("a.txt")
    code, said = runs.run("--out", str(runs.out))
    assert code == 2
    for word in ("OPENAI_API_KEY", "BACKBURNER_PROVIDER=openai", "OPENAI_PROJECT_ID", "azure", "vllm", "--stand-in"):
        assert word in said
    assert not runs.out.exists()
    code, said = runs.run("--out", str(runs.out), BACKBURNER_PROVIDER="openai", BACKBURNER_MODEL="m")
    assert code == 2
    listed = [line for line in said.splitlines() if line.startswith("- ")]
    assert listed == ["- OPENAI_API_KEY is not set: the provider's key. Nothing was sent anywhere"]


def test_a_provider_that_refuses_the_key_ends_the_run(runs: Runs) -> None:
    """Nothing fails and nothing is paid; with the right key the same command continues."""
    from backburner_cli.standin import StandIn, serve  # noqa: PLC0415

    runs.write("a.txt")
    with serve(StandIn()) as provider:
        given = {"BACKBURNER_PROVIDER": "openai", "BACKBURNER_MODEL": "stand-in", "OPENAI_BASE_URL": provider.base_url}
        code, said = runs.run("--out", str(runs.out), OPENAI_API_KEY="wrong", **given)
        assert code == 2
        assert "the provider refuses" in said
        assert not list(runs.out.rglob("*.json"))
        code, said = runs.run("--out", str(runs.out), OPENAI_API_KEY="right", **given)
        assert code == 0, said
        assert len(provider.stand_in.generations) == 1
    assert runs.run("--out", str(runs.out), "--stand-in")[0] == 2  # it would replace what was paid for


def test_recipes_by_name_and_by_file(runs: Runs) -> None:
    """A shipped recipe and one's own with its output work; an unknown or invalid one is reported."""
    runs.write("a.txt")
    assert runs.run("--stand-in", "--out", str(runs.out), "--recipe", "summary")[0] == 0
    assert runs.record("a.txt")["recipe"]["name"] == "summary"
    own = runs.folder.with_name("Mine.md")
    own.write_text("---\nmodel: some-real-model\noutput: txt\n---\nDo it.")
    runs.out = runs.out.with_name("other")
    assert runs.run("--stand-in", "--out", str(runs.out), "--recipe", str(own))[0] == 0
    assert runs.files() == ["a.txt.run.json", "a.txt.txt"]
    assert runs.record("a.txt")["recipe"]["name"] == "Mine"
    for recipe, word in (
        ("sumary", "contract-facts, default, extract, summary, translate"),
        ("no/such.md", "cannot be read"),
    ):
        code, said = runs.run("--stand-in", "--recipe", recipe)
        assert (code, word in said) == (2, True), said
    own.write_text("---\nnonsense: 1\n---\nDo it.")
    code, said = runs.run("--stand-in", "--recipe", str(own))
    assert (code, "nonsense" in said) == (2, True), said


def test_another_recipe_or_model_replaces_the_result(runs: Runs) -> None:
    """It does so in the same place, and the record is that of the new result."""
    runs.write("a.txt")
    own = runs.folder.with_name("own.md")
    arguments = ("--stand-in", "--out", str(runs.out), "--recipe", str(own))
    own.write_text("Do it.")
    assert runs.run(*arguments)[0] == 0
    own.write_text("Do it better.")
    assert runs.run(*arguments)[0] == 0
    assert runs.run("--stand-in", "--out", str(runs.out), "--recipe", "summary")[0] == 0
    assert runs.record("a.txt")["recipe"]["name"] == "summary"
    assert runs.files() == ["a.txt.md", "a.txt.run.json"]
    assert runs.paid() == 3


def test_a_document_in_parts_and_a_batch(runs: Runs) -> None:
    """Both work, since the whole engine runs over a folder."""
    runs.write("long.txt", " ".join(f"Sentence {number} says what no other says." for number in range(40)))
    runs.write("batch.jsonl", "".join(f'{{"custom_id": "{n}", "input": "Line {n} is here."}}\n' for n in range(5)))
    own = runs.folder.with_name("parts.md")
    own.write_text("---\nsplit: {max_input_tokens: 120, merge: concat}\n---\nDo it.")
    code, said = runs.run("--stand-in", "--out", str(runs.out), "--recipe", str(own))
    assert code == 0, said
    assert runs.record("long.txt")["parts"] is not None
    assert len((runs.out / "batch.jsonl.jsonl").read_text().splitlines()) == 5


def test_ctrl_c_stops_early_and_the_next_run_continues(runs: Runs) -> None:
    """The exit code is 2; nothing is lost, and nothing is paid twice."""
    for number in range(30):
        runs.write(f"{number}.txt")
    running = runs.start(BACKBURNER_MAX_IN_FLIGHT="4")
    runs.wait_for(lambda: list(runs.out.glob("*.run.json")))
    code, said = running.interrupt()
    assert code == 2, said
    assert "Stopped early" in said
    code, said = runs.run()
    assert code == 0, said
    assert runs.paid() == 30


def test_watching_processes_new_and_changed_documents(runs: Runs) -> None:
    """Ctrl-C ends it, and counts as no early stop if nothing was left to do."""
    runs.write("first.txt")
    running = runs.start("--stand-in", "--out", str(runs.out), "--watch")
    runs.wait_for((runs.out / "first.txt.run.json").exists)
    runs.write("later/second.txt")
    runs.wait_for((runs.out / "later/second.txt.run.json").exists)
    etag = runs.record("first.txt")["source"]["etag"]
    runs.write("first.txt", "It is another text now. Really.")
    runs.wait_for(lambda: runs.record("first.txt")["source"]["etag"] != etag)
    code, said = running.interrupt()
    assert code == 0, said
    assert "2 documents: 2 done, 0 failed" in said
    assert (runs.out / "first.txt.md").read_text() == summarise("It is another text now. Really.")
    assert runs.paid() == 3


def test_watching_serves_the_console_until_it_ends(runs: Runs) -> None:
    """Its address opens the page of this folder, and it ends with the run even if that is killed."""
    runs.write("first.txt")
    running = runs.start("--stand-in", "--out", str(runs.out), "--watch", "--console")
    runs.wait_for((runs.out / "first.txt.run.json").exists)
    runs.wait_for(lambda: "token=" in running.command.errors.read_text())
    address = re.findall(r"http://127\.0\.0\.1:\d+/\?token=\S+", running.command.errors.read_text())[0]
    origin = address.partition("/?")[0]
    with httpx2.Client(base_url=origin, timeout=30) as http:
        http.get(address).raise_for_status()
        runs.wait_for(lambda: http.get("/api/overview").json()["states"] == {"done": 1})
    running.kill()
    runs.wait_for(lambda: not answers(origin))


def test_a_log_gets_no_address_that_opens_the_console(runs: Runs) -> None:
    """Without a terminal, the console is served only if it was requested."""
    runs.write("first.txt")
    running = runs.start("--stand-in", "--out", str(runs.out), "--watch")
    runs.wait_for((runs.out / "first.txt.run.json").exists)
    assert "console" not in running.interrupt()[1]


def answers(origin: str) -> bool:
    """Whether a server answers at this address."""
    try:
        httpx2.get(origin, timeout=30)
    except httpx2.TransportError:
        return False
    return True


def test_two_runs_at_once_process_each_document_once(runs: Runs) -> None:
    """Both exit with 0, whichever did what."""
    for number in range(40):
        runs.write(f"{number}.txt")
    first, second = runs.start(), runs.start()
    for running in (first, second):
        code, said = running.end()
        assert code == 0, said
    assert runs.paid() == 40
    assert len(runs.files()) == 80


def test_repeated_kills_lose_nothing(runs: Runs) -> None:
    """With kill -9 at any point, each document is paid once, apart from what its record counts."""
    for number in range(30):
        runs.write(f"{number}.txt")
    for goal in (1, 8, 16, 24):
        running = runs.start()
        runs.wait_for(lambda goal=goal, running=running: done(runs) >= goal or running.is_over)
        running.kill()
    code, said = runs.run()
    assert code == 0, said
    for number in range(30):
        name = f"{number}.txt"
        assert (runs.out / f"{name}.md").read_text() == summarise(text_of(name))
        assert 1 <= runs.paid(text_of(name)) <= 1 + runs.record(name)["suspected_orphans"]
    assert not list(runs.out.rglob(".*"))
    assert not list((runs.folder / ".backburner").glob("*/staged/*"))
    assert not list((runs.folder / ".backburner").glob("*/bucket/ledger/open/*"))


@pytest.mark.parametrize("damaged", ["stand-in.db", "default-*/state.db"])
def test_a_damaged_state_is_reported_with_its_remedy(runs: Runs, damaged: str) -> None:
    """There is no traceback; once it is removed the run continues, and what is done is not done again."""
    runs.write("a.txt")
    assert runs.run()[0] == 0
    (path,) = (runs.folder / ".backburner").glob(damaged)
    for one in path.parent.glob(f"{path.name}*"):
        one.unlink()
    path.write_bytes(b"this is no database " * 500)
    code, said = runs.run()
    assert code == 2
    assert "remove" in said
    path.unlink()
    code, said = runs.run()
    assert (code, "1 done (in an earlier run)" in said) == (0, True), said


def test_expired_response_notes_are_removed(runs: Runs) -> None:
    """As the lifecycle rules do in a cloud, so that a state does not grow for ever."""
    runs.write("a.txt")
    assert runs.run()[0] == 0
    notes = runs.folder / ".backburner"
    assert len(list(notes.glob("*/bucket/ledger/responses/*"))) == 1
    (state,) = notes.glob("*/state.db")
    with closing(sqlite3.connect(state)) as db:
        db.execute("UPDATE objects SET last_modified_us = 0 WHERE key GLOB 'ledger/responses/*'")
        db.commit()
    assert runs.run()[0] == 0
    assert not list(notes.glob("*/bucket/ledger/responses/*"))
    assert runs.paid() == 1


def done(runs: Runs) -> int:
    """How many documents have their run record."""
    return len(list(runs.out.glob("*.run.json")))
