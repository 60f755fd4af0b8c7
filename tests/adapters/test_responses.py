"""The OpenAI adapter against a local provider: each call makes one request, and any outcome is an `Answer`."""

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import pytest

from backburner.adapters.http import Http, Reply
from backburner.adapters.responses import ResponsesApi
from backburner.errors import ConfigError, RetryLaterError
from backburner.provider.answers import Answer, FailedCall, Generation
from backburner.provider.verdicts import Act, Call, judge
from backburner_cli.standin import Running, StandIn, Timing, serve
from support.proxy import CUT, LOSE, Proxy, Say, once, serve_proxy

DOCUMENT = "The harbour moved 4200 containers in March. It rained. Nobody objected."
LIMIT_S, PATIENCE_S = 0.5, 20.0
T = TypeVar("T")


class _Clients(dict[str, Any]):
    """The adapter's cache, which remembers every client ever made, to close them all."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[Any] = []

    def __setitem__(self, name: str, client: Any) -> None:
        super().__setitem__(name, client)
        self.made.append(client)


@dataclass(frozen=True)
class Provider:
    """A stand-in, with a proxy in front of it that the adapter calls."""

    running: Running
    proxy: Proxy

    def ask(
        self,
        story: Callable[[ResponsesApi], Awaitable[T]],
        base_url: str | None = None,
        key: Callable[[], str] = lambda: "k",
    ) -> T:
        """Run a story with an adapter whose connections live as long as its loop."""

        async def story_and_close() -> T:
            clients = _Clients()
            api = ResponsesApi(
                base_url=base_url or f"{self.proxy.url}/v1",
                api_key=key,
                project="folder",
                organization=None,
                _cache=clients,
            )
            try:
                return await story(api)
            finally:
                await api.drop_connections()
                for client in clients.made:
                    await client.close()

        return asyncio.run(story_and_close())

    def create(self, model: str = "stand-in", limit_s: float = 20.0, **more: Any) -> Answer:
        """One create."""
        request = {"model": model, "input": DOCUMENT, "background": True, **more}
        return self.ask(lambda api: api.create(request, limit_s))

    @property
    def posts(self) -> int:
        """How many POSTs arrived."""
        return sum(request.method == "POST" for request in self.proxy.requests)


@pytest.fixture(scope="module")
def _servers() -> Iterator[Provider]:
    timing = Timing(queued_s=0, running_s=0, per_1000_tokens_s=0, slow_s=2.0, drip_every_s=0.2)
    with (
        serve(StandIn("openai", timing=timing)) as running,
        serve_proxy(f"http://{running.host}:{running.port}") as proxy,
    ):
        yield Provider(running, proxy)


@pytest.fixture
def provider(_servers: Provider) -> Iterator[Provider]:
    """The provider, with an empty memory."""
    _servers.running.stand_in.reset()
    _servers.proxy.requests.clear()
    yield _servers
    _servers.proxy.rule = lambda _: None


def test_a_generation_is_followed_from_create_to_delete(provider: Provider) -> None:
    """Create, retrieve and delete return what the provider says; a deleted one is 404."""

    async def story(api: ResponsesApi) -> tuple[Answer, Answer, Answer, Answer]:
        created = await api.create({"model": "stand-in", "input": DOCUMENT, "background": True}, 5)
        assert isinstance(created, Generation)
        return created, await api.retrieve(created.id), await api.delete(created.id), await api.retrieve(created.id)

    created, ended, _, gone = provider.ask(story)
    assert isinstance(created, Generation)
    assert isinstance(ended, Generation)
    assert isinstance(gone, FailedCall)
    assert (ended.id, ended.status, gone.status) == (created.id, "completed", 404)
    assert ended.text
    assert ended.usage is not None
    assert ended.usage.total_tokens == ended.usage.input_tokens + ended.usage.output_tokens > 0


def test_the_request_is_sent_unchanged(provider: Provider) -> None:
    """It has Backburner's fields, those of `extra`, the key and the project; the document is verbatim."""
    extra = {"parallel_tool_calls": False, "safety_identifier": "a"}
    named = {
        "instructions": "Sum up.\r\n\ttwice",
        "store": True,
        "metadata": {"job_id": "j"},
        "max_output_tokens": 100,
        "temperature": 0.5,
    }
    assert isinstance(provider.create(**named, **extra), Generation)
    (received,) = provider.running.stand_in.requests
    sent = {"model": "stand-in", "input": DOCUMENT, "background": True, **named, **extra}
    assert received.body == sent
    assert received.headers["openai-project"] == "folder"
    assert provider.proxy.requests[0].headers["authorization"] == "Bearer k"


