"""The stand-in over HTTP: routes, the key, the size of a body, and answers that come late, slowly or never."""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from backburner_cli.standin.provider import Received, StandIn
from backburner_cli.standin.replies import RefusedError, Reply, error, refuse

logger: Final = logging.getLogger(__name__)

Address = tuple[str, int]
Action = Callable[[Request, Any], Reply]


def build_app(stand_in: StandIn, drop: Callable[[Address], None], token: str) -> Starlette:
    """Serve a stand-in over HTTP; `drop` closes the connection from a client's address.

    Control requests need the token in their path, which web pages in a browser on this machine do not know. A page
    cannot get in through a host name that points here, either.
    """
    api = _Api(stand_in, drop)
    control = f"/control/{token}"
    return Starlette(
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])],
        routes=[
            Route("/v1/responses", api.answering(lambda _, body: stand_in.create(body)), methods=["POST"]),
            Route("/v1/responses/{id}", api.answering(lambda r, _: stand_in.retrieve(_id(r))), methods=["GET"]),
            Route("/v1/responses/{id}", api.answering(lambda r, _: stand_in.delete(_id(r))), methods=["DELETE"]),
            Route("/v1/responses/{id}/cancel", api.answering(lambda r, _: stand_in.cancel(_id(r))), methods=["POST"]),
            Route("/v1/models", api.answering(lambda r, _: stand_in.models(_project(r))), methods=["GET"]),
            Route(f"{control}/state", lambda _: JSONResponse(stand_in.state()), methods=["GET"]),
            Route(f"{control}/behaviour", _controlling(lambda b: stand_in.script(**b)), methods=["POST"]),
            Route(f"{control}/outage", _controlling(lambda b: stand_in.outage(**b)), methods=["POST"]),
            Route(f"{control}/reset", _controlling(lambda _: stand_in.reset()), methods=["POST"]),
        ],
        exception_handlers={404: _nowhere, 405: _nowhere},
    )


class _Api:
    """Everything under `/v1`: admits, reads, answers and logs every request."""

    def __init__(self, stand_in: StandIn, drop: Callable[[Address], None]) -> None:
        self.stand_in = stand_in
        self.drop = drop

    def answering(self, action: Action) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint for one action."""

        async def endpoint(request: Request) -> Response:
            try:
                reply = await self._reply(request, action)
            except ClientDisconnect:  # the client went away during its request: nobody reads an answer
                return Response(status_code=400)
            response_id = request.path_params.get("id")
            if response_id is None and isinstance(reply.body, dict):
                response_id = reply.body.get("id")
            fields = {
                "method": request.method,
                "path": request.url.path,
                "status": reply.status,
                "manner": reply.manner,
            }
            logger.info("request", extra={**fields, "response_id": response_id})
            return self._rendered(reply)

        return endpoint

    async def _reply(self, request: Request, action: Action) -> Reply:
        raw = await _bounded_body(request, self.stand_in.max_body_bytes)
        body: Any = None
        problem: Reply | None = None
        try:
            body = _parsed(raw) if request.method == "POST" and raw else {}
        except RefusedError as refused:
            problem = refused.reply
        headers = {name: value for name, value in request.headers.items() if name != "authorization"}
        received = Received(method=request.method, path=request.url.path, headers=headers, body=body)
        operation = f"{request.method} {_shape(request)}"
        if denied := self.stand_in.admit(received, operation, _key(request)):
            return denied
        if raw is None:
            return error(413, "The request body is too large.", "request_too_large")
        if problem:
            return problem
        try:
            return await run_in_threadpool(action, request, body)
        except RefusedError as refused:
            return refused.reply

    def _rendered(self, reply: Reply) -> Response:
        headers = {"x-request-id": f"req_{uuid.uuid4().hex}", **reply.headers}
        content = json.dumps(reply.body) if isinstance(reply.body, dict) else reply.body or ""
        kind = "application/json" if isinstance(reply.body, dict) else None
        timing = self.stand_in.timing
        match reply.manner:
            case "whole":
                return Response(content, reply.status, headers, kind)
            case "slow":
                return StreamingResponse(_late(content, timing.slow_s), reply.status, headers, kind)
            case "drip":
                return StreamingResponse(_dripping(content, timing.drip_every_s), reply.status, headers, kind)
            case "drop":
                return _Dropped(self.drop)


class _Dropped(Response):
    """No answer at all: the connection is closed."""

    def __init__(self, drop: Callable[[Address], None]) -> None:
        super().__init__()
        self.drop = drop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        host, port = scope["client"]
        self.drop((host, port))
        while (await receive())["type"] != "http.disconnect":
            pass


async def _late(content: str, after_s: float) -> AsyncIterator[str]:
    await asyncio.sleep(after_s)
    yield content


async def _dripping(content: str, every_s: float) -> AsyncIterator[str]:
    for character in content:
        yield character
        await asyncio.sleep(every_s)


async def _bounded_body(request: Request, max_bytes: int) -> bytes | None:
    """Read the body to its end, so that the connection stays usable; None if it is too large to be kept."""
    kept = bytearray()
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= max_bytes:
            kept += chunk
    return bytes(kept) if size <= max_bytes else None


def _parsed(raw: bytes) -> dict[str, Any]:
    """Read a JSON object, all of it valid Unicode."""
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as broken:
        raise refuse("We could not parse the JSON body of your request.") from broken
    if not isinstance(body, dict):
        raise refuse("The body of the request must be a JSON object.", "invalid_type")
    return body


def _key(request: Request) -> str | None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() or None if scheme.casefold() == "bearer" else None


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _project(request: Request) -> str:
    return request.headers.get("openai-project", "project")


def _shape(request: Request) -> str:
    """Return the path with `{id}` in place of the id, so that requests can be counted."""
    return request.url.path.replace(request.path_params["id"], "{id}") if request.path_params else request.url.path


def _controlling(act: Callable[[Any], None]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint for one control; its body has the arguments of the method with the same name."""

    async def endpoint(request: Request) -> Response:
        try:
            act(json.loads(await request.body() or b"{}"))
        except (AttributeError, LookupError, TypeError, ValueError) as wrong:  # values are passed on unchecked
            return JSONResponse({"error": str(wrong)}, 400)
        return JSONResponse({"ok": True})

    return endpoint


async def _nowhere(request: Request, exception: Exception) -> Response:
    status = getattr(exception, "status_code", 404)
    return JSONResponse(error(status, f"Invalid URL ({request.method} {request.url.path})").body, status)
