"""Runs one recipe on some documents with the engine that runs folders: the same parts, limits, retries and checks."""

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from backburner.ledger.keys import ERROR_RECORD, RUN_RECORD
from backburner.ledger.records import ErrorRecord, RunRecord, decode
from backburner_cli.errors import CommandError
from backburner_cli.folder.command import Wanted
from backburner_cli.folder.command import run as run_folder
from backburner_cli.folder.json_lines import End, Outcome
from backburner_cli.folder.tally import Failure, Tally
from backburner_cli.operator.deployment import FOLDER_STATE
from backburner_cli.operator.quotes import Quoted, quotes_in
from backburner_cli.terminal import err, say

_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,12}")


@dataclass(frozen=True, kw_only=True)
class Tried:
    """The outcome of a recipe on one document; if it failed, `text` is empty and `message` says why."""

    name: str
    recipe: str
    model: str
    text: str = ""
    reason: str = ""
    message: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    seconds: float | None = None
    quotes: list[Quoted] = field(default_factory=list)
    """Where the quotes of the text stand in the document, if its recipe asks for any."""

    @property
    def is_done(self) -> bool:
        """Whether there is a result."""
        return not self.reason


@dataclass(frozen=True, kw_only=True)
class Trials:
    """A folder with documents in which recipes run. `documents` maps each document's name to its file name there."""

    root: Path
    documents: Mapping[str, str] = field(default_factory=dict)

    def run(self, environment: Mapping[str, str], recipe: Path | str, *, stand_in: bool, into: str) -> list[Tried]:
        """Run one recipe on all documents. Raises `CommandError` if it could not start or finish."""
        out = self.root / into
        wanted = Wanted(folder=self.root / "documents", recipe=str(recipe), out=out, stand_in=stand_in, watch=False)
        own = {name: value for name, value in environment.items() if name != FOLDER_STATE}
        told = _Told()
        run_folder(err, own, wanted, told)
        if told.end is not None and told.end.outcome is Outcome.STOPPED_EARLY:
            raise CommandError(f"stopped early; results until then are not kept: {told.end.why}")
        return [_tried(out, name, file) for name, file in self.documents.items()]


class _Told:
    """Reports only why the provider does not answer, each time that changes, and keeps how the run ended."""

    def __init__(self) -> None:
        self.end: End | None = None
        self._problem = ""

    def note(self, text: str) -> None:
        """Do nothing: the notes are about the temporary folder."""

    def done(self, path: str, result: str | None) -> None:
        """Do nothing: the caller shows the results."""

    def failed(self, path: str, failure: Failure) -> None:
        """Do nothing: the caller shows the failures."""

    def now(self, tally: Tally) -> None:
        """Print the problem, if it is a new one."""
        if tally.problem not in ("", self._problem):
            say(f"waiting for the provider: {tally.problem}", err, style="dim")
        self._problem = tally.problem

    def close(self) -> None:
        """Do nothing: nothing is open."""

    def ended(self, end: End) -> None:
        """Keep it."""
        self.end = end


@contextmanager
def trials(documents: Mapping[str, Path | bytes]) -> Iterator[Trials]:
    """A temporary folder with these documents. Raises `CommandError`."""
    with tempfile.TemporaryDirectory(prefix="backburner-trial-") as made:
        folder = Path(made) / "documents"
        folder.mkdir()
        files: dict[str, str] = {}
        for number, (name, body) in enumerate(documents.items(), 1):
            suffix = Path(name).suffix
            files[name] = f"{number:05}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
            try:
                _place(folder / files[name], body)
            except OSError as error:
                raise CommandError(f"{name} cannot be read: {error.strerror}; check name and permissions") from error
        yield Trials(root=Path(made), documents=files)


def _place(path: Path, body: Path | bytes) -> None:
    if isinstance(body, bytes):
        path.write_bytes(body)
    else:
        shutil.copyfile(body, path)


def _tried(out: Path, name: str, file: str) -> Tried:
    done, failed = out / f"{file}{RUN_RECORD}", out / f"{file}{ERROR_RECORD}"
    if done.exists():
        record = decode(done.read_bytes(), RunRecord)
        result = out / record.result_key.split("/", 2)[2]
        text = result.read_text(encoding="utf-8", errors="replace")
        return replace(_outcome(name, record, text=text), quotes=quotes_in(record, text))
    if failed.exists():
        error = decode(failed.read_bytes(), ErrorRecord)
        return _outcome(name, error, reason=str(error.reason), message=error.message)
    why = "it could not be read: check its permissions"
    return Tried(name=name, recipe="", model="", reason="not taken", message=why)


def _outcome(name: str, record: RunRecord | ErrorRecord, text: str = "", reason: str = "", message: str = "") -> Tried:
    took = record.finished_at - record.submitted_at if record.finished_at and record.submitted_at else None
    models = [response.model for response in record.responses if response.model]
    return Tried(
        name=name,
        recipe=record.recipe.name,
        model=models[-1] if models else record.provider.model,
        text=text,
        reason=reason,
        message=message,
        input_tokens=record.usage.input_tokens,
        output_tokens=record.usage.output_tokens,
        cost=record.cost,
        seconds=round(took.total_seconds(), 1) if took else None,
    )
