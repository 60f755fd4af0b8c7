"""Every row of the table of verdicts, from the provider's HTTP answer to the record in the bucket.

All documents of a table are in one bucket at the same time, each with a recipe whose model misbehaves in its own way,
which also shows that none of them harms another. The store's clock is moved on between ticks, in the first table by
too little for any absence to count as a loss. So many failed creates in one bucket would pause the provider and delay
some rows, so the tests lift that pause, which has tests of its own. The other tables have the rows where the contract
waits for a minute.
"""

import gc
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from support.deployment import BACKLOG, DOCUMENT, PENDING
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld, deployments
from .rows import CAP, DEADLINE, LOST, PAUSES, ROWS, Row

MAX_TICKS = 40


def _uploaded(world: WarmDeployment, rows: list[Row]) -> WarmDeployment:
    """Upload all rows with their recipes, without an event."""
    for row in rows:
        world.recipe(row.name, f"model: stand-in/{row.behaviour}\n{row.front}\nprice: {{input: 1, output: 2}}")
        world.upload(row.key, row.text)
    return world


def _submit_in_turn(world: WarmDeployment, rows: list[Row]) -> None:
    """Submit each row as if nothing were paused, so that it has its create, then restore the pauses."""
    paused: dict[str, Any] = {}
    for row in rows:
        world.submit(row.key)
        pauses = world.pauses().items()
        paused |= {name: one for name, one in pauses if name not in paused or not one.get("any_call_lifts")}
        world.lift_pauses()
    world.pause(paused)


def _outcome(world: WarmDeployment, row: Row) -> Any:
    """What became of a row: its records and text, and the provider's side of it."""
    made = [one for one in world.stand_in.generations if one.input == row.text]
    return {
        "open": world.open_records(row.key),
        "run": world.run_record(row.key),
        "error": world.error_record(row.key),
        "result": world.result(row.key, "json" if "schema" in row.front else "md"),
        "creates": [create.body for create in world.creates(row.text)],
        "generations": [
            {
                "id": one.id,
                "deleted": one.deleted,
                "text": "".join(item["content"][0].get("text", "") for item in one.outcome.output),
                "usage": one.outcome.usage,
                "asked": [
                    f"{asked.method} {asked.path.removeprefix(f'/v1/responses/{one.id}')}"
                    for asked in world.stand_in.requests
                    if one.id in asked.path
                ],
            }
            for one in made
        ],
    }


def _by_the_half_minute(new_world: NewWorld, rows: list[Row]) -> Any:
    """The outcomes of rows of the first table, with the problems left at its end."""
    world = _uploaded(new_world(), rows)
    world.submit(*(row.key for row in rows))
    for _ in range(MAX_TICKS):
        world.tick(2)
        if not world.open_records():
            break
        world.lift_pauses()
        world.later(30)
    outcomes = {row.key: _outcome(world, row) for row in rows}
    for _ in range(4):
        world.later(130)
        world.tick(5)
        if not (world.messages(PENDING) or world.messages(BACKLOG)):
            break
    return {"outcomes": outcomes, "problems": world.problems()}


def _by_the_minute(new_world: NewWorld, rows: list[Row]) -> Any:
    """The outcomes of another table, with its open records and creates after the first answer."""
    world = _uploaded(new_world(), rows)
    _submit_in_turn(world, rows)
    world.later(2)
    world.tick()
    early = {row.key: world.open_records(row.key) for row in rows}
    creates = {row.key: len(world.creates(row.text)) for row in rows}
    for _ in range(12):
        world.lift_pauses()  # each row's own pause would delay all the others
        world.later(75)
        world.tick()
        if not world.open_records():
            break
    return {"outcomes": {row.key: _outcome(world, row) for row in rows}, "early": early, "creates": creates}


TABLES: list[tuple[Callable[[NewWorld, list[Row]], Any], list[Row]]] = [
    (_by_the_half_minute, ROWS),
    (_by_the_minute, PAUSES),
    (
        _by_the_minute,
        LOST,
    ),  # alone: a tick that is refused a retrieve makes no other, and two looks are then too far apart
]


@pytest.fixture(scope="module")
def tables(endpoint: str, cloud_clients: tuple[Any, Any]) -> Any:
    """The outcomes of all tables."""
    outcomes = []
    for live, rows in TABLES:
        with deployments(endpoint, cloud_clients) as new_world:
            outcomes.append(live(new_world, rows))
    return outcomes


@pytest.fixture
def table(tables: Any) -> Any:
    """The outcomes of all rows, by their keys."""
    return {key: outcome for one in tables for key, outcome in one["outcomes"].items()}


