"""The stand-in itself, without HTTP: it starts generations, answers about them and remembers requests."""

import hashlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from backburner_cli.standin import behaviours
from backburner_cli.standin.behaviours import CONTEXT_LENGTH_EXCEEDED, UNAVAILABLE, Chosen
from backburner_cli.standin.extract import count_tokens
from backburner_cli.standin.eyes import check_pictures, picture_tokens, unseen
from backburner_cli.standin.generations import Generation, compose
from backburner_cli.standin.profiles import PROFILES, Profile, ProfileName
from backburner_cli.standin.replies import RefusedError, Reply, error, refuse
from backburner_cli.standin.strictness import check, input_text
from backburner_cli.standin.timing import Timing
from backburner_cli.standin.turns import Operation, Turns

Outage = Literal["off", "503", "drop"]
"""No outage; every request is answered 503; every connection is closed."""

_OUTAGES: Final[dict[Outage, Reply]] = {"503": UNAVAILABLE, "drop": Reply(manner="drop")}


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request as received, without its key."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any = None


class StandIn:
    """A provider of the Responses API in background mode. Thread-safe; `clock` must never go back."""

    def __init__(
        self,
        profile: ProfileName = "openai",
        *,
        timing: Timing | None = None,
        context_tokens: int = 128_000,
        max_body_bytes: int = 32 * 1024 * 1024,
        max_pictures: int = 100,
        remembers: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `remembers=False`, no requests or documents are kept, for long runs."""
        self.profile: Final[Profile] = PROFILES[profile]
        self.timing: Final = timing or Timing()
        self.context_tokens: Final = context_tokens
        self.max_body_bytes: Final = max_body_bytes
        self.max_pictures: Final = max_pictures
        self._remembers = remembers
        self._clock = clock
        self._epoch = time.time() - clock()
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything: requests, generations, scripts, turns, outage."""
        with self._lock:
            self._outage: Outage = "off"
            self._requests: list[Received] = []
            self._counts: Counter[str] = Counter()
            self._generations: dict[str, Generation] = {}
            self._open: dict[str, Generation] = {}
            self._most_open = 0
            self._turns = Turns()

    # For tests and operators.

    @property
    def requests(self) -> tuple[Received, ...]:
        """All requests to the API, oldest first."""
        with self._lock:
            return tuple(self._requests)

    @property
    def generations(self) -> tuple[Generation, ...]:
        """All generations that were started, oldest first, including deleted ones."""
        with self._lock:
            return tuple(self._generations.values())

    @property
    def open(self) -> int:
        """How many generations are queued or in progress."""
        with self._lock:
            self._close_finished()
            return len(self._open)

    @property
    def most_open(self) -> int:
        """The largest number that were open at the same time."""
        return self._most_open

    def status_of(self, response_id: str) -> str:
        """Return a generation's current status, even if retrieves do not show it. Raises `KeyError`."""
        with self._lock:
            return self._generations[response_id].status(self._clock())

    def script(self, behaviour: str, times: int = 1, *, on: Operation = "create") -> None:
        """Apply a behaviour to the next `times` creates (or retrieves), whatever their model. Raises `ValueError`."""
        with self._lock:
            self._turns.script(behaviour, times, on)

    def outage(self, mode: Outage = "503") -> None:
        """Begin an outage of the whole API, or end it with `off`. Raises `ValueError` for an unknown mode."""
        if mode != "off" and mode not in _OUTAGES:
            raise ValueError(f"no outage {mode!r}")
        with self._lock:
            self._outage = mode

    def state(self) -> dict[str, Any]:
        """Return counts and generations as JSON, without any text of a document."""
        with self._lock:
            now = self._clock()
            listed = [
                {
                    "id": one.id,
                    "model": one.model,
                    "input_sha256": one.input_sha256,
                    "status": one.status(now),
                    "cancelled": one.cancelled,
                    "deleted": one.deleted,
                    "created_at": one.created_at + one.epoch,
                    "metadata": one.request.get("metadata") or {},
                }
                for one in self._generations.values()
            ]
            counts = {"requests": dict(self._counts), "open": self.open, "most_open": self._most_open}
            return {**counts, "outage": self._outage, "generations": listed}

    # The API's calls. Each returns a reply or raises `RefusedError`.

    def admit(self, request: Received, operation: str, key: str | None) -> Reply | None:
        """Count a request; return a reply if it is rejected at once: outage, no key, no project."""
        with self._lock:
            self._counts[operation] += 1
            if self._remembers:
                self._requests.append(request)
            if self._outage != "off":
                return _OUTAGES[self._outage]
        if not key or key == "wrong":
            message = "Incorrect API key provided." if key else "You didn't provide an API key."
            return error(401, message, "invalid_api_key" if key else None)
        if self.profile.needs_project and not request.headers.get("openai-project"):
            return error(400, "Missing header OpenAI-Project.", "missing_required_parameter", param="OpenAI-Project")
        return None

    def models(self, project: str) -> Reply:
        """List the model that behaves well, and all that misbehave."""
        prefix = self.profile.model_prefix.format(project=project)
        described = {behaviours.MODEL: behaviours.GOOD} | {
            f"{behaviours.MODEL}/{name}": behaviour for name, behaviour in behaviours.BEHAVIOURS.items()
        }
        data = [
            {
                "id": f"{prefix}{name}",
                "object": "model",
                "created": 0,
                "owned_by": "backburner",
                "description": known.description,
            }
            for name, known in described.items()
        ]
        return Reply(body={"object": "list", "data": data})

    def create(self, body: dict[str, Any]) -> Reply:
        """Start a generation, unless the request is wrong or its model misbehaves."""
        check(body, self.profile)
        form = self.profile.model_form.fullmatch(body["model"])
        named = behaviours.of_model(form["name"]) if form else None
        if named is None:
            # 404, as OpenAI's Responses API and vLLM answer since the autumn of 2026; it was 400 before.
            raise refuse("The requested model does not exist.", "model_not_found", param="model", status=404)
        check_pictures(body, most=self.max_pictures, is_blind=named.behaviour.is_blind)
        text = input_text(body)
        tokens = count_tokens(unseen(text)) + picture_tokens(text) + count_tokens(body.get("instructions") or "")
        if tokens > self.context_tokens:
            raise RefusedError(CONTEXT_LENGTH_EXCEEDED)
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        with self._lock:
            chosen = self._turns.for_create(named, sha256, body.get("max_output_tokens"))
        if chosen.behaviour.instead_of_create:
            return chosen.behaviour.instead_of_create
        if chosen.behaviour.answers_with_another and (another := self._newest(body)):
            return Reply(body=another.view(self._clock()))
        made = self._generation(body, text, sha256, tokens, chosen)
        with self._lock:
            self._generations[made.id] = self._open[made.id] = made
            self._close_finished()
            self._most_open = max(self._most_open, len(self._open))
        return _told(chosen.behaviour.after_create, made.view(self._clock()))

    def retrieve(self, response_id: str) -> Reply:
        """Show a generation."""
        made = self._find(response_id)
        with self._lock:
            now = self._clock()
            return _told(self._turns.for_retrieve(made, now), made.view(now))

    def cancel(self, response_id: str) -> Reply:
        """Cancel a generation; cancelling it again is no error, but cancelling one that has ended is."""
        made = self._find(response_id)
        if not made.request.get("background"):
            raise refuse("Cannot cancel a synchronous response.")
        with self._lock:
            now = self._clock()
            status = made.status(now)
            if made.is_open(now):
                made.cancelled, made.ends_at = True, min(made.ends_at, now)
                return Reply(
                    body=made.view(now) | {"status": "cancelled", "output": [], "usage": None, "completed_at": None}
                )
            if status != "cancelled":
                raise refuse(f"Cannot cancel a {status} response.")
            return Reply(body=made.view(now))

    def delete(self, response_id: str) -> Reply:
        """Delete a generation, even if it is still running."""
        if not self.profile.deletes:
            raise RefusedError(error(405, "Method Not Allowed", headers={"Allow": "GET"}))
        with self._lock:
            made = self._find(response_id)
            made.deleted = True
            self._open.pop(response_id, None)
        return Reply(body={"id": response_id, "object": "response", "deleted": True})

    def _newest(self, asked: dict[str, Any]) -> Generation | None:
        """The newest generation with metadata, if the request has some: without, nobody could tell it from its own."""
        with self._lock:
            newest = reversed(self._generations.values())
            return next((one for one in newest if one.request.get("metadata") or not asked.get("metadata")), None)

    def _find(self, response_id: str) -> Generation:
        with self._lock:
            made = self._generations.get(response_id)
        if made is None or made.deleted:
            raise refuse(f"Response with id '{response_id}' not found.", "not_found", status=404)
        return made

    def _generation(self, body: dict[str, Any], text: str, sha256: str, tokens: int, chosen: Chosen) -> Generation:
        outcome = compose(body, text, chosen.behaviour.ending)
        now = self._clock()
        is_over = chosen.behaviour.duration == "none" or not body.get("background")
        runs_from = now if is_over else now + self.timing.queued_s
        is_endless = chosen.behaviour.duration == "endless"
        ends_at = now if is_over else math.inf if is_endless else runs_from + self.timing.runs_s(tokens)
        return Generation(
            id=self.profile.new_id(),
            model=body["model"],
            input_sha256=sha256,
            request={name: value for name, value in body.items() if name != "input"},
            chosen=chosen,
            outcome=outcome,
            created_at=now,
            runs_from=runs_from,
            ends_at=ends_at,
            epoch=self._epoch,
            input=text if self._remembers else None,
        )

    def _close_finished(self) -> None:
        now = self._clock()
        for response_id in [key for key, one in self._open.items() if not one.is_open(now)]:
            del self._open[response_id]


def _told(wrong: Reply | None, truth: dict[str, Any]) -> Reply:
    """Return a behaviour's reply; if it has no body, with the right answer, possibly altered."""
    reply = wrong or Reply()
    return replace(reply, body=truth | dict(reply.altered)) if reply.body is None else reply
