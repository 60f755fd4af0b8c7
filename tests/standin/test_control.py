"""Tests control the stand-in from inside and over HTTP."""

import logging
from concurrent.futures import ThreadPoolExecutor

import httpx2
import openai
import pytest

from backburner_cli.standin import StandIn, run, serve

from .conftest import DOCUMENT, World


def test_a_script_forces_the_next_creates(world: World) -> None:
    """The next n creates misbehave for any model and input; the one after them is normal."""
    world.stand_in.script("create-503", times=2)
    statuses = [world.post(input=f"Document {n}.").status_code for n in range(3)]
    assert statuses == [503, 503, 200]


def test_a_script_can_make_a_bad_model_answer_well(world: World) -> None:
    """The behaviour `stand-in` is a good answer."""
    world.stand_in.script("stand-in")
    assert [world.post(model="stand-in/create-400").status_code for _ in range(2)] == [200, 400]


def test_a_script_forces_the_next_retrieves(world: World) -> None:
    """Generations under way can be answered wrongly too."""
    created = world.create()
    world.stand_in.script("retrieve-500", on="retrieve")
    statuses = [world.http.get(f"/responses/{created.id}").status_code for _ in range(2)]
    assert statuses == [500, 200]


@pytest.mark.parametrize(("behaviour", "on"), [("nothing", "create"), ("create-503", "retrieve")])
def test_a_script_with_an_unknown_behaviour_is_refused(world: World, behaviour: str, on: str) -> None:
    """A test that misspells a behaviour fails at once."""
    with pytest.raises(ValueError, match=behaviour):
        world.stand_in.script(behaviour, on=on)  # type: ignore[arg-type]


def test_in_an_outage_every_request_fails(world: World) -> None:
    """Running generations continue."""
    created = world.create()
    world.stand_in.outage()
    with pytest.raises(openai.InternalServerError):
        world.sdk.responses.retrieve(created.id)
    world.stand_in.outage("drop")
    with pytest.raises(openai.APIConnectionError):
        world.create()
    world.later()
    world.stand_in.outage("off")
    assert world.sdk.responses.retrieve(created.id).status == "completed"


def test_the_state_over_http_has_counts_and_no_document(world: World) -> None:
    """An end-to-end test in another process sees each generation's outcome, not its content."""
    cancelled, deleted = world.create(metadata={"job_id": "1"}), world.create("never-ends")
    world.sdk.responses.cancel(cancelled.id)
    world.sdk.responses.delete(deleted.id)
    answer = httpx2.get(f"{world.running.control_url}/state")
    state = answer.json()
    first, second = state["generations"]
    assert (first["id"], first["status"], first["cancelled"], first["metadata"]) == (
        cancelled.id,
        "cancelled",
        True,
        {"job_id": "1"},
    )
    assert (second["deleted"], second["model"]) == (True, "stand-in/never-ends")
    assert (state["open"], state["most_open"]) == (0, 2)
    assert state["requests"]["POST /v1/responses/{id}/cancel"] == 1
    assert "harbour" not in answer.text


def test_a_behaviour_is_set_over_http(world: World) -> None:
    """It applies to the next creates."""
    control = world.running.control_url
    assert httpx2.post(f"{control}/behaviour", json={"behaviour": "create-429", "times": 1}).json() == {"ok": True}
    assert [world.post().status_code for _ in range(2)] == [429, 200]
    assert httpx2.post(f"{control}/outage", json={"mode": "503"}).json() == {"ok": True}
    assert world.post().status_code == 503
    assert httpx2.post(f"{control}/reset").json() == {"ok": True}
    assert world.stand_in.requests == ()


@pytest.mark.parametrize(
    ("control", "body"),
    [
        ("behaviour", b'{"behaviour": "nothing"}'),
        ("behaviour", b'{"behaviour": 7}'),
        ("behaviour", b"[]"),
        ("behaviour", b"no json"),
        ("outage", b'{"mode": "sometimes"}'),
    ],
)
def test_a_wrong_control_is_answered_400(world: World, control: str, body: bytes) -> None:
    """A misspelt control changes nothing."""
    assert httpx2.post(f"{world.running.control_url}/{control}", content=body).status_code == 400
    assert world.post().status_code == 200


def test_a_page_in_the_operators_browser_controls_nothing(world: World) -> None:
    """It has no token, and another host name for this machine is refused."""
    base = world.running.base_url.removesuffix("/v1")
    for path in ("/control/state", "/control/guess/state"):
        assert httpx2.get(base + path).status_code == 404
    headers = {"Host": f"rebound.example:{world.running.port}", "Authorization": "Bearer k"}
    assert httpx2.get(f"{world.running.base_url}/models", headers=headers).status_code == 400


def test_the_access_log_names_requests_and_no_document(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Each request has one line: method, path, status, id."""
    with caplog.at_level(logging.INFO, logger="backburner_cli.standin"):
        created = world.create()
        world.http.get("/responses/resp_none")
    lines = [vars(record) for record in caplog.records if record.name.startswith("backburner_cli.standin")]
    seen = [(line["method"], line["path"], line["status"], line["response_id"]) for line in lines]
    assert seen == [
        ("POST", "/v1/responses", 200, created.id),
        ("GET", "/v1/responses/resp_none", 404, "resp_none"),
    ]
    assert "harbour" not in repr(lines)


def test_two_stand_ins_are_independent() -> None:
    """Each has a free port and stops with its block, even amid a slow answer."""
    with serve() as one, serve() as two:
        assert one.port != two.port
        sdk = openai.OpenAI(base_url=one.base_url, api_key="k", max_retries=0)
        with sdk:
            made = sdk.responses.create(model="stand-in/retrieve-slow", input=DOCUMENT, background=True)
            with pytest.raises(openai.APITimeoutError):
                sdk.responses.retrieve(made.id, timeout=0.1)
        assert two.stand_in.requests == ()
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{one.base_url}/models")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104 - refused is the point
def test_it_listens_on_loopback_only(host: str) -> None:
    """An address that other machines could reach is refused before a socket is opened."""
    with pytest.raises(ValueError, match=host.replace(".", r"\.")):
        run(host)
    with pytest.raises(ValueError, match=host.replace(".", r"\.")), serve(StandIn(), host=host):
        pass


def test_many_clients_at_once_share_scripts_and_counts_exactly(world: World) -> None:
    """Of a hundred creates by eight threads, exactly ten misbehave, and each other one is a generation."""
    world.stand_in.script("create-503", times=10)
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda n: world.post(input=f"Document {n}.").status_code, range(100)))
    assert sorted(statuses) == [200] * 90 + [503] * 10
    assert (len({one.id for one in world.stand_in.generations}), world.stand_in.most_open) == (90, 90)
