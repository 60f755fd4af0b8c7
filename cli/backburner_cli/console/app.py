"""The console over HTTP: the page, what it asks for, and what it changes.

GET changes nothing. Whatever users have made goes out as JSON, or as a document of its own under `/content/`.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec
from starlette.applications import Starlette
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from backburner.errors import BackburnerError, Reason
from backburner.ports import TooLargeError
from backburner_cli.console.actions import ChangedError
from backburner_cli.console.documents import UnknownError, by_row, media_type
from backburner_cli.console.figures import SPANS, added_up, overview
from backburner_cli.console.rows import OPEN_STATES, SORTS, STATES, Query
from backburner_cli.errors import CommandError
from backburner_cli.operator.remedies import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from backburner_cli.console.actions import Actions
    from backburner_cli.console.documents import Documents
    from backburner_cli.console.figures import Figures
    from backburner_cli.console.index import JobIndex
    from backburner_cli.console.limits import Limits
    from backburner_cli.console.rows import Row

STATIC: Final = Path(__file__).parent / "static"
MAX_PAGE: Final = 500
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
EXAMPLES: Final = 5
"""Failed documents of one reason whose messages are shown."""
_BAD, _NOT_FOUND, _CONFLICT, _TOO_LARGE, _UNREACHED = 400, 404, 409, 413, 502


class Selected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which documents a change is about: those of `keys`, or without keys those that the filters let pass."""

    agreed: int
    """How many, as the person who agreed was told."""
    keys: list[str] = []
    states: list[str] = []
    reasons: list[str] = []
    recipe: str | None = None
    prefix: str | None = None
    text: str | None = None
    rerun: bool = False

    def of(self, rows: tuple[Row, ...]) -> list[Row]:
        """Those documents, in the order of their keys."""
        query = Query(
            keys=frozenset(self.keys),
            states=frozenset(self.states),
            reasons=frozenset(self.reasons),
            recipe=self.recipe,
            prefix=self.prefix,
            text=self.text,
            sort="key",
            reverse=False,
        )
        return query.of(rows)


@dataclass
class Pages:
    """The endpoints. The latest list is kept, so that scrolling through it neither filters nor sorts again."""

    deployment: str
    index: JobIndex
    documents: Documents
    actions: Actions
    limits: Limits
    _listed: tuple[int, Query, list[Row]] | None = None
    _figures: tuple[int, Figures] | None = None
    _told: tuple[int, str, int, dict[str, Any]] | None = None
    _messages: dict[str, str | None] = field(default_factory=dict)

    async def overview(self, request: Request) -> Response:
        """The run at a glance."""
        snapshot, span = self.index.watch(), request.query_params.get("span", "hour")
        if span not in SPANS:
            raise CommandError(f"span is one of {', '.join(SPANS)}")
        now = time.time()
        known = (snapshot.version, span, int(now / 10))
        if self._told is None or self._told[:3] != known:
            if self._figures is None or self._figures[0] != snapshot.version:
                self._figures = snapshot.version, await asyncio.to_thread(added_up, snapshot.rows)
            told = await asyncio.to_thread(overview, self._figures[1], snapshot.rows, span, now)
            self._told = (*known, told)
        own = {
            "deployment": self.deployment,
            "version": snapshot.version,
            "is_ready": self.index.is_ready,
            "reads": self.index.reads,
            "problem": self.index.problem or self.limits.problem,
            "limits": await self.limits.told(),
            "actions": [action.told() for action in self.actions.begun],
        }
        return _json(self._told[3] | own)

    async def jobs(self, request: Request) -> Response:
        """A stretch of the list."""
        asked = request.query_params
        snapshot, query = self.index.watch(), _query(request)
        if self._listed is None or self._listed[:2] != (snapshot.version, query):
            self._listed = (snapshot.version, query, await asyncio.to_thread(query.of, snapshot.rows))
        rows = self._listed[2]
        first, count = _number(asked.get("offset", "0")), min(MAX_PAGE, _number(asked.get("limit", "100")))
        told = {"version": snapshot.version, "is_ready": self.index.is_ready, "total": len(rows), "offset": first}
        return _json(told | {"rows": rows[first : first + count]})

    async def failures(self, _: Request) -> Response:
        """What has failed by reason, with the remedy and a few of the messages."""
        groups: dict[str, list[Row]] = {}
        for row in self.index.watch().rows:
            if row.state == "failed":
                groups.setdefault(row.reason or "", []).append(row)
        ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        return _json({"reasons": [await self._group(reason, rows) for reason, rows in ordered]})

    async def _group(self, reason: str, rows: list[Row]) -> dict[str, Any]:
        latest = sorted(rows, key=lambda row: -row.changed_at)[:EXAMPLES]
        examples = [{"key": row.key, "message": await self._message(row)} for row in latest]
        remedy = REMEDIES[Reason(reason)] if reason in set(Reason) else ""
        return {"reason": reason, "count": len(rows), "remedy": remedy, "examples": examples}

    async def _message(self, row: Row) -> str | None:
        name = f"{row.job_id}.{row.run}"
        if name not in self._messages:
            try:
                self._messages[name] = await self.documents.failure(row.key)
            except (CommandError, BackburnerError):
                return None
        return self._messages[name]

    async def story(self, request: Request) -> Response:
        """One document's timeline."""
        key = request.query_params.get("key", "")
        row = next((row for row in self.index.watch().rows if row.key == key), None)
        try:
            told = await self.documents.story(key)
        except CommandError:
            if row is None:
                raise
            told = by_row(row)
        return _json(told | {"row": row})

    async def shown(self, request: Request) -> Response:
        """A document or result, for the page to show."""
        return _json(await self.documents.shown(request.query_params.get("key", "")))

    async def recipes(self, _: Request) -> Response:
        """Names of recipes."""
        return _json({"recipes": await self.documents.recipes()})

    async def raw(self, request: Request) -> Response:
        """A picture or PDF as it is; nothing else that a browser could take for a page of this console."""
        stored = await self.documents.stored(request.query_params.get("key", ""))
        media = media_type(stored.body)
        if media is None:
            raise UnknownError("only pictures and PDFs are shown as they are")
        return Response(stored.body, media_type=media)

    async def download(self, request: Request) -> Response:
        """An object whole, to be kept as a file: never shown."""
        key = request.query_params.get("key", "")
        stored = await self.documents.stored(key)
        name = quote(key.rpartition("/")[2], safe="")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(stored.body, media_type="application/octet-stream", headers=headers)

    async def upload(self, request: Request) -> Response:
        """Take a document that was dropped."""
        asked = request.query_params
        told = await self.actions.upload(asked.get("recipe", ""), asked.get("path", ""), request.stream())
        return _json(told, _BAD if told["problem"] else 200)

    async def replay(self, request: Request) -> Response:
        """Run documents again."""
        selected = await _selected(request)
        rows = selected.of(self.index.watch().rows)
        return _json(self.actions.replay(rows, selected.agreed, rerun=selected.rerun).told())

    async def cancel(self, request: Request) -> Response:
        """Cancel jobs that are under way."""
        selected = await _selected(request)
        rows = [row for row in selected.of(self.index.watch().rows) if row.state in OPEN_STATES]
        return _json(self.actions.cancel(rows, selected.agreed).told())


