"""A provider in memory that misbehaves as a test plans."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from backburner.provider.answers import Answer, FailedCall, Generation, Usage
from support.fakes.world import START, World


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of a create: by default, a generation that completes after `runs_s` with `text`."""

    create: Answer | None = None
    """The answer to the create if it is not the truth. A `FailedCall` starts nothing unless `starts`."""
    starts: bool = False
    """Whether a create that is answered with `create` starts a generation all the same."""
    runs_s: float = 30.0
    text: str | None = None
    """None means `FakeGenerator.text_of` the document."""
    items: tuple[Mapping[str, Any], ...] = ()
    """What its output has besides the text, such as tool calls."""
    ending: Generation | None = None
    """Its state at its end (its id is filled in), unless it is simply `completed`."""
    retrieves: tuple[Answer, ...] = ()
    """Answers to the first retrieves in place of the truth."""
    forgets: bool = False
    """The provider answers 404 to every retrieve."""
    cancel_completes: bool = False
    """A cancel comes too late: the generation then counts as ended."""


@dataclass
class Made:
    """A generation that was started."""

    id: str
    request: Mapping[str, Any]
    plan: Plan
    created_s: float
    polls: int = 0
    cancelled_s: float | None = None
    is_deleted: bool = False


@dataclass
class FakeGenerator:
    """A provider whose generations complete after `Plan.runs_s`, unless planned otherwise."""

    world: World
    default: Plan = field(default_factory=Plan)
    requests: list[Mapping[str, Any]] = field(default_factory=list)
    """Every create received."""
    made: dict[str, Made] = field(default_factory=dict)
    """Every generation that was started, by id, oldest first."""
    retrieved: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    _plans: list[tuple[str | None, Plan]] = field(default_factory=list)

    @staticmethod
    def text_of(document: str) -> str:
        """The answer of a generation to a document."""
        return f"In short: {document.strip()[:80]}"

    def plan(self, plan: Plan, *, document: str | None = None, times: int = 1) -> None:
        """Let the next `times` creates, of this document or of any, follow a plan."""
        self._plans += [(document, plan)] * times

    @property
    def open(self) -> list[str]:
        """The ids of the generations that still run and so still cost money."""
        return [made.id for made in self.made.values() if self._truth(made).status in ("queued", "in_progress")]

    async def create(self, request: dict[str, Any], limit_s: float) -> Answer:
        """Start a generation."""
        assert limit_s > 0
        async with self.world.effect("generator.create", str(request.get("input", ""))):
            self.requests.append(request)
            plan = self._next_plan(str(request.get("input", "")))
            if plan.create is not None and not plan.starts:
                return plan.create
            made = Made(f"resp_{len(self.made) + 1}", request, plan, self.world.seconds)
            self.made[made.id] = made
            truth = self._truth(made)
        return plan.create or truth

    async def retrieve(self, response_id: str) -> Answer:
        """Poll a generation."""
        async with self.world.effect("generator.retrieve", response_id):
            self.retrieved.append(response_id)
            made = self.made.get(response_id)
            if made is None or made.is_deleted or made.plan.forgets:
                return _NOT_FOUND
            made.polls += 1
            scripted = made.plan.retrieves[made.polls - 1 : made.polls]
            return scripted[0] if scripted else self._truth(made)

    async def cancel(self, response_id: str) -> Answer:
        """Cancel a generation if it is still running."""
        async with self.world.effect("generator.cancel", response_id):
            self.cancelled.append(response_id)
            made = self.made.get(response_id)
            if made is None or made.is_deleted:
                return _NOT_FOUND
            if response_id in self.open:
                made.cancelled_s = self.world.seconds
            return self._truth(made)

    async def delete(self, response_id: str) -> Answer:
        """Delete a response."""
        async with self.world.effect("generator.delete", response_id):
            self.deleted.append(response_id)
            made = self.made.get(response_id)
            if made is None or made.is_deleted:
                return _NOT_FOUND
            made.is_deleted = True
            return self._truth(made)

    def _next_plan(self, document: str) -> Plan:
        for place, (wanted, plan) in enumerate(self._plans):
            if wanted in (None, document):
                del self._plans[place]
                return plan
        return self.default

    def _truth(self, made: Made) -> Generation:
        """Its true state, with a body to match."""
        truth = self._stands(made)
        content = [{"type": "output_text", "text": truth.text}]
        output = [{"type": "message", "content": content}] if truth.text else []
        output += map(dict, made.plan.items if truth.is_completed else ())
        cap = made.request.get("max_output_tokens")
        body = {"id": made.id, "status": truth.status, "output": output, "max_output_tokens": cap}
        return msgspec.structs.replace(truth, body=body)

    def _stands(self, made: Made) -> Generation:
        plan, now = made.plan, self.world.seconds
        created = int(START.timestamp() + made.created_s)
        if made.cancelled_s is not None and not plan.cancel_completes:
            return Generation(id=made.id, status="cancelled", created_at=created)
        if now < made.created_s + plan.runs_s and made.cancelled_s is None:
            status = "queued" if now == made.created_s else "in_progress"
            return Generation(id=made.id, status=status, created_at=created)
        if plan.ending is not None:
            return msgspec.structs.replace(plan.ending, id=made.id)
        document, cap = str(made.request.get("input", "")), made.request.get("max_output_tokens")
        outputs = 20 if cap is None else min(20, cap - 1)  # one that reaches its cap was cut off
        return Generation(
            id=made.id,
            status="completed",
            text=self.text_of(document) if plan.text is None else plan.text,
            model=str(made.request.get("model", "")),
            usage=Usage(
                input_tokens=len(document) // 4 + 1,
                output_tokens=outputs,
                total_tokens=len(document) // 4 + 1 + outputs,
            ),
            created_at=created,
            completed_at=int(created + plan.runs_s),
        )


_NOT_FOUND: Final = FailedCall(status=404, code="not_found", message="Response not found.")