STARTED = {"create-500-after", "create-drop-after", "create-slow-after", "create-garbage-after"}
CREATES = {
    "unauthorized": (401, "invalid_api_key", Act.PAUSE),
    "quota-exhausted": (429, "insufficient_quota", Act.PAUSE),
    "forbidden": (403, "permission_denied", Act.PAUSE_MODEL),
    "create-400": (400, "invalid_value", Act.FAIL),
    "create-404": (404, "model_not_found", Act.FAIL),
    "create-405": (405, "invalid_request_error", Act.FAIL),
    "create-413": (413, "invalid_request_error", Act.FAIL),
    "create-422": (422, "invalid_request_error", Act.FAIL),
    "create-context-length": (400, "context_length_exceeded", Act.SPLIT),
    "create-context-length-422": (422, "context_length_exceeded", Act.SPLIT),
    "create-too-long": (400, "BadRequestError", Act.SPLIT),
    "no-store": (501, "invalid_request_error", Act.PAUSE),
    "no-endpoint": (404, "", Act.PAUSE),
    "create-429": (429, "rate_limit_exceeded", Act.WAIT),
    "create-503": (503, "server_error", Act.WAIT),
    "create-500": (500, "server_error", Act.AMBIGUOUS),
    "create-500-after": (500, "server_error", Act.AMBIGUOUS),
    "create-drop-after": (None, "", Act.AMBIGUOUS),
    "create-slow-after": (None, "", Act.AMBIGUOUS),
    "create-garbage-after": (None, "", Act.AMBIGUOUS),
}


@pytest.mark.parametrize("behaviour", CREATES)
def test_a_create_is_sent_once_however_it_fails(provider: Provider, behaviour: str) -> None:
    """There is exactly one POST, within its limit, and the verdict gets what it needs."""
    status, code, act = CREATES[behaviour]
    began = time.monotonic()
    limit_s = LIMIT_S if behaviour == "create-slow-after" else PATIENCE_S
    answer = provider.create(f"stand-in/{behaviour}", limit_s=limit_s)
    assert time.monotonic() - began < limit_s + PATIENCE_S  # the slow one would take minutes
    assert isinstance(answer, FailedCall)
    assert (answer.status, answer.code, answer.sent) == (status, code, True)
    assert judge(answer, Call.CREATE).act is act
    assert provider.posts == 1
    assert len(provider.running.stand_in.generations) == (behaviour in STARTED)


@pytest.mark.parametrize("act", [CUT, LOSE, Say(200), Say(200, b"[]"), Say(200, b'{"id": 7}'), Say(204)])
def test_a_create_without_a_usable_answer_was_perhaps_sent(provider: Provider, act: Any) -> None:
    """The answer names no generation: there was one POST, and it is ambiguous."""
    provider.proxy.rule = lambda _: act
    answer = provider.create()
    assert isinstance(answer, FailedCall)
    assert (answer.status, answer.sent) == (None, True)
    assert judge(answer, Call.CREATE).act is Act.AMBIGUOUS
    assert provider.posts == 1