def build_app(pages: Pages) -> Starlette:
    """The application, without its guard."""
    return Starlette(
        routes=[
            Route("/", lambda _: FileResponse(STATIC / "index.html"), methods=["GET"]),
            Route("/api/overview", pages.overview, methods=["GET"]),
            Route("/api/jobs", pages.jobs, methods=["GET"]),
            Route("/api/failures", pages.failures, methods=["GET"]),
            Route("/api/story", pages.story, methods=["GET"]),
            Route("/api/shown", pages.shown, methods=["GET"]),
            Route("/api/recipes", pages.recipes, methods=["GET"]),
            Route("/api/upload", pages.upload, methods=["PUT"]),
            Route("/api/replay", pages.replay, methods=["POST"]),
            Route("/api/cancel", pages.cancel, methods=["POST"]),
            Route("/content/raw", pages.raw, methods=["GET"]),
            Route("/content/download", pages.download, methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            UnknownError: _answering(_NOT_FOUND),
            ChangedError: _answering(_CONFLICT),
            TooLargeError: _answering(_TOO_LARGE),
            CommandError: _answering(_BAD),
            BackburnerError: _answering(_UNREACHED),
            404: lambda _request, _error: PlainTextResponse("There is nothing at this address.\n", _NOT_FOUND),
        },
    )


def _answering(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_: Request, error: Exception) -> Response:
        return _json({"problem": str(error)}, status)

    return answer


def _json(value: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _query(request: Request) -> Query:
    asked = request.query_params
    states, reasons = frozenset(asked.getlist("state")), frozenset(asked.getlist("reason"))
    sort = asked.get("sort", "time")
    if not states <= set(STATES) or sort not in SORTS:
        raise CommandError(f"state is one of {', '.join(STATES)}; sort one of {', '.join(SORTS)}")
    return Query(
        keys=frozenset(asked.getlist("key")),
        states=states,
        reasons=reasons,
        recipe=asked.get("recipe") or None,
        prefix=asked.get("prefix") or None,
        text=asked.get("text") or None,
        sort=sort,
        reverse=asked.get("reverse", "true") == "true",
    )


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > len(str(MAX_BODY_BYTES * 100)):
        raise CommandError(f"{text[:20]!r} is no number of rows")
    return int(text)


async def _selected(request: Request) -> Selected:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise TooLargeError(len(body))
    try:
        return msgspec.json.decode(body, type=Selected)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CommandError(f"which documents is not clear: {error}") from error
