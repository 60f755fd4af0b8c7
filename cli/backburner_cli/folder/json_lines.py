"""What `backburner run` prints for programs: a line of JSON for each document that ends, and a last one for the run."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from backburner_cli.folder.progress import Progress
from backburner_cli.folder.tally import Failure, Tally
from backburner_cli.terminal import print_json_line


class Outcome(StrEnum):
    """How a run ended."""

    ALL_DONE = "all_done"
    SOME_FAILED = "some_failed"
    STOPPED_EARLY = "stopped_early"

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return {Outcome.ALL_DONE: 0, Outcome.SOME_FAILED: 1, Outcome.STOPPED_EARLY: 2}[self]


@dataclass(frozen=True, kw_only=True)
class End:
    """How a run ended, and where; `why` is set if it stopped early."""

    outcome: Outcome
    folder: Path
    results: Path
    why: str | None = None


class Embedding(Progress, Protocol):
    """The progress and outcome of a run, for a command that runs a folder as part of its own work."""

    def ended(self, end: End) -> None:
        """Take the outcome; called once, last."""


@dataclass(frozen=True)
class JsonLines:
    """Shows progress as `shown` does, and prints each document that ends to standard output."""

    shown: Progress

    def note(self, text: str) -> None:
        """Show a message."""
        self.shown.note(text)

    def done(self, path: str, result: str | None) -> None:
        """Print document and result."""
        print_json_line({"event": "document", "document": path, "state": "done", "result": result})
        self.shown.done(path, result)

    def failed(self, path: str, failure: Failure) -> None:
        """Print document and reason."""
        print_json_line({"event": "document", "document": path, "state": "failed"} | _plain(failure))
        self.shown.failed(path, failure)

    def now(self, tally: Tally) -> None:
        """Show the current counts."""
        self.shown.now(tally)

    def close(self) -> None:
        """Finish."""
        self.shown.close()


def print_end(tally: Tally, end: End) -> None:
    """Print the last line: the whole run."""
    print_json_line(
        {
            "event": "end",
            "outcome": end.outcome,
            "why": end.why,
            "folder": str(end.folder),
            "results": str(end.results),
            "documents": tally.found,
            "done": tally.done_before + tally.done,
            "done_before": tally.done_before,
            "failed": len(tally.failures),
            "usage": {"input_tokens": tally.input_tokens, "output_tokens": tally.output_tokens},
            "cost": tally.cost,
            "suspected_orphans": tally.suspected_orphans,
            "failures": [{"document": path} | _plain(failure) for path, failure in sorted(tally.failures.items())],
        }
    )


def _plain(failure: Failure) -> dict[str, Any]:
    return {"reason": failure.reason, "message": failure.message, "record": failure.record}
