"""The provider: any service with the Responses API.

Create and cancel use the OpenAI SDK, which is imported when first needed (that takes over a second) and never retries,
since a repeated create is paid twice. Retrieve and delete are plain calls: they are made for every generation, and
would cost many times as much through the SDK. Time-outs only limit single reads, so whole calls are limited here. If a
connection turns out to be dead, calls that change nothing are repeated once, a create never.
"""

import asyncio
import contextlib
import logging
import unicodedata
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from backburner.adapters.http import Http, NoAnswerError, Reply
from backburner.adapters.provider_replies import answer_of, called_url, keyless, late, unanswered
from backburner.adapters.quick_imports import no_collection
from backburner.capacity.timing import Pace
from backburner.errors import BackburnerError, ConfigError
from backburner.provider.answers import Answer, FailedCall

if TYPE_CHECKING:
    from types import ModuleType

    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)

CALL_LIMIT_S = 20.0
"""The time limit of a whole call other than create."""
_CONNECT_LIMIT_S = 5.0
_UNAUTHORIZED = 401


def _pool() -> Http:
    return Http(connect_s=_CONNECT_LIMIT_S, read_s=CALL_LIMIT_S, is_lenient=True)


@dataclass(frozen=True, kw_only=True)
class ResponsesApi:
    """One provider. `api_key` is read once, and again after a refusal; without `keeps_key`, before every call."""

    base_url: str
    api_key: Callable[[], str]
    keeps_key: bool = True
    project: str | None
    organization: str | None
    http: Http = field(default_factory=_pool)
    """For retrieve and delete."""
    sdk_http: Http = field(default_factory=_pool)
    """For calls of the SDK, so that a create never waits for a connection used by a poll."""
    creates: Pace | None = None
    """The rate of creates; waiting for it does not count towards a create's time limit."""
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)
    _keys: list[str] = field(default_factory=list, repr=False)
    _addresses: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict, repr=False)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:
        """Start a generation, once."""
        if self.creates is not None:
            await self.creates.turn()
        # A body is sent unchanged; of arguments, the SDK would first look up every field in its types.
        return await self._call(lambda api: api.with_raw_response.create(extra_body=request), limit_s, tries=1)

    async def retrieve(self, response_id: str) -> Answer:
        """Retrieve a generation."""
        return await self._answered(lambda left_s: self._plain("GET", response_id, left_s))

    async def cancel(self, response_id: str) -> Answer:
        """Ask the provider to stop a generation."""
        return await self._call(lambda api: api.with_raw_response.cancel(response_id))

    async def delete(self, response_id: str) -> Answer:
        """Ask the provider to delete a response. No answer to this fails a job."""
        return await self._answered(lambda left_s: self._plain("DELETE", response_id, left_s))

    async def drop_connections(self) -> None:
        """Close all pooled connections; the next call opens new ones. No call may be in progress."""
        client: AsyncOpenAI | None = self._cache.pop("client", None)
        if client is not None:
            await client.close()
        await self.sdk_http.close()
        await self.http.close()

    def _client(self) -> "AsyncOpenAI":
        if "client" not in self._cache:
            from backburner.adapters.sdk_transport import PooledTransport  # noqa: PLC0415 - an idle tick has no use for httpx2

            sdk = _sdk()
            self._require_names()
            self._cache["client"] = sdk.AsyncOpenAI(
                api_key=self._key,
                base_url=self.base_url,
                project=self.project,
                organization=self.organization,
                max_retries=0,
                http_client=sdk.DefaultAsyncHttpx2Client(transport=PooledTransport(self.sdk_http)),
            )
        client: AsyncOpenAI = self._cache["client"]
        return client

    def _require_names(self) -> None:
        _require_header("OPENAI_PROJECT_ID", self.project or "")
        _require_header("OPENAI_ORG_ID", self.organization or "")

    async def _key(self) -> str:
        """The key, cached until the provider refuses it, since it may have been changed."""
        if not self._keys or not self.keeps_key:
            key = await asyncio.to_thread(self.api_key)
            _require_header("the provider's key", key)
            self._keys[:] = [key]
        return self._keys[-1]

    async def _is_changed(self, refused: str) -> bool:
        """Read the key again, once for all calls refused with the old one. Returns whether it has changed."""
        async with self._reading:
            if self._keys[-1:] == [refused]:
                self._keys.clear()
            return await self._key() != refused

    async def _call(
        self, call: Callable[[Any], Awaitable[Any]], limit_s: float = CALL_LIMIT_S, *, tries: int = 2
    ) -> Answer:
        """Make a call through the SDK."""
        return await self._answered(lambda left_s: self._called(call, left_s, tries), limit_s)

    async def _answered(
        self, ask: Callable[[float], Awaitable[tuple[Answer, str]]], limit_s: float = CALL_LIMIT_S
    ) -> Answer:
        """Make a call, and repeat it with the new key if the old one is refused: a refused call has started nothing."""
        now = asyncio.get_running_loop().time
        until = now() + limit_s
        answer, used = await ask(limit_s)
        if isinstance(answer, FailedCall) and answer.status == _UNAUTHORIZED and used and now() < until:
            with contextlib.suppress(BackburnerError, TimeoutError):
                async with asyncio.timeout(until - now()):
                    is_changed = await self._is_changed(used)
                if is_changed:
                    answer, _ = await ask(max(0.0, until - now()))
        return answer

    async def _plain(self, method: str, response_id: str, limit_s: float) -> tuple[Answer, str]:
        """Make a call without the SDK. Returns the answer and the key that was used ("" if none was sent)."""
        segment = quote(response_id, safe="").replace(".", "%2E")  # a segment of dots alone would change the path
        try:
            async with asyncio.timeout(limit_s):
                key = await self._key()
                address, headers = self._addressed(key)
                url = f"{address}/{segment}"
                reply = await _got(self.http, method, url, headers)
        except TimeoutError:
            return late(limit_s), ""
        except NoAnswerError as error:
            return FailedCall(status=None, sent=error.is_sent, message=f"no answer: {error.name}"), ""
        except BackburnerError as error:
            return keyless(error), ""
        return answer_of(reply.status, reply.headers, reply.body, called=f"{method} {url}", secrets=[key]), key

    def _addressed(self, key: str) -> tuple[str, dict[str, str]]:
        """The address of responses, without any user name in it, and headers like those that the SDK sends.

        Made once for each key. Raises `ConfigError` if a value cannot be sent as a header.
        """
        if key not in self._addresses:
            self._require_names()
            parts = urlsplit(f"{self.base_url.rstrip('/')}/responses")
            user, _, host = parts.netloc.rpartition("@")
            basic = f"Basic {b64encode(unquote(user).encode()).decode()}"
            headers = {"Accept": "application/json", "User-Agent": "backburner", "Authorization": f"Bearer {key}"}
            headers |= {"Authorization": basic} if user else {}
            headers |= {"OpenAI-Project": self.project} if self.project else {}
            headers |= {"OpenAI-Organization": self.organization} if self.organization else {}
            self._addresses.clear()
            self._addresses[key] = parts._replace(netloc=host).geturl(), headers
        return self._addresses[key]

    async def _called(self, call: Callable[[Any], Awaitable[Any]], limit_s: float, tries: int) -> tuple[Answer, str]:
        """Make one call. Returns the answer and the key that was used ("" if none was sent)."""
        sdk = _sdk()
        try:
            client = self._client()
            async with asyncio.timeout(limit_s):
                response = (await _asked(lambda: call(client.responses), tries)).http_response
        except sdk.APIStatusError as error:
            response = error.response
        except TimeoutError:
            return late(limit_s), ""
        except (sdk.OpenAIError, BackburnerError, TypeError, ValueError, RecursionError) as error:
            return unanswered(error), ""
        used = response.request.headers.get("authorization", "").removeprefix("Bearer ")
        secrets, called = [used] if used else [], called_url(response)
        return answer_of(response.status_code, response.headers, response.content, called=called, secrets=secrets), used


