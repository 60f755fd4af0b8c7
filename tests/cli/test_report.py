"""`report`: what became of a run, as a page to pass on to others."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

from backburner.errors import Reason
from backburner.ledger.records import State
from backburner_cli.operator.job import Job
from backburner_cli.operator.remedies import REMEDIES
from backburner_cli.operator.report import csv_of
from backburner_cli.operator.report_figures import figures
from backburner_cli.pages.render import render
from support.command_deployment import DONE, FAILED, OPEN
from support.fakes import Plan
from support.system import BUCKET, System

NOON = datetime(2031, 5, 17, 12, tzinfo=UTC)
EVIL = "inbox/<script src=//evil>alert(1)</script>\u202e\" onload='x' {{ 7*7 }}.txt"


class Tags(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        """Record tag and attributes."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data) -> None:
        """Record text."""
        self.text += data


def parsed(page: str) -> Tags:
    """A page, parsed as in a browser."""
    tags = Tags()
    tags.feed(page)
    return tags


def ended_run(key: str, state: State = State.DONE, *, lasted_s: float = 60, run: int = 1, **more) -> Job:
    """An ended run."""
    return Job(
        **{
            "key": key,
            "state": state,
            "job_id": "a" * 32,
            "run": run,
            "recipe": "summary",
            "model": "m",
            "input_tokens": 10,
            "output_tokens": 2,
            "cost": 0.5,
            "uploaded_at": NOON,
            "finished_at": NOON + timedelta(seconds=lasted_s, hours=run - 1),
        }
        | more
    )


def report_on(latest, ended, **states):
    """A report on these runs."""
    return figures(
        described="here", made_at=NOON, scope={}, states=states, latest=latest, removed=0, ended=ended
    )  # fmt: skip


def test_every_run_is_paid_for_and_every_document_is_in_one_state() -> None:
    """Sums are by recipe and model; a replay costs again and is marked; a run without a price is not free."""
    first = ended_run("inbox/a", State.FAILED, reason=Reason.LOST)
    again, other = ended_run("inbox/a", run=2), ended_run("inbox/b", recipe="other", cost=None, lasted_s=5)
    report = report_on([again, other], [first, again, other], done=2, waiting=1)
    assert (report.documents, report.balances) == (3, True)
    assert [(use.recipe, use.runs, use.done, use.failed, use.cost) for use in report.uses] == [
        ("other", 1, 1, 0, None),
        ("summary", 2, 1, 1, 1.0),
    ]
    assert (report.total.runs, report.total.input_tokens, report.total.cost) == (3, 30, 1.0)
    assert report.without_price == 1
    assert (report.again.documents, report.again.extra_runs, report.again.cost) == (1, 1, 0.5)
    assert report.again.listed[0]["ends"] == ["lost", "done"]
    assert not report_on([again], [again], waiting=1).balances


def test_durations_are_those_of_first_runs() -> None:
    """Each falls into one bucket."""
    ended = [ended_run(f"inbox/{number}", lasted_s=number) for number in range(1, 101)] + [ended_run("inbox/1", run=2)]
    latency = report_on(ended, ended, done=100).latency
    assert latency is not None
    assert (latency.runs, latency.p50_s, latency.p99_s, latency.longest_s) == (100, 51, 100, 100)
    assert [(each["within"], each["count"]) for each in latency.buckets] == [
        ("10 s", 10),
        ("30 s", 20),
        ("1 min", 30),
        ("2 min", 40),
    ]


def test_content_from_others_is_shown_as_text_only() -> None:
    """Keys, messages, recipes and models add no tag, attribute or request, and nothing is computed."""
    job = ended_run(EVIL, State.FAILED, reason=Reason.REFUSED, recipe="<img src=x>", model="<b>m</b>")
    report = report_on([job], [job, ended_run(EVIL, run=2)], failed=1)
    report.failures[0].documents[0]["message"] = "<a href=https://evil>click</a>"
    page = render("report.html", title="Report", report=report)
    tags = parsed(page)
    assert not {"script", "img", "a", "b", "iframe", "link", "object", "form"} & set(tags.tags)
    assert not [name for name, _ in tags.attributes if name in ("src", "href", "onload", "action")]
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page
    assert "\u202e" not in page
    assert EVIL.replace("\u202e", "\\u202e") in tags.text
    assert "{{ 7*7 }}" in tags.text


def test_a_cell_is_never_a_formula() -> None:
    """A cell that begins like one is text."""
    job = ended_run("inbox/a", recipe="=HYPERLINK(1)", model="@m")
    (line,) = csv.DictReader(io.StringIO(csv_of([job])))
    assert (line["key"], line["recipe"], line["model"]) == ("inbox/a", "'=HYPERLINK(1)", "'@m")


