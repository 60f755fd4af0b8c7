"""The demo: documents from upload to result on a local cloud, with the real template, real handlers and real HTTP.

What it prints depends only on the documents and their order: two runs differ only in their times.
"""

from __future__ import annotations

import textwrap
import threading
import time
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from rich.markup import escape

from backburner.errors import Reason
from backburner.ledger.records import ErrorRecord, RunRecord, State
from backburner_cli.local.aws import LocalCloudError
from backburner_cli.local.aws.cloud import CHECKOUT
from backburner_cli.local.up import running
from backburner_cli.operator.uploads import Upload, Watcher, cost_of
from backburner_cli.terminal import err

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from backburner.ledger.records import OpenRecord, Response
    from backburner_cli.local.aws import LocalCloud

LIMIT_S = 300.0
POLL_S = 0.2
MAX_WIDTH = 84
TIMER = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}
NEXT = (
    ("make up", "the same cloud until Ctrl-C: upload documents of your own"),
    ("docs/providers.md", "set your provider's variables, and the demo uses it"),
    ("README.md", "deploy it to AWS or Yandex Cloud"),
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A document of the demo."""

    key: str
    file: str
    planned: str
    """What goes wrong with it on purpose, if anything."""


SAMPLES = (
    Sample(key="inbox/summary/bakery lease.md", file="bakery lease.md", planned=""),
    Sample(key="inbox/minutes/harbour.txt", file="harbour.txt", planned="the provider will fail once"),
    Sample(key="inbox/letters/storm.txt", file="storm.txt", planned="its answer will be cut off"),
    Sample(key="inbox/sumary/bakery lease.md", file="bakery lease.md", planned="there is no recipe “sumary”"),
)
RECIPES = ("summary", "minutes", "letters")
"""With the stand-in they name a price and models that misbehave; with a real provider each is the shipped `summary`."""


def show(out: Console, environment: Mapping[str, str]) -> None:
    """Run the demo. Raises `LocalCloudError` if a document has not ended in time."""
    began = time.monotonic()
    with running(out, environment, progress=lambda message: err.print(f"[dim]{message}[/]")) as (cloud, provider):
        is_stand_in = provider.stand_in is not None
        _introduce(out, provider.model, is_stand_in=is_stand_in)
        _upload_recipes(cloud, is_stand_in=is_stand_in)
        watcher = Watcher(cloud.s3(), cloud.bucket)
        ended = _Demo(out, _Checker(cloud), watcher, is_stand_in=is_stand_in).run()
        _account(out, ended, is_stand_in=is_stand_in)
        _show_result(out, watcher, ended)
    _point_onwards(out, time.monotonic() - began)


@dataclass
class _Checker:
    """Invokes the checker in a thread, so that the demo can report each document as it ends."""

    cloud: LocalCloud
    running: threading.Thread | None = None
    failure: Exception | None = None

    def tick(self) -> None:
        """Start a tick unless one is running. Raises the error of an earlier one."""
        if self.failure is not None:
            raise self.failure
        if self.running is None or not self.running.is_alive():
            self.running = threading.Thread(target=self._invoke, daemon=True)  # Ctrl-C does not wait for a tick
            self.running.start()

    def wait(self) -> None:
        """Wait until the running tick has ended."""
        if self.running is not None:
            self.running.join()

    def _invoke(self) -> None:
        try:
            self.cloud.invoke(self.cloud.checker_function, TIMER)
        except (LocalCloudError, BotoCoreError, ClientError) as error:
            self.failure = error


@dataclass
class _Demo:
    out: Console
    checker: _Checker
    watcher: Watcher
    is_stand_in: bool
    began: float = field(default_factory=time.monotonic)

    def run(self) -> list[RunRecord | ErrorRecord]:
        """Upload everything, then follow each document in turn to its end."""
        _heading(self.out, "Uploading", "Each upload starts a function, which asks for a generation and ends.")
        uploads = [self._upload(sample) for sample in SAMPLES]
        _heading(self.out, "Generating", "In the background, at the provider. Nothing of ours waits for it.")
        for upload in uploads:
            self._follow_until_started(upload)
        _heading(self.out, "Collecting", "The checker runs every minute. For the demo it runs now.")
        ended = [self._follow_to_the_end(upload) for upload in uploads]
        self.checker.wait()
        return ended

    def _upload(self, sample: Sample) -> Upload:
        body = (files("backburner_cli.samples") / sample.file).read_bytes()
        upload = self.watcher.upload(sample.key, body)
        planned = sample.planned if self.is_stand_in or sample is SAMPLES[-1] else ""
        self._say(upload, f"{len(body):,} bytes" + (f"; {planned}" if planned else ""))
        return upload

    def _follow_until_started(self, upload: Upload) -> None:
        while True:
            record = self.watcher.ended(upload)
            if isinstance(record, ErrorRecord) and not record.responses:
                unsent = ", nothing was sent" if record.reason is Reason.UNKNOWN_RECIPE else ""
                return self._say(upload, f"failed: {record.reason}{unsent}", "red")
            under_way = self._open_record(upload)
            if record is not None or (under_way and under_way.responses):
                return self._say(upload, "generation started")
            self._wait(upload, needs_a_tick=under_way is not None and under_way.state is State.WAITING)

    def _follow_to_the_end(self, upload: Upload) -> RunRecord | ErrorRecord:
        reported: set[str] = set()
        while (record := self.watcher.ended(upload)) is None:
            if under_way := self._open_record(upload):
                is_between = under_way.state is State.WAITING
                self._report_mishaps(upload, under_way.responses[: None if is_between else -1], reported)
            self._wait(upload, needs_a_tick=True)
        self._report_mishaps(upload, record.responses[:-1], reported)
        if isinstance(record, RunRecord):
            self._say(upload, "done", "green")
        elif record.responses:  # otherwise this was reported before
            self._say(upload, f"failed: {record.reason}", "red")
        return record

    def _wait(self, upload: Upload, *, needs_a_tick: bool) -> None:
        if time.monotonic() > self.began + LIMIT_S:
            raise LocalCloudError(f"{upload.key} did not end within {LIMIT_S:.0f} s")
        if needs_a_tick:
            self.checker.tick()
        time.sleep(POLL_S)

    def _open_record(self, upload: Upload) -> OpenRecord | None:
        return next((one for one in self.watcher.open_records() if one.source.key == upload.key), None)

    def _report_mishaps(self, upload: Upload, ended: Sequence[Response], reported: set[str]) -> None:
        """Report each generation that had to be repeated once."""
        for response in ended:
            if response.id not in reported:
                reported.add(response.id)
                self._say(upload, _mishap(response), "yellow")

    def _say(self, upload: Upload, text: str, colour: str = "default") -> None:
        seconds = time.monotonic() - self.began
        self.out.print(f"[dim]{seconds:5.1f} s[/]  {escape(upload.key):<31}[{colour}]{escape(text)}[/]")


def _mishap(response: Response) -> str:
    """How a generation ended that had to be repeated."""
    match response.status:
        case "incomplete":
            return "answer cut off, retrying, limit doubled"
        case "failed":
            code = (response.error or {}).get("code", "no code")
            return f"provider failed ({code}), retrying"
        case status:
            return f"generation ended as {status}, retrying"


def _heading(out: Console, title: str, text: str) -> None:
    out.print(f"\n[bold]{title}[/]  [dim]{text}[/]")


def _introduce(out: Console, model: str, *, is_stand_in: bool) -> None:
    out.print("Backburner on a local cloud: the real template, the real functions, four documents.")
    if is_stand_in:
        out.print("The provider is a stand-in: it quotes from the documents, and fails on purpose.")
    else:
        out.print(f"The provider is real: {model} is paid for what follows.", markup=False)


def _upload_recipes(cloud: LocalCloud, *, is_stand_in: bool) -> None:
    shipped = (CHECKOUT / "recipes/summary.md").read_bytes()
    for name in RECIPES:
        sample = files("backburner_cli.samples") / "recipes" / f"{name}.md"
        body = sample.read_bytes() if is_stand_in else shipped
        cloud.s3().put_object(Bucket=cloud.bucket, Key=f"recipes/{name}.md", Body=body)


def _account(out: Console, ended: Sequence[RunRecord | ErrorRecord], *, is_stand_in: bool) -> None:
    """Print a line for each document: how it ended, generations, tokens, cost."""
    _heading(out, "What it took", "Every document has a record with these figures.")
    out.print(f"[dim]  {'':<31}{'':<8}{'attempts':>8}{'tokens in':>11}{'out':>7}{'cost':>12}[/]")
    for record in ended:
        colour = "red" if isinstance(record, ErrorRecord) else "green"
        used = record.usage
        out.print(
            f"  {escape(record.source.key):<31}[{colour}]{record.state:<8}[/]{len(record.responses):>8}"
            f"{used.input_tokens:>11,}{used.output_tokens:>7,}{cost_of(record, unknown='unknown'):>12}"
        )
    tokens_in = sum(record.usage.input_tokens for record in ended)
    tokens_out = sum(record.usage.output_tokens for record in ended)
    costs = [record.cost for record in ended if record.cost is not None]
    total = f"{sum(costs):.6f}" if costs else "unknown"
    attempts = sum(len(record.responses) for record in ended)
    out.print(f"  [bold]{'total':<31}{'':<8}{attempts:>8}{tokens_in:>11,}{tokens_out:>7,}{total:>12}[/]")
    if is_stand_in:
        out.print("[dim]  Cost at the recipes' price: 0.40 per million tokens in, 1.60 out.[/]")
    else:
        out.print("[dim]  Name a price in the recipe to see what its documents cost: docs/recipes.md.[/]")


def _show_result(out: Console, watcher: Watcher, ended: Sequence[RunRecord | ErrorRecord]) -> None:
    """Print where everything is in the bucket, and the text of the first result."""
    _heading(out, "Where it is", "In the bucket, beside the uploads.")
    shown = next((record for record in ended if isinstance(record, RunRecord)), None)
    for record in ended:
        if isinstance(record, RunRecord):
            out.print(f"  {record.result_key}", markup=False)
        else:
            out.print(f"  {record.location.error_record_key}", markup=False)
            out.print(_wrapped(out, record.message, "    "), markup=False, style="red")
        if record is shown:
            out.print(f"  {escape(shown.location.run_record_key)}  [dim]its record; every result has one[/]")
    if shown is not None:
        out.print(f"\n[bold]{escape(shown.result_key)}[/]")
        out.print(_wrapped(out, watcher.text(shown.result_key), "  "), markup=False)


def _wrapped(out: Console, text: str, indent: str) -> str:
    """A text, indented and wrapped to the terminal's width."""
    width = min(out.width, MAX_WIDTH)
    lines = (textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent) for line in text.splitlines())
    return "\n".join("\n".join(wrapped) for wrapped in lines)


def _point_onwards(out: Console, took_s: float) -> None:
    _heading(out, "Try next", f"The demo took {took_s:.0f} s and has removed everything it started.")
    for what, why in NEXT:
        out.print(f"  {what:<19}[dim]{why}[/]")