@cache
def _sdk() -> "ModuleType":
    """The OpenAI SDK with what creates need, imported when first needed, so that an idle tick never pays for it."""
    with no_collection():
        import openai  # noqa: PLC0415
        import openai.resources.responses  # noqa: PLC0415
    return openai


async def _got(http: Http, method: str, url: str, headers: Mapping[str, str]) -> Reply:
    """The answer, asked for once more if the first one broke off. For dead connections the pool does the same."""
    try:
        return await http.call(method, url, headers)
    except NoAnswerError as error:
        if not error.is_broken_off:
            raise
    return await http.call(method, url, headers)


async def _asked(call: Callable[[], Awaitable[Any]], tries: int) -> Any:
    """Make a call, and repeat it on a new connection if the first one was dead."""
    from openai import APIConnectionError  # noqa: PLC0415

    for _ in range(tries - 1):
        try:
            return await call()
        except APIConnectionError as error:
            if not _is_dead_connection(error):
                raise
    return await call()


def _is_dead_connection(error: Exception) -> bool:
    """Whether a pooled connection was closed under us, as opposed to being slow or never made."""
    from backburner.adapters.sdk_transport import no_answer  # noqa: PLC0415

    failure = no_answer(error)
    return failure is not None and failure.is_sent and not isinstance(failure.__cause__, TimeoutError)


def _require_header(what: str, value: str) -> None:
    """Raise `ConfigError` if a value cannot be sent as a header; no document is to blame for that."""
    for position, character in enumerate(value, 1):
        if not ("!" <= character <= "~"):
            code = f"U+{ord(character):04X} {unicodedata.name(character, 'without a name')}"
            raise ConfigError(
                f"{what} cannot be sent: its character {position} is {code}, and only ASCII without spaces can be. "
                "Was it copied from a text that writes quotes or letters its own way? Put the right one in its place"
            )
