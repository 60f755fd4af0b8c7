"""The counts of a run so far, for its progress and summary."""

from dataclasses import dataclass, field

from backburner.ledger.journal import Line


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a document failed: in words, with the reason and the file of its error record if it has one."""

    message: str
    reason: str | None = None
    record: str | None = None

    @property
    def why(self) -> str:
        """The reason and the message."""
        return f"{self.reason}: {self.message}" if self.reason else self.message


@dataclass(kw_only=True)
class Tally:
    """Counts of documents at the moment; tokens and cost are those of this process."""

    found: int = 0
    is_whole: bool = False
    """Whether every document has been found."""
    done_before: int = 0
    done: int = 0
    failures: dict[str, Failure] = field(default_factory=dict)
    """Failed documents by path, including those of earlier runs."""
    running: int = 0
    waiting: int = 0
    waits_for: str = ""
    problem: str = ""
    """Why the provider takes no documents at the moment."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    suspected_orphans: int = 0

    @property
    def ended(self) -> int:
        """Documents that are done or failed."""
        return self.done_before + self.done + len(self.failures)

    def reopen(self, path: str) -> None:
        """Count a document that had ended as under way again."""
        if self.failures.pop(path, None) is not None:
            return
        if self.done:
            self.done -= 1
        else:
            self.done_before -= 1

    def add(self, line: Line) -> None:
        """Count what a finished run has used."""
        self.input_tokens += line.usage.input_tokens
        self.output_tokens += line.usage.output_tokens
        self.suspected_orphans += line.suspected_orphans
        if line.cost is not None:
            self.cost = (self.cost or 0.0) + line.cost