def test_a_refused_connection_was_never_sent(provider: Provider) -> None:
    """Nothing listens, so nothing was begun and no attempt is used."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/v1"
        answer = provider.ask(lambda api: api.create({"model": "m", "input": "x", "background": True}, 5), url)
    assert isinstance(answer, FailedCall)
    assert (answer.status, answer.sent) == (None, False)
    assert judge(answer, Call.CREATE).act is Act.WAIT


def test_a_provider_that_never_answers_is_given_up_at_the_limit(provider: Provider) -> None:
    """The limit is on the whole call; the request was sent, so it is ambiguous."""
    let_go = threading.Event()

    def hold(_: Any) -> Say:
        let_go.wait(10)
        return Say(200)

    provider.proxy.rule = hold
    began = time.monotonic()
    try:
        answer = provider.create(limit_s=0.3)
    finally:
        let_go.set()
    assert 0.3 <= time.monotonic() - began < 1.5
    assert isinstance(answer, FailedCall)
    assert (answer.status, answer.sent) == (None, True)
    assert provider.posts == 1


RETRIEVES = {
    "lost": (404, Act.LOST),
    "retrieve-401": (401, Act.PAUSE),
    "retrieve-403": (403, Act.PAUSE_MODEL),
    "retrieve-quota": (429, Act.PAUSE),
    "retrieve-429": (429, Act.POLL),
    "retrieve-500": (500, Act.POLL),
    "retrieve-400": (400, Act.LOST),
    "retrieve-425": (425, Act.POLL),
    "garbage": (None, Act.POLL),
}


@pytest.mark.parametrize("behaviour", RETRIEVES)
def test_a_retrieve_that_fails_is_an_answer(provider: Provider, behaviour: str) -> None:
    """There is one GET, which the SDK does not repeat; nothing is raised, and nothing fails."""

    async def story(api: ResponsesApi) -> Answer:
        model = f"stand-in/{behaviour}"
        created = await api.create({"model": model, "input": DOCUMENT, "background": True}, 5)
        assert isinstance(created, Generation)
        return await api.retrieve(created.id)

    answer = provider.ask(story)
    status, act = RETRIEVES[behaviour]
    assert isinstance(answer, FailedCall)
    assert answer.status == status
    assert judge(answer, Call.RETRIEVE).act is act
    assert sum(request.method == "GET" for request in provider.proxy.requests) == 1


@pytest.mark.parametrize(("times", "answered"), [(1, True), (2, False)])
def test_a_retrieve_over_a_dead_connection_is_sent_once_more(provider: Provider, times: int, answered: bool) -> None:  # noqa: FBT001
    """A connection that died while idle is no answer; if the second try fails too, it waits."""
    provider.proxy.rule = once(lambda request: request.method == "GET", CUT, times)

    async def story(api: ResponsesApi) -> Answer:
        created = await api.create({"model": "stand-in", "input": DOCUMENT, "background": True}, 5)
        assert isinstance(created, Generation)
        return await api.retrieve(created.id)

    answer = provider.ask(story)
    assert isinstance(answer, Generation) is answered
    assert judge(answer, Call.RETRIEVE).act is (Act.COMMIT if answered else Act.POLL)
    assert sum(request.method == "GET" for request in provider.proxy.requests) == 2


@pytest.mark.parametrize(
    ("headers", "expected_s"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Sat, 17 May 1997 12:00:00 GMT"}, 0),
        ({"Retry-After": "Sat, 17 May 1997 12:00:00 -0000"}, None),
        ({"Retry-After": "Sat, 17 May 2031 12:00:00 +9999999999999"}, None),
        ({"Retry-After": "1, 2"}, None),
        ({"Retry-After": "1e308"}, 10**8),
        ({}, None),
    ],
)
def test_a_hint_of_the_provider_is_read(provider: Provider, headers: dict[str, str], expected_s: float | None) -> None:
    """`Retry-After` may be in seconds or a date; an unreadable one is no hint."""
    provider.proxy.rule = lambda _: Say(429, b"{}", headers)
    answer = provider.create()
    assert isinstance(answer, FailedCall)
    assert answer.retry_after_s == expected_s


def test_an_infinite_hint_is_ignored(provider: Provider) -> None:
    """Every hint can be rounded to seconds and waited for."""
    provider.proxy.rule = lambda _: Say(429, b"{}", {"Retry-After": "inf"})
    answer = provider.create()
    assert isinstance(answer, FailedCall)
    assert answer.retry_after_s is None or answer.retry_after_s < 10**9


def test_the_hint_of_a_generation_is_read_in_milliseconds(provider: Provider) -> None:
    """`openai-poll-after-ms` takes precedence over `Retry-After`."""
    headers = {"openai-poll-after-ms": "2500", "Retry-After": "9"}
    provider.proxy.rule = lambda _: Say(200, b'{"id": "r", "status": "queued"}', headers)
    answer = provider.create()
    assert isinstance(answer, Generation)
    assert answer.poll_after_s == 2.5


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": {"code": "insufficient_quota", "message": "m"}}',
        b'{"error": {"code": null, "type": "insufficient_quota"}}',
        b'{"code": "insufficient_quota", "message": "m"}',
        b'{"error": {"code": 429, "type": "insufficient_quota"}}',
    ],
)
def test_an_exhausted_quota_is_seen_in_every_shape(provider: Provider, body: bytes) -> None:
    """Its code or type, flat or nested, gives it away, never its text."""
    provider.proxy.rule = lambda _: Say(429, body)
    assert judge(provider.create(), Call.CREATE).act is Act.PAUSE


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"\xff\xfe",
        b"null",
        b'"text"',
        b'{"error": "flat text"}',
        b'{"error": []}',
        b'{"error": {"message": 7, "code": {}}}',
    ],
)
def test_an_error_without_a_shape_is_known_by_its_status(provider: Provider, body: bytes) -> None:
    """Gateways answer with HTML, with nothing, with anything."""
    provider.proxy.rule = lambda _: Say(502, body)
    answer = provider.create()
    assert isinstance(answer, FailedCall)
    assert answer.status == 502
    assert answer.message


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"id": "r", "status": "queued", "created_at": 1e999}',
        b'{"id": "r", "status": "queued", "usage": {"input_tokens": NaN}}',
    ],
)
@pytest.mark.parametrize("verb", ["create", "retrieve"])
def test_numbers_and_nesting_beyond_reason_are_answers_too(provider: Provider, verb: str, body: bytes) -> None:
    """Nothing that a provider sends raises an exception."""
    provider.proxy.rule = lambda _: Say(200, body)

    async def story(api: ResponsesApi) -> Answer:
        return await (api.retrieve("r") if verb == "retrieve" else api.create({"model": "m", "input": "x"}, 5))

    assert isinstance(provider.ask(story), Generation | FailedCall)


@pytest.mark.parametrize("more", [{"temperature": float("nan")}, {"tools": [{"name": "\ud800"}]}])
def test_a_request_that_cannot_be_sent_is_an_answer(provider: Provider, more: dict[str, Any]) -> None:
    """A recipe with something that JSON cannot express fails the job, not the process."""
    answer = provider.create(**more)
    assert isinstance(answer, FailedCall)
    assert provider.posts == 0


def test_a_key_that_cannot_be_read_starts_nothing(provider: Provider) -> None:
    """An outage of the secret store comes before the send: the job waits, and no attempt is used."""

    def key() -> str:
        raise RetryLaterError("the secret store does not answer")

    answer = provider.ask(lambda api: api.create({"model": "m", "input": "x"}, 5), key=key)
    assert isinstance(answer, FailedCall)
    assert not answer.sent


def test_a_changed_key_is_read_again_before_anything_is_paused(provider: Provider) -> None:
    """When an old key is refused, the same call is sent with the new one, and so are all others."""
    keys, current = list[str](), "old"

    def key() -> str:
        keys.append(current)
        return current

    provider.proxy.rule = lambda request: Say(401, b"{}") if request.headers["authorization"].endswith("old") else None

    async def story(api: ResponsesApi) -> list[Answer]:
        nonlocal current
        request = {"model": "stand-in", "input": DOCUMENT, "background": True}
        refused = await api.create(request, 5)
        current = "new"
        return [refused, *await asyncio.gather(*(api.create(request, 5) for _ in range(3)))]

    refused, *accepted = provider.ask(story, key=key)
    assert isinstance(refused, FailedCall)
    assert judge(refused, Call.CREATE).act is Act.PAUSE
    assert all(isinstance(answer, Generation) for answer in accepted)
    assert keys.count("new") == 1
    assert len(provider.running.stand_in.generations) == 3


def test_a_key_that_stays_refused_is_read_only_once_more(provider: Provider) -> None:
    """No call is repeated with the same key."""
    provider.proxy.rule = lambda _: Say(401, b"{}")
    answer = provider.create()
    assert isinstance(answer, FailedCall)
    assert (answer.status, provider.posts) == (401, 1)


@pytest.mark.parametrize(
    "key", ["sk-\u201cabc\u201d", "sk-\u0430bc", "sk-a\u00a0bc", "sk-a bc", "sk-abc\n", "sk\u200babc"]
)
@pytest.mark.parametrize("call", Call)
def test_a_key_that_cannot_be_a_header_pauses_with_a_clear_message(provider: Provider, key: str, call: Call) -> None:
    """A typographic quote, a Cyrillic letter, a space: no document fails, and the key is not shown."""

    async def story(api: ResponsesApi) -> Answer:
        return await (api.retrieve("r") if call is Call.RETRIEVE else api.create({"model": "m", "input": "x"}, 5))

    verdict = judge(provider.ask(story, key=lambda: key), call)
    assert verdict.act is Act.PAUSE
    assert "the provider's key cannot be sent" in verdict.brief
    assert "U+" in verdict.brief
    assert "abc" not in verdict.brief
    assert provider.proxy.requests == []


def test_an_empty_secret_pauses_with_a_clear_message(provider: Provider) -> None:
    """It is that of the secret's reader."""

    def key() -> str:
        raise ConfigError("the secret k is empty: put the provider's key into it")

    verdict = judge(provider.ask(lambda api: api.create({"model": "m", "input": "x"}, 5), key=key), Call.CREATE)
    assert verdict.act is Act.PAUSE
    assert "the secret k is empty" in verdict.brief


