"""`put` of many files: trees, samples, what is skipped, and what is left to do after an interruption."""

import json
import os
from pathlib import Path

import pytest

from backburner_cli.operator.files import PutError, documents_in, keys_of, sample
from backburner_cli.operator.outcomes import summed
from support.command_deployment import DONE, FAILED, OPEN
from support.system import BUCKET, System


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a tree of documents, some of them hidden."""
    for name in ("in/a.txt", "in/deep/b.txt", "in/deep/deeper/c.md", "in/.hidden", "in/.git/d.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def empty(empty):
    """A deployment with the recipe that these tests name."""
    empty.s3.put_object(Bucket=BUCKET, Key="recipes/s.md", Body=b"Do it.")
    return empty


def uploaded(shown) -> dict[str, str]:
    """What a command reported in JSON about each document."""
    return {one["key"]: one["upload"] for one in json.loads(shown.stdout)["documents"]}


def test_a_folder_keeps_its_tree(tree: Path) -> None:
    """Hidden files are not uploaded; for a folder elsewhere, keys are relative to it."""
    files, folders = documents_in(["in"])
    keys = ["inbox/s/in/a.txt", "inbox/s/in/deep/b.txt", "inbox/s/in/deep/deeper/c.md"]
    assert list(keys_of(files, "s", tree, folders)) == keys
    files, folders = documents_in([str(tree / "in")])
    elsewhere = [key.replace("/in/", "/") for key in keys]
    assert list(keys_of(files, "s", Path("/somewhere"), folders)) == elsewhere
    deep, folders = documents_in([str(tree / "in/deep")])
    assert list(keys_of([path for path in deep if path.name == "c.md"], "s", Path("/x"), folders)) == [
        "inbox/s/deeper/c.md"
    ]


@pytest.mark.usefixtures("tree")
def test_patterns_are_expanded_and_missing_files_named() -> None:
    """A pattern that the shell left alone is understood."""
    assert [path.name for path in documents_in(["in/**/*.txt"])[0]] == ["a.txt", "b.txt"]
    for named, said in ((["no.txt"], "no such file"), (["*.pdf"], "nothing matches"), (["in/.git"], None)):
        if said:
            with pytest.raises(PutError, match=said):
                documents_in(named)
        else:
            assert [path.name for path in documents_in(named)[0]] == ["d.txt"]


def test_a_sample_is_the_same_each_time_and_grows() -> None:
    """A larger sample contains the smaller one; the order of the files does not matter."""
    documents = {f"inbox/{number}.txt": Path(f"{number}.txt") for number in range(100)}
    turned = dict(reversed(documents.items()))
    assert sample(documents, 10) == sample(turned, 10)
    assert sample(documents, 10).items() < sample(documents, 20).items()
    assert len(sample(documents, None)) == 100


@pytest.mark.usefixtures("tree")
def test_what_is_uploaded_is_not_uploaded_again(empty) -> None:
    """Repeating the command does what is left: here a file that has changed since."""
    first = empty.call("put", "in", "--recipe", "s")
    assert first.exit_code == 0, first.stderr
    assert set(uploaded(first).values()) == {"uploaded"}
    body = empty.s3.get_object(Bucket=BUCKET, Key="inbox/s/in/deep/b.txt")["Body"].read()
    assert body == b"in/deep/b.txt"
    Path("in/a.txt").write_text("changed")
    rehearsal = empty.call("put", "in", "--recipe", "s", "--dry-run")
    assert uploaded(rehearsal)["inbox/s/in/a.txt"] == "would be uploaded"
    again = empty.call("put", "in", "--recipe", "s")
    assert uploaded(again) == {
        "inbox/s/in/a.txt": "uploaded",
        "inbox/s/in/deep/b.txt": "skipped: under way",
        "inbox/s/in/deep/deeper/c.md": "skipped: under way",
    }


def test_what_is_done_or_open_is_skipped_and_what_failed_is_not(cloud, tmp_path, monkeypatch) -> None:
    """Records decide, not age; --again uploads anyway; the bucket alone shows what is done."""
    monkeypatch.chdir(tmp_path)
    for key, text in ((DONE, "done"), (FAILED, "failed"), (OPEN, "open")):
        path = tmp_path / key.removeprefix("inbox/")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    shown = cloud.call("put", "done.txt", "open.txt")
    assert uploaded(shown) == {DONE: "skipped: done", OPEN: "skipped: under way"}
    monkeypatch.chdir(tmp_path / "nosuch")
    cloud.s3.put_object(Bucket=BUCKET, Key="recipes/nosuch.md", Body=b"There is one by now.")
    shown = cloud.call("put", "failed.txt", "--recipe", "nosuch")
    assert uploaded(shown) == {FAILED: "uploaded"}
    monkeypatch.chdir(tmp_path)
    assert uploaded(cloud.call("put", "done.txt", "--again")) == {DONE: "uploaded"}
    assert uploaded(cloud.call("put", "done.txt", BACKBURNER_MODEL="")) == {DONE: "skipped: done"}


@pytest.mark.usefixtures("tree")
def test_a_recipe_that_does_not_exist_is_refused_before_anything_is_uploaded(empty) -> None:
    """Each document would fail as unknown_recipe; any Unicode form of a name is found."""
    empty.s3.put_object(Bucket=BUCKET, Key="recipes/caf\u00e9.md", Body=b"Do it.")
    for more in ([], ["--dry-run"]):
        shown = empty.call("put", "in", "--recipe", "nope", *more)
        assert (shown.exit_code, "recipes/nope.md; backburner recipes list" in shown.stderr) == (1, True), shown.output
    assert empty.keys("inbox/") == []
    for recipe in ("cafe\u0301", "default"):
        assert empty.call("put", "in", "--recipe", recipe, "--dry-run").exit_code == 0


@pytest.mark.usefixtures("tree")
def test_a_name_that_cannot_be_a_key_does_not_stop_the_others(empty) -> None:
    """Both put and plan name it with its remedy, and the exit code is 1."""
    odd = Path(os.fsdecode(b"in/gr\xfcn.txt"))
    odd.write_text("odd")
    why = {"in/gr\\xfcn.txt": "its name is not UTF-8, so it cannot be a key: rename it"}
    planned = empty.call("plan", "in", "--recipe", "s")
    assert (planned.exit_code, json.loads(planned.stdout)["documents"]) == (1, 3), planned.output
    assert [*json.loads(planned.stdout)["not_uploaded"].values()] == [*why.values()]
    shown = empty.call("put", "in", "--recipe", "s")
    assert (shown.exit_code, len(empty.keys("inbox/"))) == (1, 3), shown.output
    assert set(uploaded(shown).values()) == {"uploaded"}
    assert [*json.loads(shown.stdout)["errors"].values()] == [*why.values()]
    assert "not uploaded, since its name cannot be a key: 1 file; rename it" in shown.stderr


def test_waiting_also_shows_what_became_of_skipped_documents(cloud, tmp_path, monkeypatch) -> None:
    """A second `put --wait` of a done document shows the existing result."""
    monkeypatch.chdir(tmp_path)
    Path("done.txt").write_text("done")
    shown = cloud.call("put", "done.txt", "--wait")
    (told,) = json.loads(shown.stdout)["documents"]
    assert (shown.exit_code, told["state"], told["result_key"]) == (0, "done", "results/done.txt.md")
    text = cloud.call("put", "done.txt", "--wait", "--text")
    assert "result       results/done.txt.md" in text.stdout


def test_waiting_for_a_batch_with_failed_lines_ends_with_1_and_names_them(empty, tmp_path, monkeypatch) -> None:
    """Their number and the file that lists them are shown: such a batch is still done."""
    batch = '{"custom_id": "good", "input": "One line."}\n{"custom_id": "bad"}\n'
    system = System()
    system.process("inbox/orders.jsonl", batch)
    empty.settle_in(system, old=("inbox/", "results/", "failed/"))
    monkeypatch.chdir(tmp_path)
    Path("orders.jsonl").write_text(batch)
    shown = empty.call("put", "orders.jsonl", "--wait", "--text")
    assert shown.exit_code == 1, shown.output
    assert "1 of 2: failed/orders.jsonl.errors.jsonl" in " ".join(shown.stdout.split())
    (told,) = json.loads(empty.call("put", "orders.jsonl", "--wait").stdout)["documents"]
    assert (told["state"], told["failed"]) == ("done", True)


def test_waiting_ends_with_counts_tokens_and_cost(cloud, tmp_path, monkeypatch) -> None:
    """They are for this upload only: in its JSON, and in the last line of text."""
    monkeypatch.chdir(tmp_path)
    Path("done.txt").write_text("done")
    shown = json.loads(cloud.call("put", "done.txt", "--wait").stdout)
    tokens, cost = shown["documents"][0]["tokens"], shown["documents"][0]["cost"]
    assert tokens > 0
    assert shown["ended"] == {
        "documents": 1, "done": 1, "failed": 0, "replaced": 0, "tokens": tokens, "cost": cost,
    }  # fmt: skip
    last = cloud.call("put", "done.txt", "--wait", "--text").stdout.splitlines()[-1]
    assert last.startswith(f"all 1 ended: 1 done, 0 failed; {tokens} tokens")


def test_waits_are_summed_up() -> None:
    """Failed and superseded runs count too; a run without a price adds nothing."""
    outcomes = {
        "a": {"state": "done", "failed": False, "tokens": 10, "cost": 0.5},
        "b": {"state": "failed", "failed": True, "tokens": 3, "cost": None},
        "c": {"state": "replaced", "failed": False},
    }
    assert summed(outcomes) == {
        "documents": 3, "done": 1, "failed": 1, "replaced": 1, "tokens": 13, "cost": 0.5,
    }  # fmt: skip
    assert summed({"b": outcomes["b"]})["cost"] is None


def test_a_file_that_cannot_be_read_does_not_stop_the_others(empty, tmp_path, monkeypatch) -> None:
    """It is named, and the exit code is 1."""
    monkeypatch.chdir(tmp_path)
    Path("good.txt").write_text("good")
    Path("gone.txt").symlink_to("nowhere")
    Path("folder").mkdir()
    Path("folder/gone.txt").symlink_to("nowhere")
    Path("folder/good.txt").write_text("good")
    shown = empty.call("put", "folder", "--recipe", "s")
    assert shown.exit_code == 1
    assert uploaded(shown) == {"inbox/s/folder/gone.txt": "not uploaded", "inbox/s/folder/good.txt": "uploaded"}
    assert "it skips the others" in shown.stderr
    assert "Traceback" not in shown.stderr
