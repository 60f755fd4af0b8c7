"""The provider, through the OpenAI SDK: any service that speaks the Responses API.

The SDK is imported where it is first needed (over a second), never retries (a repeated create is paid twice), and its
time-out bounds only each read, so the whole call is bounded here. A connection that died unnoticed is no answer of the
provider: what changes nothing there is asked once more, a create never.
"""

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from backburner.answers import Answer, Trouble, generation_of, trouble_of
from backburner.errors import BackburnerError
from backburner.pacing import Pace

if TYPE_CHECKING:
    from openai import AsyncOpenAI

logger = logging.getLogger(__name__)

CALL_LIMIT_S = 20.0
"""Bound on a whole call other than create."""
_CONNECT_LIMIT_S = 5.0
_BAD_REQUEST, _UNAUTHORIZED = 400, 401


@dataclass(frozen=True, kw_only=True)
class ResponsesApi:
    """One provider. `api_key` is asked for at the first call only, unless it is one that ends by itself."""

    base_url: str
    api_key: Callable[[], str]
    keeps_key: bool = True
    project: str | None
    organization: str | None
    creates: Pace | None = None
    """How fast creates may follow one another; the wait is not part of a create's limit."""
    _cache: dict[str, Any] = field(default_factory=dict, repr=False)
    _keys: list[str] = field(default_factory=list, repr=False)

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:
        """Start a generation, once."""
        if self.creates is not None:
            await self.creates.turn()
        return await self._call(lambda api: api.with_raw_response.create(**_sdk_arguments(request)), limit_s, tries=1)

    async def retrieve(self, response_id: str) -> Answer:
        """Look at a generation."""
        return await self._call(lambda api: api.with_raw_response.retrieve(response_id))

    async def cancel(self, response_id: str) -> Answer:
        """Ask the provider to stop a generation."""
        return await self._call(lambda api: api.with_raw_response.cancel(response_id))

    async def delete(self, response_id: str) -> Answer:
        """Ask the provider to forget a response. Whatever it answers fails nothing."""
        return await self._call(lambda api: api.with_raw_response.delete(response_id))

    async def drop_connections(self) -> None:
        """Close what is pooled; the next call opens anew. Nothing may be under way."""
        client: AsyncOpenAI | None = self._cache.pop("client", None)
        if client is not None:
            await client.close()

    def _client(self) -> "AsyncOpenAI":
        if "client" not in self._cache:
            from openai import AsyncOpenAI, Timeout  # noqa: PLC0415 - an idle tick never pays for it

            self._cache["client"] = AsyncOpenAI(
                api_key=self._key,
                base_url=self.base_url,
                project=self.project,
                organization=self.organization,
                max_retries=0,
                timeout=Timeout(CALL_LIMIT_S, connect=_CONNECT_LIMIT_S),
            )
        client: AsyncOpenAI = self._cache["client"]
        return client

    async def _key(self) -> str:
        """The key, kept until the provider refuses it: it may have been changed since."""
        if not self._keys or not self.keeps_key:
            self._keys.clear()
            self._keys.append(await asyncio.to_thread(self.api_key))
        return self._keys[-1]

    async def _call(
        self, call: Callable[[Any], Awaitable[Any]], limit_s: float = CALL_LIMIT_S, *, tries: int = 2
    ) -> Answer:
        client = self._client()
        from openai import APIConnectionError, APIStatusError, OpenAIError  # noqa: PLC0415

        try:
            async with asyncio.timeout(limit_s):
                response = (await _asked(lambda: call(client.responses), tries)).http_response
        except TimeoutError:
            return Trouble(status=None, message=f"no whole answer within {limit_s:g} s")
        except APIStatusError as error:
            response = error.response
        except (APIConnectionError, BackburnerError) as error:
            cause = error.__cause__ if isinstance(error, APIConnectionError) and error.__cause__ else error
            return Trouble(status=None, sent=not _never_sent(cause), message=f"no answer: {type(cause).__name__}")
        except OpenAIError as error:
            return Trouble(status=None, message=f"no readable answer: {type(error).__name__}")
        except (TypeError, ValueError) as error:
            return Trouble(status=_BAD_REQUEST, message=f"the request cannot be sent: {type(error).__name__}")
        if response.status_code == _UNAUTHORIZED:
            self._keys.clear()  # it may have been changed: the next call asks for it again
        return _answer(response.status_code, response.headers, response.content)


async def _asked(call: Callable[[], Awaitable[Any]], tries: int) -> Any:
    """Ask, and once more on a new connection where the first one was dead."""
    from openai import APIConnectionError  # noqa: PLC0415

    for _ in range(tries - 1):
        try:
            return await call()
        except APIConnectionError as error:
            if not _is_dead_connection(error.__cause__):
                raise
    return await call()


def _is_dead_connection(cause: BaseException | None) -> bool:
    """Whether it was taken from under us, rather than slow or never made."""
    import httpx2  # noqa: PLC0415 - the SDK's transport; loaded with it

    dead = httpx2.RemoteProtocolError | httpx2.ReadError | httpx2.WriteError | httpx2.CloseError
    return isinstance(cause, dead)


def _sdk_arguments(request: dict[str, Any]) -> dict[str, Any]:
    """What the SDK names goes by name; a recipe's `extra` as it is, since it may know more than the SDK."""
    known = {
        "background", "input", "instructions", "max_output_tokens", "metadata", "model", "reasoning", "service_tier",
        "store", "temperature", "text", "top_p",
    }  # fmt: skip
    extra = {name: value for name, value in request.items() if name not in known}
    named = {name: value for name, value in request.items() if name in known}
    return named | ({"extra_body": extra} if extra else {})


def _answer(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    body = _json(content)
    retry_after_s = _seconds(headers.get("retry-after"))
    if not 200 <= status < 300:  # noqa: PLR2004
        return trouble_of(status, body, retry_after_s)
    if not isinstance(body, dict):
        return Trouble(status=None, message="the answer is no JSON object", retry_after_s=retry_after_s)
    milliseconds = _seconds(headers.get("openai-poll-after-ms"))
    generation = generation_of(body, retry_after_s if milliseconds is None else milliseconds / 1000)
    if not generation.id or not generation.status:
        return Trouble(status=None, message="the answer names no response id or status", retry_after_s=retry_after_s)
    return generation


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _seconds(value: str | None) -> float | None:
    """`Retry-After` in seconds or as a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        pass
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _never_sent(cause: BaseException) -> bool:
    """Whether it happened before the request left: no connection, or no key to send it with."""
    import httpx2  # noqa: PLC0415 - the SDK's transport; loaded with it

    return isinstance(cause, BackburnerError | httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)
