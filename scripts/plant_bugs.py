"""Plants twelve classic bugs in a copy of the package, one at a time, and shows which test catches each.

    python scripts/plant_bugs.py [WORD ...]     # only bugs whose name has one of the words

Each bug is a small change that a reasonable person might make. The tests run as in `make test`
first, then in full depth if none has failed. Exit code 1: a bug that no test caught, or one that
cannot be planted any more because the code it changes is another. Exit code 2: the tests fail without any bug.
"""

# ruff: noqa: INP001, S603, T201 - a script for a terminal, which runs our own tests

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LAYER = Path("layers/backburner")
TESTS = ("tests/life/test_classics.py", "tests/model", "tests/life", "tests/adapters")
"""The quickest first: the first that fails has caught the bug."""
LIMIT_S = 900
_PASSED, _FAILED, _INTERRUPTED, _TIMED_OUT = 0, 1, 2, -1
"""Exit codes of pytest; with several workers the first failure interrupts the others."""
_UNCAUGHT = "no test caught it"


@dataclass(frozen=True)
class Bug:
    """One text that becomes another, which must be in its file exactly once."""

    name: str
    file: str
    right: str
    wrong: str


BUGS = (
    Bug(
        "message after record",
        "jobs/carry_out.py",
        right="""\
        ticket = await self.messenger.to_start(record, delay_s)
        waiting = held.with_changes(state=State.WAITING, ticket=ticket, waiting_for=waiting_for, waits=record.waits + 1)
        mine = await self.ledger.rewrite(waiting)
        if mine is None:
            return False
""",
        wrong="""\
        message = record.message()
        waiting = held.with_changes(
            state=State.WAITING, ticket=message.ticket, waiting_for=waiting_for, waits=record.waits + 1
        )
        mine = await self.ledger.rewrite(waiting)
        if mine is None:
            return False
        await self.messenger.backlog.send(message.encode(), round(delay_s))
""",
    ),
    Bug(
        "unconditional write of the open record",
        "ledger/ledger.py",
        right="""\
                etag = await self.put(key, record, match)
            except ConflictError:
                stored""",
        wrong="""\
                there = await self.bucket.head(key)
                etag = await self.put(key, record, there.etag if there else ABSENT)
            except ConflictError:
                stored""",
    ),
    Bug(
        "id sent after `running`",
        "jobs/create.py",
        right="""\
        ticket = await self._send_id(record, generation)
        logger.info("generation started", extra=log_keys(record) | {"response_id": generation.id})
        if await self.ledger.rewrite(held.as_running(generation, ticket, self.clock.now())) is None:
            await self._cancel_unless_adopted(record, generation.id)
        else:
""",
        wrong="""\
        message = record.message(generation.id)
        logger.info("generation started", extra=log_keys(record) | {"response_id": generation.id})
        if await self.ledger.rewrite(held.as_running(generation, message.ticket, self.clock.now())) is None:
            await self._cancel_unless_adopted(record, generation.id)
        else:
            await self.messenger.pending.send(message.encode(), round(self._first_look_s(record)))
""",
    ),
    Bug(
        "provider's copy deleted before the commit",
        "jobs/poll.py",
        right="""\
            await self.finisher.done(record, answer.text)
""",
        wrong="""\
            await self.generator.delete(answer.id)
            await self.finisher.done(record, answer.text)
""",
    ),
    Bug(
        "settle twice",
        "capacity/reservations.py",
        right="""\
    if name in counters.settled:
        if not _is_run_again(counters, name, recorded):
            _forget(counters, name)
            return
        counters.settled.remove(name)
        recorded = None  # only noted so far: a note for a settled run is never folded
    holds, base = _held(counters, name, recorded)
    if holds is None and""",
        wrong="""\
    holds, base = _held(counters, name, recorded)
    if holds is None and""",
    ),
    Bug(
        "incomplete as done",
        "provider/verdicts.py",
        right="""\
        case "max_output_tokens":
            return _cut_off(""",
        wrong="""\
        case "max_output_tokens" if answer.text:
            return Verdict(act=Act.COMMIT)
        case "max_output_tokens":
            return _cut_off(""",
    ),
    Bug(
        "own 412 taken for defeat",
        "ledger/ledger.py",
        right="""\
                if found and found.record.nonce == record.nonce:
                    return found  # our own write, sent twice
                if (found""",
        wrong="""\
                if (found""",
    ),
    Bug(
        "403 read as absent",
        "adapters/storage.py",
        right="return reply.status == _NOT_FOUND and",
        wrong="return reply.status == 403 or reply.status == _NOT_FOUND and",
    ),
    Bug(
        "guard ignored",
        "jobs/start.py",
        right="""\
            is_ours = await self._attempt(held, orphans=1)
""",
        wrong="""\
            is_ours = True
""",
    ),
    Bug(
        "replay twice",
        "jobs/replay.py",
        right="        run = committed.last_run + 1\n",
        wrong="""\
        run = committed.last_run + 1
        while await self.ledger.open_record(current.job_id, run):
            run += 1
""",
    ),
    Bug(
        "supersession ignored",
        "outcome/current_job.py",
        right="""\
        if current.source.etag != record.source.etag:
            return True
""",
        wrong="",
    ),
    Bug(
        "local clock trusted",
        "jobs/poll.py",
        right="""\
            age_s=held.generation_age_s,
""",
        wrong="""\
            age_s=(self.clock.now() - (record.submitted_at or record.uploaded_at)).total_seconds(),
""",
    ),
)

