"""The console over HTTP: the page, and the endpoints by which it reads and changes things.

GET changes nothing. Users' content is only sent as JSON, or as a separate document under `/content/`.
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
from backburner.ledger.keys import FOLDER
from backburner.ledger.records import State
from backburner.ports import TooLargeError
from backburner_cli.console.actions import ChangedError
from backburner_cli.console.documents import UnknownError, by_job, media_type
from backburner_cli.console.figures import SPANS, added_up, overview
from backburner_cli.console.recipes import compared
from backburner_cli.console.requests import Edited, Selected, Tried, body_of, number_of, query_of
from backburner_cli.console.rows import row_of
from backburner_cli.console.runs import chosen
from backburner_cli.errors import CommandError
from backburner_cli.operator.remedies import REMEDIES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from backburner_cli.console.actions import Actions
    from backburner_cli.console.documents import Documents
    from backburner_cli.console.figures import Figures
    from backburner_cli.console.index import WatchedIndex
    from backburner_cli.console.limits import Limits
    from backburner_cli.console.recipes import Recipes
    from backburner_cli.console.rows import Query
    from backburner_cli.console.runs import Runs
    from backburner_cli.operator.job import Job

STATIC: Final = Path(__file__).parent / "static"
MAX_PAGE: Final = 500
EXAMPLES: Final = 5
"""How many messages are shown for each reason of failure."""
_BAD, _NOT_FOUND, _CONFLICT, _TOO_LARGE, _UNREACHED = 400, 404, 409, 413, 502


@dataclass
class Pages:
    """The endpoints. The latest list is kept, so that scrolling does not filter and sort it again."""

    deployment: str
    index: WatchedIndex
    documents: Documents
    recipes: Recipes
    runs: Runs
    actions: Actions
    limits: Limits
    _listed: tuple[int, Query, list[Job]] | None = None
    _figures: tuple[int, Figures] | None = None
    _overview: tuple[int, str, int, dict[str, Any]] | None = None
    _messages: dict[str, str | None] = field(default_factory=dict)

    async def overview(self, request: Request) -> Response:
        """The run at a glance."""
        snapshot, span = self.index.watch(), request.query_params.get("span", "hour")
        if span not in SPANS:
            raise CommandError(f"span is one of {', '.join(SPANS)}")
        now = time.time()
        known = (snapshot.version, span, int(now / 10))
        if self._overview is None or self._overview[:3] != known:
            if self._figures is None or self._figures[0] != snapshot.version:
                self._figures = snapshot.version, await asyncio.to_thread(added_up, snapshot.jobs)
            answer = await asyncio.to_thread(overview, self._figures[1], snapshot.jobs, span, now)
            self._overview = (*known, answer)
        own = {
            "deployment": self.deployment,
            "version": snapshot.version,
            "is_ready": self.index.is_ready,
            "reads": self.index.reads,
            "problem": self.index.problem or self.limits.problem,
            "limits": await self.limits.current(),
            "actions": [action.plain() for action in self.actions.begun],
        }
        return _json(self._overview[3] | own)

    async def jobs(self, request: Request) -> Response:
        """A range of the list."""
        asked = request.query_params
        snapshot, query = self.index.watch(), query_of(request)
        if self._listed is None or self._listed[:2] != (snapshot.version, query):
            self._listed = (snapshot.version, query, await asyncio.to_thread(query.of, snapshot.jobs))
        jobs = self._listed[2]
        first, count = number_of(asked.get("offset", "0")), min(MAX_PAGE, number_of(asked.get("limit", "100")))
        answer = {"version": snapshot.version, "is_ready": self.index.is_ready, "total": len(jobs), "offset": first}
        return _json(answer | {"rows": [row_of(job) for job in jobs[first : first + count]]})

    async def failures(self, _: Request) -> Response:
        """The failed documents by reason, with the remedy and a few messages."""
        groups: dict[str, list[Job]] = {}
        for job in self.index.watch().jobs:
            if job.state is State.FAILED:
                groups.setdefault(job.reason or "", []).append(job)
        ordered = sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
        return _json({"reasons": [await self._group(reason, jobs) for reason, jobs in ordered]})

    async def _group(self, reason: str, jobs: list[Job]) -> dict[str, Any]:
        latest = sorted(jobs, key=lambda job: job.changed_at, reverse=True)[:EXAMPLES]
        examples = [{"key": job.key, "message": await self._message(job)} for job in latest]
        remedy = REMEDIES[Reason(reason)] if reason in set(Reason) else ""
        return {"reason": reason, "count": len(jobs), "remedy": remedy, "examples": examples}

    async def _message(self, job: Job) -> str | None:
        name = f"{job.job_id}.{job.run}"
        if name not in self._messages:
            try:
                self._messages[name] = await self.documents.failure(job.key)
            except (CommandError, BackburnerError):
                return None
        return self._messages[name]

    async def story(self, request: Request) -> Response:
        """One document's timeline."""
        key = request.query_params.get("key", "")
        job = next((job for job in self.index.watch().jobs if job.key == key), None)
        try:
            answer = await self.documents.story(key)
        except CommandError:
            if job is None:
                raise
            answer = by_job(job)
        return _json(answer | {"row": job and row_of(job)})

    async def shown(self, request: Request) -> Response:
        """A document, result or error record, for the page to show."""
        return _json(await self.documents.shown(request.query_params.get("key", "")))

    async def quotes(self, request: Request) -> Response:
        """The quotes of a result in its source."""
        return _json(await self.documents.quotes(request.query_params.get("key", "")))

    async def recipe_names(self, _: Request) -> Response:
        """The names of the recipes."""
        return _json({"recipes": await self.recipes.names()})

    async def recipe(self, request: Request) -> Response:
        """A recipe's text."""
        return _json(await self.recipes.read(request.query_params.get("name", "")))

    async def save_recipe(self, request: Request) -> Response:
        """Replace a recipe, if it is unchanged since it was read."""
        self._require_bucket()
        changed = await body_of(request, Edited)
        return _json(await self.recipes.save(changed.name, changed.text, changed.etag))

    async def try_recipe(self, request: Request) -> Response:
        """Process one document with a changed recipe."""
        self._require_bucket()
        tried = await body_of(request, Tried)
        answer = await self.recipes.try_on(tried.name, tried.text, tried.key)
        self.index.hurry()
        return _json(answer)

    async def compare(self, request: Request) -> Response:
        """Compare two recipes on the documents that both have processed."""
        asked = request.query_params
        jobs = self.index.watch().jobs
        return _json(await asyncio.to_thread(compared, jobs, asked.get("old", ""), asked.get("new", "")))

    async def difference(self, request: Request) -> Response:
        """Compare two results word by word."""
        asked = request.query_params
        return _json(await self.recipes.difference(asked.get("old", ""), asked.get("new", "")))

    async def runs_of(self, request: Request) -> Response:
        """The finished runs of a document."""
        found = await self.runs.of(request.query_params.get("key", ""), self.index.index.ended())
        return _json({"runs": [run.plain() for run in found]})

    async def pair(self, request: Request) -> Response:
        """Two runs side by side."""
        asked, ended = request.query_params, self.index.index.ended()
        old = chosen(await self.runs.of(asked.get("key", ""), ended), asked.get("run", ""))
        new = chosen(await self.runs.of(asked.get("with", ""), ended), asked.get("with_run", ""))
        return _json(await self.runs.pair(old, new))

    async def raw(self, request: Request) -> Response:
        """A picture or PDF as it is. Nothing else, as a browser might take it for a page of this console."""
        stored = await self.documents.stored(request.query_params.get("key", ""))
        media = media_type(stored.body)
        if media is None:
            raise UnknownError("only pictures and PDFs are shown as they are")
        return Response(stored.body, media_type=media)

    async def download(self, request: Request) -> Response:
        """A whole object, to be saved as a file and never shown."""
        key = request.query_params.get("key", "")
        stored = await self.documents.stored(key)
        name = quote(key.rpartition("/")[2], safe="")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
        return Response(stored.body, media_type="application/octet-stream", headers=headers)

    async def upload(self, request: Request) -> Response:
        """Upload a document that was dropped on the page."""
        self._require_bucket()
        asked = request.query_params
        answer = await self.actions.upload(asked.get("recipe", ""), asked.get("path", ""), request.stream())
        return _json(answer, _BAD if answer["problem"] else 200)

    async def replay(self, request: Request) -> Response:
        """Run documents again."""
        selected = await body_of(request, Selected)
        jobs = selected.of(self.index.watch().jobs)
        return _json(self.actions.replay(jobs, selected.agreed, rerun=selected.rerun).plain())

    async def cancel(self, request: Request) -> Response:
        """Cancel open jobs."""
        selected = await body_of(request, Selected)
        jobs = [job for job in selected.of(self.index.watch().jobs) if job.is_open]
        return _json(self.actions.cancel(jobs, selected.agreed).plain())

    def _require_bucket(self) -> None:
        """Raise `CommandError` for a folder, whose documents and recipe are the user's own files."""
        if self.actions.session.settings.bucket == FOLDER:
            raise CommandError("put documents into the folder, and name the recipe to backburner run: it takes both")


def build_app(pages: Pages) -> Starlette:
    """The application without its guard."""
    return Starlette(
        routes=[
            Route("/", lambda _: FileResponse(STATIC / "index.html"), methods=["GET"]),
            Route("/api/overview", pages.overview, methods=["GET"]),
            Route("/api/jobs", pages.jobs, methods=["GET"]),
            Route("/api/failures", pages.failures, methods=["GET"]),
            Route("/api/story", pages.story, methods=["GET"]),
            Route("/api/shown", pages.shown, methods=["GET"]),
            Route("/api/quotes", pages.quotes, methods=["GET"]),
            Route("/api/recipes", pages.recipe_names, methods=["GET"]),
            Route("/api/recipe", pages.recipe, methods=["GET"]),
            Route("/api/recipe", pages.save_recipe, methods=["PUT"]),
            Route("/api/trial", pages.try_recipe, methods=["POST"]),
            Route("/api/compare", pages.compare, methods=["GET"]),
            Route("/api/difference", pages.difference, methods=["GET"]),
            Route("/api/runs", pages.runs_of, methods=["GET"]),
            Route("/api/pair", pages.pair, methods=["GET"]),
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
