"""`replay` and `cancel` of many documents: counted, confirmed, rehearsed."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from backburner.errors import Reason, RetryLaterError
from backburner.jobs.replay import Outcome
from backburner.ledger.messages import decode
from backburner.ledger.records import State
from backburner_cli.operator.cancel import Doomed, cancel_in
from backburner_cli.operator.replay import Wanted, replay_in
from backburner_cli.operator.selection import Selection
from support.command_deployment import DONE, FAILED, OPEN
from support.fakes import Plan
from support.system import System


def sent(cloud) -> list[str]:
    """Documents whose next run a message was sent for."""
    return sorted(decode(body).key for body in cloud.take("pending"))


def test_many_are_not_run_again_without_confirmation(cloud) -> None:
    """The message says how many they are, and which option to give; a rehearsal needs no confirmation."""
    cloud.take("pending")
    shown = cloud.call("replay", "--failed")
    assert (shown.exit_code, sent(cloud)) == (1, [])
    assert "1 failed document again" in shown.stderr
    assert "--yes" in shown.stderr
    dry = cloud.call("replay", "--failed", "--dry-run")
    assert json.loads(dry.stdout)["documents"] == {FAILED: "replayed"}
    assert sent(cloud) == []


def test_a_filter_chooses_what_is_run_again(cloud) -> None:
    """It selects by recipe or key prefix; with --rerun also what is done, never what is under way."""
    cloud.take("pending")
    assert cloud.call("replay", "--failed", "--recipe", "summary", "--yes").exit_code == 0
    assert sent(cloud) == []
    assert cloud.call("replay", "--failed", "--prefix", "inbox/nosuch/", "--yes").exit_code == 0
    assert sent(cloud) == [FAILED]
    shown = cloud.call("replay", "--rerun", "--recipe", "default", "--yes")
    assert json.loads(shown.stdout)["documents"] == {DONE: "replayed", OPEN: "running"}
    assert sent(cloud) == [DONE]


def test_many_are_cancelled_by_a_filter(cloud) -> None:
    """They are counted first, and rehearsed on request; only what is under way is affected."""
    before = cloud.json(cloud.keys("ledger/open/")[0])
    refused = cloud.call("cancel", "--all")
    assert refused.exit_code == 1
    assert "Cancel 1 job?" in refused.stderr
    dry = json.loads(cloud.call("cancel", "--all", "--dry-run").stdout)
    assert dry == {
        "dry_run": True,
        "jobs": 1,
        "counts": {"would_be_cancelled": 1},
        "documents": {OPEN: "would be cancelled: it is running"},
        "carried_out_by": "the checker's next tick",
        "complete": True,
    }
    assert json.loads(cloud.call("cancel", "--state", "waiting", "--yes").stdout)["jobs"] == 0
    assert json.loads(cloud.call("cancel", "--recipe", "nosuch", "--yes").stdout)["jobs"] == 0
    assert cloud.json(cloud.keys("ledger/open/")[0]) == before
    assert json.loads(cloud.call("cancel", "--recipe", "default", "--state", "running", "--yes").stdout)["jobs"] == 1
    assert cloud.json(cloud.keys("ledger/open/")[0])["cancelled_for"] == "cancelled"


@pytest.mark.parametrize("is_busy", [False, True])
def test_only_what_will_be_cancelled_is_counted_as_cancelled(is_busy, capsys) -> None:
    """Jobs that had ended or were being cancelled are listed apart; one that cannot be cancelled fails the command."""
    system, left = System(), {}
    system.generator.default = Plan(runs_s=1e6)
    for name in ("asked", "ended", "already", "busy" if is_busy else "more"):
        system.upload(f"inbox/{name}.txt", name)
        system.run(system.submit(f"inbox/{name}.txt"))

    class Canceller:
        async def cancel(self, job: str, _run: int) -> State | Reason | None:
            record = next(each for key, each in system.bucket.objects.items() if key.startswith(f"ledger/open/{job}"))
            name = json.loads(record.body)["source"]["key"].removeprefix("inbox/").removesuffix(".txt")
            left[name] = name
            if name == "busy":
                raise RetryLaterError("other processes keep writing its record")
            return {"ended": None, "already": Reason.CANCELLED}.get(name, State.RUNNING)

    backend = SimpleNamespace(bucket=system.bucket, carrier="the tick", say_hint=lambda **_: None)
    session = SimpleNamespace(backend=backend, canceller=Canceller())
    wanted = Doomed(keys=(), chosen=Selection(), dry_run=False, is_agreed=True)
    assert asyncio.run(cancel_in(session, wanted, as_json=False)) is not is_busy
    assert len(left) == 4
    last = capsys.readouterr().out.splitlines()[-1]
    both = "1 already being cancelled, 1 had just ended"
    busy = f"1 job to be cancelled by the tick, {both}, 1 could not be cancelled: run the same command again"
    assert last == (busy if is_busy else f"2 jobs to be cancelled by the tick, {both}")


@pytest.mark.parametrize("command", ["cancel", "replay"])
def test_what_was_done_before_ctrl_c_is_printed_as_json_too(command, capsys) -> None:
    """Every document so far has its outcome; `complete` says that there were more."""
    system = System()
    system.generator.default = Plan(runs_s=1e6)
    keys = tuple(f"inbox/{number}.txt" for number in range(100))
    for key in keys:
        system.upload(key, key)
        system.run(system.submit(key))

    class Stopping:
        calls = 0

        async def _next(self) -> None:
            self.calls += 1
            if self.calls > 3:
                raise asyncio.CancelledError

        async def cancel(self, _job: str, _run: int) -> State:
            await self._next()
            return State.RUNNING

        async def replay(self, _key: str, *, rerun: bool) -> Outcome:
            await self._next()
            return Outcome.REPLAYED if rerun else Outcome.RUNNING

    backend = SimpleNamespace(bucket=system.bucket, carrier="the tick", say_hint=lambda **_: None)
    session = SimpleNamespace(backend=backend, canceller=Stopping(), replayer=Stopping())
    doomed = Doomed(keys=(), chosen=Selection(), dry_run=False, is_agreed=True)
    wanted = Wanted(
        keys=keys, failed=False, reasons=frozenset(), chosen=Selection(), dead=False, rerun=False, dry_run=False,
        is_agreed=True,
    )  # fmt: skip
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(
            cancel_in(session, doomed, as_json=True)
            if command == "cancel"
            else replay_in(session, wanted, as_json=True)
        )
    output = json.loads(capsys.readouterr().out)
    assert (len(output["documents"]), output["complete"]) == (3, False)


def test_parts_are_not_counted_as_jobs(empty) -> None:
    """They end with their document."""
    system = System({"BACKBURNER_CONTEXT_TOKENS": "8000"})
    system.generator.default = Plan(runs_s=1e6)
    key = "inbox/long.txt"
    system.upload(key, "A sentence of some words. " * 6000)
    system.run(system.submit(key))
    for _ in range(3):
        system.run(system.tick())
        system.world.later(60)
    empty.settle_in(system, old=("inbox/",))
    assert len(empty.keys("ledger/open/")) > 1
    assert json.loads(empty.call("cancel", "--all", "--dry-run").stdout)["jobs"] == 1
