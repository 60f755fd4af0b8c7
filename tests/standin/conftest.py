"""A stand-in on a free port, with a clock that tests control, and clients for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import openai
import pytest

from backburner_cli.standin import Running, StandIn, Timing, serve

DOCUMENT = (
    "The harbour of Veldt moved 4200 containers in March. Most of the containers carried grain for the northern towns. "
    "It rained. The harbour master asked the council for 3 new cranes. The cranes would cost 1750000 crowns in all. "
    "Nobody objected. The council will decide about the cranes of the harbour on 2031-05-17. Then everybody went home."
)
LONG_S = 3600.0


@dataclass
class Ticker:
    """A clock that stands still until a test advances it."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


@dataclass(frozen=True, kw_only=True)
class World:
    """A running stand-in, its clock and two clients: the SDK, and plain HTTP for what the SDK would not send."""

    running: Running
    clock: Ticker
    sdk: openai.OpenAI
    http: httpx2.Client
    model_prefix: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def stand_in(self) -> StandIn:
        """The server from inside."""
        return self.running.stand_in

    def post(self, **body: Any) -> httpx2.Response:
        """Post a create unchanged, with a model and an input unless they are given."""
        given = {"model": f"{self.model_prefix}stand-in", "input": DOCUMENT, "background": True, **body}
        return self.http.post("/responses", json={name: value for name, value in given.items() if value is not ...})

    def create(self, behaviour: str = "", document: Any = DOCUMENT, **options: Any) -> Any:
        """Create through the SDK, with a behaviour's model."""
        model = f"{self.model_prefix}stand-in" + (f"/{behaviour}" if behaviour else "")
        return self.sdk.responses.create(model=model, input=document, background=True, **options)

    def later(self, seconds: float = LONG_S) -> None:
        """Advance the clock."""
        self.clock.seconds += seconds

    def finished(self, behaviour: str = "", document: Any = DOCUMENT, **options: Any) -> Any:
        """Create, wait until the generation has ended, and retrieve it."""
        created = self.create(behaviour, document, **options)
        self.later()
        return self.sdk.responses.retrieve(created.id)


def world_of(profile: Any, **options: Any) -> Iterator[World]:
    """Start a stand-in with a profile."""
    clock = Ticker()
    timing = Timing(slow_s=LONG_S, drip_every_s=LONG_S)
    stand_in = StandIn(profile, timing=timing, clock=clock, context_tokens=5000, max_body_bytes=100_000, **options)
    headers = {"Authorization": "Bearer key-of-a-test", "OpenAI-Project": "folder"}
    with serve(stand_in) as running, httpx2.Client(base_url=running.base_url, headers=headers, timeout=5) as http:
        sdk = openai.OpenAI(
            base_url=running.base_url, api_key="key-of-a-test", project="folder", max_retries=0, timeout=5
        )
        with sdk:
            prefix = "gpt://folder/" if profile == "yandex" else ""
            yield World(running=running, clock=clock, sdk=sdk, http=http, model_prefix=prefix)


@pytest.fixture(scope="session")
def openai_world() -> Iterator[World]:
    """Start one stand-in of the default profile for all tests."""
    yield from world_of("openai")


@pytest.fixture
def world(openai_world: World) -> World:
    """Return the stand-in of the default profile, with an empty memory."""
    openai_world.stand_in.reset()
    return openai_world


@pytest.fixture(scope="session")
def yandex() -> Iterator[World]:
    """Start a stand-in with the quirks of Yandex AI Studio."""
    yield from world_of("yandex")


@pytest.fixture(scope="session")
def vllm() -> Iterator[World]:
    """Start a stand-in with the quirks of vLLM."""
    yield from world_of("vllm")


@pytest.fixture
def error_of() -> Callable[[httpx2.Response], tuple[int, str | None, str | None]]:
    """Read status, code and param of an answer in the API's error format."""

    def read(response: httpx2.Response) -> tuple[int, str | None, str | None]:
        error = response.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return response.status_code, error["code"], error["param"]

    return read