class _Full(Http):
    """A pool with all connections in use."""

    async def call(self, *_: Any, **__: Any) -> Reply:
        """Wait for a connection for ever."""
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]


def test_a_create_does_not_wait_for_connections_of_looks(provider: Provider) -> None:
    """It could time out unsent, and be counted as a generation that was perhaps started."""

    async def story() -> Answer:
        looks = _Full(connect_s=1, read_s=1)
        api = ResponsesApi(
            base_url=provider.proxy.url + "/v1", api_key=lambda: "k", project=None, organization=None, http=looks
        )
        try:
            return await api.create({"model": "stand-in", "input": DOCUMENT}, 20)
        finally:
            await api.drop_connections()

    assert isinstance(asyncio.run(story()), Generation)


def test_a_project_that_cannot_be_a_header_pauses_too() -> None:
    """The folder id was typed with a Cyrillic letter."""

    async def story() -> Answer:
        api = ResponsesApi(
            base_url="http://127.0.0.1:9/v1", api_key=lambda: "k", project="b1g\u0430", organization=None
        )
        return await api.create({"model": "m", "input": "x"}, 5)

    verdict = judge(asyncio.run(story()), Call.CREATE)
    assert verdict.act is Act.PAUSE
    assert "OPENAI_PROJECT_ID" in verdict.brief


