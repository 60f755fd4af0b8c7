"""The main job once, end to end, shown stage by stage: local cloud, real template and handlers, real HTTP."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.table import Table

from backburner.ledger.records import ErrorRecord, OpenRecord, RunRecord, State, encode
from backburner_cli.local.aws import LocalCloud, LocalCloudError
from backburner_cli.local.up import running
from backburner_cli.operator.uploads import Upload, Watcher, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

DOCUMENTS = {
    "inbox/summary/lease of the bakery.md": "lease.md",
    "inbox/minutes.txt": "minutes.txt",
    "inbox/sumary/minutes.txt": "minutes.txt",
}
"""One with a recipe that ships, one for the built-in default, one whose recipe is misspelt: so it fails."""
LIMIT_S = 300.0
TIMER = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": {}}


def show(out: Console, environment: Mapping[str, str]) -> None:
    """Run the demo. Raises `LocalCloudError` if something does not come back in time."""
    began = time.monotonic()
    with running(out, environment) as (cloud, provider):
        kind = "the local stand-in: it extracts, it is no language model" if provider.stand_in else "a real one"
        out.print(f"Bucket [bold]{cloud.bucket}[/] at {cloud.endpoint}; provider {provider.base_url} ({kind}).\n")
        ended = _Demo(out, cloud, Watcher(cloud.s3(), cloud.bucket)).run()
        _conclude(out, Watcher(cloud.s3(), cloud.bucket), ended)
    out.print(f"[dim]{time.monotonic() - began:.0f} s in all; everything local is removed again.[/]")
    out.print(
        "Next: [bold]make up[/], export what it prints, and drop a document of your own. README.md goes on there."
    )


@dataclass
class _Demo:
    out: Console
    cloud: LocalCloud
    watcher: Watcher
    began: float = field(default_factory=time.monotonic)
    told: set[tuple[str, str, int]] = field(default_factory=set)

    def run(self) -> list[RunRecord | ErrorRecord]:
        waiting = [self._upload(key, sample) for key, sample in DOCUMENTS.items()]
        ended: list[RunRecord | ErrorRecord] = []
        while waiting:
            self._tell_ended(waiting, ended)
            self._tell_open()
            if time.monotonic() > self.began + LIMIT_S:
                keys = ", ".join(upload.key for upload in waiting)
                raise LocalCloudError(f"{keys} did not end within {LIMIT_S:.0f} s")
            if any(stage == State.RUNNING for _, stage, _ in self.told) and waiting:
                self._tick()
            else:
                time.sleep(0.2)
        return ended

    def _upload(self, key: str, sample: str) -> Upload:
        body = (files("backburner_cli.samples") / sample).read_bytes()
        upload = self.watcher.upload(key, body)
        self._say("upload", f"{key} ({len(body)} bytes, ETag {upload.etag[:8]}…)")
        return upload

    def _tell_open(self) -> None:
        for record in self.watcher.open_records():
            fact = (record.job_id, record.state, len(record.responses))
            if fact not in self.told:
                self.told.add(fact)
                self._say(*_stage(record))

    def _tell_ended(self, waiting: list[Upload], ended: list[RunRecord | ErrorRecord]) -> None:
        for upload in list(waiting):
            record = self.watcher.ended(upload)
            if record is None:
                continue
            waiting.remove(upload)
            ended.append(record)
            if isinstance(record, ErrorRecord):
                self._say("failed", f"{upload.key}: {record.reason}", "red")
            else:
                self._say("done", f"{upload.key} → {record.result_key} after {record.polls} polls", "green")

    def _tick(self) -> None:
        self._say("tick", "the timer would do this within a minute; the demo invokes the checker now")
        counts = self.cloud.invoke(self.cloud.checker_function, TIMER)
        looks = counts.get("handled", 0)
        self._say("tick ended", f"{looks} messages looked at" if looks else "nothing was due yet")

    def _say(self, stage: str, text: str, colour: str = "default") -> None:
        self.out.print(f"{time.monotonic() - self.began:6.1f} s  [{colour}]{stage:<12}[/] {text}")


def _stage(record: OpenRecord) -> tuple[str, str]:
    key = record.source.key
    match record.state:
        case State.RUNNING:
            return "generation", f"{record.responses[-1].id} for {key} (job {record.job_id[:8]}…)"
        case State.WAITING:
            return "waiting", f"{key}: {record.waiting_for}"
        case _:
            return "claimed", f"{key} → job {record.job_id[:8]}…, run {record.run}"


def _conclude(out: Console, watcher: Watcher, ended: list[RunRecord | ErrorRecord]) -> None:
    out.print()
    for record in ended:
        table = Table.grid(padding=(0, 2))
        for name, value in describe(record).items():
            table.add_row(f"[dim]{name}[/]", str(value))
        colour = "red" if isinstance(record, ErrorRecord) else "green"
        out.print(Panel(table, title=record.source.key, border_style=colour, title_align="left"))
    shown = next((record for record in ended if isinstance(record, RunRecord)), None)
    if shown is not None:
        out.print(Panel(watcher.text(shown.result_key), title=f"s3://…/{shown.result_key}", title_align="left"))
        out.print(f"[dim]Its run record, {shown.place.run_record_key}:[/]")
        out.print(encode(shown).decode(), markup=False)