def test_a_report_covers_the_whole_deployment(cloud, tmp_path: Path) -> None:
    """It is a page, JSON, or one line for each document."""
    output = json.loads(cloud.call("report").stdout)
    assert (output["documents"], output["balances"]) == (3, True)
    assert output["states"] == {"done": 1, "failed": 1, "running": 1, "waiting": 0, "not started": 0}
    (failure,) = output["failures"]
    assert (failure["reason"], failure["documents"][0]["key"]) == ("unknown_recipe", FAILED)
    assert "nosuch" in failure["documents"][0]["message"]
    assert output["total"]["input_tokens"] > 0
    page, table = tmp_path / "report.html", tmp_path / "report.csv"
    message = cloud.call("report", "--to", str(page)).stdout
    assert "3 documents: 1 done, 1 failed, 1 running" in message
    assert REMEDIES[Reason.UNKNOWN_RECIPE] in parsed(page.read_text()).text
    cloud.call("report", "--to", str(table))
    lines = {line["key"]: line["state"] for line in csv.DictReader(io.StringIO(table.read_text()))}
    assert lines == {DONE: "done", FAILED: "failed", OPEN: "running"}


def test_a_report_is_about_what_was_chosen(cloud, tmp_path: Path) -> None:
    """Recipe, prefix and time select it; uploads without a job and lost journal lines are counted."""
    assert json.loads(cloud.call("report", "--recipe", "nosuch").stdout)["documents"] == 1
    assert json.loads(cloud.call("report", "--prefix", "inbox/d").stdout)["states"]["done"] == 1
    assert json.loads(cloud.call("report", "--since", "2200-01-01").stdout)["documents"] == 0
    cloud.s3.put_object(Bucket=BUCKET, Key="inbox/new.txt", Body=b"text")
    for key in cloud.keys("ledger/journal/"):
        cloud.s3.delete_object(Bucket=BUCKET, Key=key)
    states = json.loads(cloud.call("report").stdout)["states"]
    assert states == {"done": 1, "failed": 1, "running": 1, "waiting": 0, "not started": 1}
    refused = cloud.call("report", "--to", str(tmp_path / "report.pdf"))
    assert (refused.exit_code, ".html, .json or .csv" in refused.stderr) == (1, True)


def test_reused_answers_are_reported_as_savings() -> None:
    """Runs, tokens and money are saved; a run counts even if the provider reported no usage."""
    taken = ended_run(
        "inbox/b", input_tokens=0, output_tokens=0, cost=0.0, is_reused=True, saved_tokens=12, saved_cost=0.5
    )
    unpriced = ended_run("inbox/c", cost=None, is_reused=True)
    saved = report_on([], [ended_run("inbox/a"), taken, unpriced], done=3).saved
    assert (saved.runs, saved.tokens, saved.cost) == (2, 12, 0.5)
    page = parsed(render("report.html", title="Report", report=report_on([], [taken], done=1))).text
    assert "under another name: 1. Saved: 12 tokens, cost 0.5" in page


def test_quotes_are_counted_and_shown_on_request(empty, tmp_path: Path) -> None:
    """They appear as text with the words around them; without the request, a report contains no texts."""
    key, text = "inbox/facts/lease.txt", "It begins on 1 May. <b>The rent is\n1,250 euros</b> a month. It ends in June."
    system = System()
    schema = "schema: {type: object, additionalProperties: {type: string, x-quote: true}}"
    system.bucket.upload("recipes/facts.md", f"---\n{schema}\n---\nList the facts.")
    system.generator.plan(Plan(text=json.dumps({"rent": "The rent is 1,250 euros"})))
    system.process(key, text)
    empty.settle_in(system, old=())
    without, with_them = tmp_path / "a.html", tmp_path / "b.html"
    empty.call("report", "--to", str(without))
    empty.call("report", "--to", str(with_them), "--quotes")
    assert "found in its document: 1." in parsed(without.read_text()).text
    assert "1,250" not in without.read_text()
    page = parsed(with_them.read_text())
    assert "begins on 1 May. <b>The rent is\n1,250 euros</b> a month" in page.text
    assert (page.tags.count("mark"), page.tags.count("b")) == (1, 0)
    empty.s3.put_object(Bucket=BUCKET, Key=key, Body=b"Another one.")
    (document,) = json.loads(empty.call("report", "--quotes").stdout)["quoted"]["documents"]
    assert "replaced" in document["problem"]
    assert "1, all found in the document" in empty.call("show", key, "--text").stdout