@pytest.mark.parametrize(
    ("content", "headers", "words"),
    [
        (b"The field `input` must be a string.", {"Content-Type": "text/plain"}, "The field `input` must be a string."),
        ("Поле input задано неверно.".encode(), {"Content-Type": "text/plain"}, "Поле input задано неверно."),
        (b"<html><body><h1>Request blocked</h1></body></html>", {"Content-Type": "text/html"}, "Request blocked"),
        (b"", {}, "HTTP 400"),
    ],
)
def test_a_refusal_keeps_its_words_whatever_its_type(
    provider: Provider, content: bytes, headers: dict[str, str], words: str
) -> None:
    """Proxies and older servers answer in plain text."""
    provider.proxy.rule = lambda _: Say(400, content, headers)
    verdict = judge(provider.create(), Call.CREATE)
    assert (verdict.act, words in verdict.message) == (Act.FAIL, True)


def test_the_key_is_masked_in_what_a_provider_repeats(provider: Provider) -> None:
    """It is in any form; the called address is shown without its password."""
    provider.proxy.rule = lambda request: Say(403, f'{{"message": "no: {request.headers["authorization"]}"}}'.encode())
    answer = provider.ask(lambda api: api.create({"model": "m", "input": "x"}, 5), key=lambda: "my-own-key")
    assert isinstance(answer, FailedCall)
    assert answer.message == "no: Bearer ***"
    url = provider.proxy.url.replace("http://", "http://user:word@") + "/v1"
    answer = provider.ask(lambda api: api.create({"model": "m", "input": "x"}, 5), url)
    assert isinstance(answer, FailedCall)
    assert answer.url == f"POST {provider.proxy.url}/v1/responses"


def test_an_error_with_status_200_is_that_error(provider: Provider) -> None:
    """Some gateways send it: too long is too long, anything else is ambiguous."""
    long = b'{"error": {"code": "e", "message": "number of input tokens must be no more than 9, got 10"}, "output": []}'
    provider.proxy.rule = lambda _: Say(200, long)
    assert judge(provider.create(), Call.CREATE).act is Act.SPLIT
    provider.proxy.rule = lambda _: Say(200, b'{"error": {"message": "something"}}')
    assert judge(provider.create(), Call.CREATE).act is Act.AMBIGUOUS


@pytest.mark.parametrize(
    "more",
    [
        b'"created_at": ' + b"9" * 5000,
        b'"usage": {"output_tokens": 1e308, "input_tokens": ' + b"9" * 310 + b"}",
        b'"error": {"code": "\\ud83d"}',
        b'"output": [{"type": {}}]',
        b'"metadata": {"a": NaN, "b": "\\ud83d"}',
        b'"model": "\xff\xfe"',
    ],
)
def test_an_answer_with_invalid_values_is_still_read(provider: Provider, more: bytes) -> None:
    """Its id is not lost, so the generation is collected and not paid again."""
    provider.proxy.rule = lambda _: Say(200, b'{"id": "r", "status": "queued", ' + more + b"}")
    answer = provider.create()
    assert isinstance(answer, Generation)
    assert answer.id == "r"
    assert msgspec.json.encode(answer)


@pytest.mark.parametrize("response_id", ["a b", "a/b", "a?b#c", "ä%20", "resp_0" * 50])
def test_an_id_is_never_parsed(provider: Provider, response_id: str) -> None:
    """Any string names a generation: it is sent as one path segment."""
    assert isinstance(provider.ask(lambda api: api.retrieve(response_id)), FailedCall)
    (request,) = provider.proxy.requests
    assert request.path.startswith("/v1/responses/")
    assert request.path.count("/") == 3
    assert "?" not in request.path
