"""`plan`: what documents would take, and what would be refused, before anything is spent."""

import json
from pathlib import Path

import pytest

from support import scans
from support.command_deployment import DONE, Cloud
from support.system import BUCKET, System

PRICED = "---\nprice: {input: 1, output: 10}\nmax_output_tokens: 100\n---\nSummarise.\n"


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One that is sent whole, one in parts, and one that is empty."""
    monkeypatch.chdir(tmp_path)
    for name, text in (("d/small.txt", "word " * 300), ("d/large.txt", "A sentence. " * 20_000), ("d/empty.txt", "")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def planned(cloud, *arguments, **more):
    """The plan in JSON, and each document by its name."""
    shown = cloud.call("plan", *arguments, **more)
    assert shown.exit_code in (0, 1), shown.stderr
    output = json.loads(shown.stdout)
    return shown.exit_code, output, {each["name"]: each for each in output["documents_listed"]}


@pytest.mark.usefixtures("documents")
def test_a_plan_counts_tokens_parts_and_cost_and_spends_nothing(empty) -> None:
    """The upper ends would be reserved; refusals say why and set the exit code."""
    empty.s3.put_object(Bucket=BUCKET, Key="recipes/s.md", Body=PRICED.encode())
    code, output, each = planned(empty, "d", "--recipe", "s", BACKBURNER_CONTEXT_TOKENS="32768")
    small, large, nothing = (each[f"inbox/s/d/{name}.txt"] for name in ("small", "large", "empty"))
    assert (code, output["documents"], output["refused"]) == (1, 3, {"empty_document": 1})
    assert (small["parts"], small["generations"], small["output_tokens"][1]) == (0, 1, 100)
    assert 500 < small["input_tokens"][1] < 510
    assert small["cost"][1] == pytest.approx((small["input_tokens"][1] + 100 * 10) / 1e6, abs=1e-6)
    assert large["parts"] == large["generations"] == 3
    assert large["input_tokens"][1] > 80_000
    assert "upload the document again" in nothing["message"]
    assert output["cost"][0] < output["cost"][1]
    assert empty.keys("inbox/") == empty.keys("ledger/") == []


def test_pages_that_are_shown_are_counted_and_priced(empty, tmp_path, monkeypatch) -> None:
    """They take as many parts as needed if the model sees, and are a refusal if it is not known to."""
    monkeypatch.chdir(tmp_path)
    Path("scan.tiff").write_bytes(scans.fax(12))
    Path("draft.md").write_text(PRICED)
    code, output, each = planned(empty, "scan.tiff", "--recipe", "draft.md", BACKBURNER_VISION_MODELS="model-1")
    (scan,) = each.values()
    assert (code, output["pages_as_pictures"], scan["pictures"]) == (0, 12, 12)
    assert (scan["parts"], scan["generations"], output["refused"]) == (2, 2, {})
    assert 12 * 700 < scan["input_tokens"][1] < 12 * 900
    assert scan["cost"][1] == pytest.approx((scan["input_tokens"][1] + 2 * 100 * 10) / 1e6, abs=1e-6)
    learnt = json.dumps({"picture_scale": {"model-1": 0.5}})
    empty.s3.put_object(Bucket=BUCKET, Key="ledger/governor.json", Body=learnt)
    _, _, again = planned(empty, "scan.tiff", "--recipe", "draft.md", BACKBURNER_VISION_MODELS="model-1")
    assert next(iter(again.values()))["input_tokens"][1] < 0.6 * scan["input_tokens"][1]
    assert planned(empty, "scan.tiff", "--recipe", "draft.md")[1]["refused"] == {"unsupported_type": 1}
    Path("draft.md").write_text(PRICED.replace("---\n", "---\ninput: images\n", 1))
    assert planned(empty, "scan.tiff", "--recipe", "draft.md")[1]["refused"] == {"vision_unsupported": 1}


@pytest.mark.usefixtures("documents")
def test_over_budget_and_missing_recipes_are_reported_in_advance(empty) -> None:
    """So are a missing price, a misspelt recipe, and one that is not uploaded yet."""
    assert planned(empty, "d/small.txt", "--recipe", "no")[1]["refused"] == {"unknown_recipe": 1}
    Path("draft.md").write_text(PRICED)
    assert planned(empty, "d/small.txt", "--recipe", "draft.md")[1]["refused"] == {}
    poor = planned(empty, "d/small.txt", "--recipe", "draft.md", BACKBURNER_DAILY_TOKENS="50")
    assert poor[1]["refused"] == {"over_budget": 1}
    unpriced = planned(empty, "d/small.txt", BACKBURNER_DAILY_COST="1")
    assert unpriced[1]["refused"] == {"invalid_recipe": 1}


def test_answers_that_would_be_reused_cost_nothing(empty, tmp_path, monkeypatch) -> None:
    """If the recipe allows it and there is one by now; `show` says whose it was."""
    monkeypatch.chdir(tmp_path)
    system = System()
    system.bucket.upload("recipes/s.md", PRICED.replace("price", "reuse: true\nprice"))
    system.process("inbox/s/first.txt", "the same text")
    system.process("inbox/s/second.txt", "the same text")
    empty.settle_in(system, old=())
    for name, text in (("copy.txt", "the same text"), ("other.txt", "another text")):
        (tmp_path / name).write_text(text)
    _, output, each = planned(empty, "copy.txt", "other.txt", "--recipe", "s")
    assert (output["reused"], output["generations"]) == (1, 1)
    assert (each["inbox/s/copy.txt"]["reused"], each["inbox/s/copy.txt"]["cost"]) == (True, [0, 0])
    assert each["inbox/s/other.txt"]["cost"][1] > 0
    shown = empty.call("show", "inbox/s/second.txt", "--text").stdout
    assert "the answer of inbox/s/first.txt" in shown
    assert f"{system.run_record('inbox/s/first.txt')['usage']['total_tokens']} tokens" in shown


def test_time_is_that_of_the_narrowest_limit(empty, tmp_path, monkeypatch) -> None:
    """Twenty documents at two starts a minute take ten minutes; at a thousand tokens a day, days."""
    monkeypatch.chdir(tmp_path)
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("word " * 300)
    _, output, _ = planned(empty, "*.txt", BACKBURNER_SUBMITS_PER_MINUTE="2")
    assert (output["seconds_at_least"], output["limited_by"]) == (600, "starts per minute")
    _, output, _ = planned(empty, "*.txt", BACKBURNER_DAILY_TOKENS="10000")
    assert output["limited_by"] == "tokens a day"
    assert output["seconds_at_least"] % 86_400 == 0


def test_a_batch_is_planned_by_what_its_lines_show_and_by_their_bounds(empty, tmp_path, monkeypatch) -> None:
    """Lines for either API are understood."""
    monkeypatch.chdir(tmp_path)
    picture = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    lines = [
        {"url": "/v1/responses", "body": {"input": "Hello", "max_output_tokens": 20}},
        {"url": "/v1/chat/completions", "body": {"messages": "Hello", "max_tokens": 30}},
        {"url": "/v1/chat/completions", "body": {"messages": [{"content": [picture]}], "max_completion_tokens": 50}},
    ]
    written = "".join(json.dumps({"custom_id": str(n), **line}) + "\n" for n, line in enumerate(lines))
    (tmp_path / "b.jsonl").write_text(written)
    batch = planned(empty, "b.jsonl")[2]["inbox/b.jsonl"]
    assert (batch["generations"], batch["output_tokens"][1]) == (3, 100)
    assert 1600 < batch["input_tokens"][1] < 2 * 1600


def test_what_is_in_the_inbox_can_be_planned_too(cloud) -> None:
    """A key prefix selects it, and each document has the recipe of its folder."""
    _, output, each = planned(cloud, "inbox/")
    assert output["refused"] == {"unknown_recipe": 1}
    assert each[DONE]["refused"] is None
    shown = cloud.call("plan", "inbox/nothing")
    assert shown.exit_code == 1
    assert "backburner jobs" in shown.stderr


def test_usage_so_far_makes_the_range_narrower(cloud) -> None:
    """Characters per token and answer lengths are learnt from ended runs."""
    cloud.s3.put_object(
        Bucket=BUCKET, Key="ledger/governor.json", Body=json.dumps({"chars_per_token": {"model-1": 5.0}})
    )
    small = planned(cloud, DONE)[2][DONE]
    low, high = small["input_tokens"]
    assert high / low == pytest.approx(1.1 / 0.9)


@pytest.mark.usefixtures("documents")
def test_a_folder_is_planned_before_there_is_any_deployment() -> None:
    """It takes the shipped recipes and the exported model, needs no key, and makes no request."""
    nothing = Cloud(None, None, {}, {})
    openai = {"BACKBURNER_PROVIDER": "openai", "BACKBURNER_MODEL": "gpt-4.1-mini"}
    code, output, each = planned(nothing, "d", "--recipe", "summary", **openai)
    assert (code, output["documents"], output["refused"]) == (1, 3, {"empty_document": 1})
    assert each["inbox/summary/d/small.txt"]["input_tokens"][0] > 300
    assert planned(nothing, "d", "--recipe", "no-such", **openai)[1]["refused"]["unknown_recipe"] >= 2
    unknown = nothing.call("plan", "d/small.txt", "--recipe", "no-such", "--text", **openai).stdout
    assert "name one of contract-facts, default, extract, summary, translate" in unknown
    assert not any(line.startswith(("cost", "time")) for line in unknown.splitlines())
    unset = nothing.call("plan", "d").stderr
    assert "BACKBURNER_PROVIDER and BACKBURNER_MODEL are enough" in " ".join(unset.split())


@pytest.mark.usefixtures("documents")
def test_an_incomplete_provider_is_reported_before_anything_is_planned() -> None:
    """The message says what it needs besides the model, and where that is documented."""
    shown = Cloud(None, None, {}, {}).call("plan", "d", BACKBURNER_PROVIDER="yandex", BACKBURNER_MODEL="m")
    assert shown.exit_code == 1
    assert "OPENAI_PROJECT_ID" in shown.stderr
    assert "docs/providers.md" in shown.stderr