NO_BUG = Bug("none", "", right="", wrong="")


@dataclass(frozen=True)
class Outcome:
    """What became of one bug; `caught_by` is a test's id, "" if none caught it."""

    bug: Bug
    caught_by: str
    seconds: float
    problem: str = ""


def plant(bug: Bug, copy: Path) -> str:
    """Change the copied package; what is wrong, "" if it was planted."""
    path = copy / "backburner" / bug.file
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    if (found := text.count(bug.right)) != 1:
        return f"the patch no longer applies: its text stands {found} times in {bug.file}"
    path.write_text(text.replace(bug.right, bug.wrong), encoding="utf-8")
    return ""


def run_tests(copy: Path, *depth: str) -> tuple[int, str]:
    """Run the tests on the copied package until one fails; pytest's exit code, and its output."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(copy), str(ROOT / "cli")])}
    options = ["-x", "-q", "-n2", "-p", "no:cacheprovider", "--show-capture=no", *depth]
    command = [sys.executable, "-m", "pytest", *options, *TESTS]
    try:
        ended = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return _TIMED_OUT, f"no end within {LIMIT_S} s"
    return ended.returncode, ended.stdout + ended.stderr


def try_out(bug: Bug) -> Outcome:
    """Plant one bug and see who catches it."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        copy = Path(folder) / "layer"
        shutil.copytree(ROOT / LAYER, copy, ignore=shutil.ignore_patterns("__pycache__"))
        if bug.file and (problem := plant(bug, copy)):
            return Outcome(bug, "", time.monotonic() - began, problem)
        code, output = run_tests(copy)
        if code == _PASSED and bug is not NO_BUG:
            code, output = run_tests(copy, "--deep")
    seconds = time.monotonic() - began
    caught = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", output, re.MULTILINE)
    if code in (_FAILED, _INTERRUPTED) and caught:
        return Outcome(bug, caught[1].removeprefix("tests/"), seconds)
    if code == _PASSED:
        return Outcome(bug, "", seconds, _UNCAUGHT)
    return Outcome(bug, "", seconds, f"the tests did not run: {output.strip().splitlines()[-1:]}")


def show(outcome: Outcome, width: int) -> None:
    """One line of the table."""
    bug, caught = outcome.bug, outcome.caught_by or f"NOT CAUGHT: {outcome.problem}"
    print(f"{bug.name:<{width}}  {bug.file:<20}  {outcome.seconds:5.0f} s  {caught}", flush=True)


def main() -> int:
    """Try every bug that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only bugs whose name has one of these words")
    words = parser.parse_args().words
    bugs = [bug for bug in BUGS if not words or any(word in bug.name for word in words)]
    if (sound := try_out(NO_BUG)).problem != _UNCAUGHT:
        print(f"Without any bug the tests fail already: {sound.caught_by or sound.problem}")
        return 2
    width = max((len(bug.name) for bug in bugs), default=0)
    outcomes = []
    for bug in bugs:
        outcomes.append(try_out(bug))
        show(outcomes[-1], width)
    caught = sum(bool(outcome.caught_by) for outcome in outcomes)
    print(f"{caught} of {len(outcomes)} bugs caught")
    return 0 if outcomes and caught == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