def _check(outcome: Any, row: Row) -> None:
    assert outcome["open"] == []
    record = outcome["error"] if row.reason else outcome["run"]
    assert record, outcome
    assert record["state"] == ("failed" if row.reason else "done")
    assert len(outcome["creates"]) == row.creates
    assert record["suspected_orphans"] == row.orphans
    if row.reason is None:
        (made,) = [one for one in outcome["generations"] if one["id"] == record["responses"][-1]["id"]]
        assert (outcome["result"], outcome["error"]) == (made["text"], None)
    else:
        assert (record["reason"], bool(record["partial_text"])) == (row.reason, row.partial), record["message"]
        assert row.says in record["message"]
        assert (outcome["result"], outcome["run"]) == (None, None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_answer_has_its_verdict(table: Any, row: Row) -> None:
    """State, reason, generations and orphans are those of the contract, and only a done document has a result."""
    _check(table[row.key], row)


@pytest.mark.parametrize("row", [row for row in ROWS if row.creates > 1], ids=lambda row: row.name)
def test_tokens_of_all_attempts_are_accounted(table: Any, row: Row) -> None:
    """Usage and cost are the sums over every generation with a known id, as the provider counted them."""
    outcome = table[row.key]
    record = outcome["run"] or outcome["error"]
    known = [response["id"] for response in record["responses"]]
    counted = [one["usage"] for one in outcome["generations"] if one["id"] in known and one["usage"]]
    for name in ("input_tokens", "output_tokens", "total_tokens"):
        assert record["usage"][name] == sum(usage[name] for usage in counted)
    if known:
        cost = (record["usage"]["input_tokens"] + record["usage"]["output_tokens"] * 2) / 1_000_000
        assert record["cost"] == pytest.approx(cost)
    assert len(set(known)) == len(known)
    assert len(outcome["generations"]) - len(known) <= row.orphans


@pytest.mark.parametrize("behaviour", ["truncate-below-800", "truncate-below-5000", "incomplete-max-tokens"])
def test_the_doubled_cap_is_sent_and_the_request_is_never_identical(table: Any, behaviour: str) -> None:
    """The second request after a truncation has twice the cap and is otherwise the same."""
    (row,) = [row for row in ROWS if row.behaviour == behaviour and row.front == CAP]
    first, second = table[row.key]["creates"]
    assert (first.pop("max_output_tokens"), second.pop("max_output_tokens")) == (400, 800)
    assert first == second


@pytest.mark.parametrize("row", [row for row in ROWS if row.front == DEADLINE], ids=lambda row: row.name)
def test_past_its_deadline_a_generation_is_cancelled_and_polled_once_more(table: Any, row: Row) -> None:
    """It is polled before the cancel and after it, since only the provider's word counts."""
    (made,) = table[row.key]["generations"]
    cancel = made["asked"].index("POST /cancel")
    assert "GET " in made["asked"][:cancel]
    assert "GET " in made["asked"][cancel:]


def test_every_known_response_is_deleted_at_the_provider(table: Any) -> None:
    """Whether retried, failed or done, nothing of a document stays there that a record knows of."""
    for row in ROWS:
        record = table[row.key]["run"] or table[row.key]["error"]
        known = {response["id"] for response in record["responses"]}
        left = [one["id"] for one in table[row.key]["generations"] if one["id"] in known and not one["deleted"]]
        assert left == [], row


def test_nothing_of_the_table_is_left_over(tables: Any) -> None:
    """Every document is in one state, and every message is gone."""
    assert tables[0]["problems"] == []


@pytest.mark.parametrize("row", PAUSES, ids=lambda row: row.name)
def test_a_pause_fails_nothing_and_creates_nothing(tables: Any, row: Row) -> None:
    """With a 401, an exhausted quota or a 403, the job stays open with its one request, and no attempt is used."""
    (record,) = tables[1]["early"][row.key]
    is_running = row.behaviour.startswith("retrieve")
    assert record["state"] == ("running" if is_running else "waiting")
    assert (record["attempt"], record["suspected_orphans"]) == (1 if is_running else 0, 0)
    assert tables[1]["creates"][row.key] == 1


@pytest.mark.parametrize("row", PAUSES + LOST, ids=lambda row: row.name)
def test_a_pause_resumes_and_a_loss_is_counted(table: Any, row: Row) -> None:
    """A paused job is done once the provider is healthy; one that stays absent is retried as an orphan, then `lost`."""
    _check(table[row.key], row)


def test_a_refused_key_leaves_no_connection_open(new_world: NewWorld) -> None:
    """However often the provider answers 401, a function's open connections stay bounded."""
    world = new_world()
    world.recipe("refused", "model: stand-in/unauthorized")
    keys = [f"inbox/refused/{number}.txt" for number in range(5)]
    for key in keys:
        world.upload(key, f"{DOCUMENT} {key}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        world.submit(*keys)
        gc.collect()
    assert [str(one.message) for one in caught if issubclass(one.category, ResourceWarning)] == []


@pytest.mark.parametrize("mode", ["503", "drop"])
def test_an_outage_fails_nothing(world: WarmDeployment, mode: Any) -> None:
    """Running and new documents wait for the provider, and are done once it is back."""
    world.upload("inbox/runs.txt", f"{DOCUMENT} Runs.")
    world.submit("inbox/runs.txt")
    world.stand_in.outage(mode)
    world.later(5)
    world.tick()
    assert [one["state"] for one in world.open_records()] == ["running"]
    if mode == "503":  # a connection that is closed after the request is an ambiguous create: a row of its own
        world.upload("inbox/waits.txt", f"{DOCUMENT} Waits.")
        world.submit("inbox/waits.txt")
        assert sorted((one["state"], one["waiting_for"]) for one in world.open_records()) == [
            ("running", None),
            ("waiting", "provider"),
        ]
        world.later(5)
        world.tick()
    assert world.keys("failed/") == []
    world.stand_in.outage("off")
    world.settle()
    assert world.problems() == []
    assert all(world.run_record(key)["suspected_orphans"] == 0 for key in world.keys("inbox/"))
    assert len(world.stand_in.generations) == len(world.keys("inbox/"))


def test_a_provider_that_cannot_be_reached_uses_no_attempt(new_world: NewWorld) -> None:
    """A refused connection sends nothing, so the job waits, however many tries it takes."""
    world = new_world(OPENAI_BASE_URL="http://127.0.0.1:9/v1", BACKBURNER_MAX_ATTEMPTS="1")
    world.upload("inbox/a.txt")
    world.submit("inbox/a.txt")
    for _ in range(2):
        world.later(100)
        world.tick()
    (record,) = world.open_records()
    assert (record["state"], record["attempt"], record["suspected_orphans"]) == ("waiting", 0, 0)
    assert record["waits"] == 3
    assert world.keys("failed/") == []
