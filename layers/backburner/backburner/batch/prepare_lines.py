"""Prepares lines to be created: makes their requests and reservations, and holds back lines of paused models."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace

from backburner.batch.checkpoint import SegmentVisit
from backburner.batch.input_lines import BadLineError, Request, Requests
from backburner.capacity.estimates import estimated
from backburner.capacity.governor import Governor
from backburner.capacity.limits import ALL_MODELS, MAX_PAUSES, Reservation
from backburner.documents.recipes import Recipe, parse
from backburner.documents.tokens import line_tokens, sized_line
from backburner.errors import Reason
from backburner.ledger.segment_state import Todo
from backburner.settings import Settings

PROBE_S = 60.0
"""A line whose own model is refused waits this long, then twice as long, up to a quarter of an hour."""
_UNRECORDED = "*unrecorded"
"""Represents all refused models that have no pause of their own."""


@dataclass(frozen=True, kw_only=True)
class LinePreparer:
    """Prepares lines."""

    governor: Governor
    settings: Settings

    def ready(self, visit: SegmentVisit, block: list[Todo], raw: Mapping[int, bytes]) -> dict[int, Request]:
        """The requests of a block's lines; lines that cannot be sent fail here."""
        requests, found = self._requests(visit), dict[int, Request]()
        for line in block:
            try:
                if visit.segment.is_oversized:
                    raise BadLineError("line_too_large", "longer than any request, so it was not read")  # noqa: TRY301
                is_repeated = line.number in visit.segment.repeated
                request = requests.of(raw.get(line.number), line.cap, is_repeated=is_repeated)
                self._afford(request, requests, raw[line.number])
                found[line.number] = request
            except BadLineError as error:
                visit.fail(line.number, error.custom_id, error.code, str(error), param=error.param)
        return found

    def reservations(
        self, visit: SegmentVisit, lines: list[Todo], raw: Mapping[int, bytes] | None
    ) -> list[Reservation]:
        """What each line reserves: what it asks for if there is a budget, otherwise only its slot."""
        if raw is None:
            return [visit.reservation] * len(lines)
        requests, found = self._requests(visit), list[Reservation]()
        for line in lines:
            model, tokens = visit.reservation.model, (0, 0)
            with suppress(BadLineError):  # it fails without a generation
                request = requests.of(raw.get(line.number), line.cap)
                tokens = tokens_of(request, requests.recipe, raw[line.number])
                model = request.body["model"]
            estimate = estimated(visit.record.price, *tokens)
            found.append(replace(visit.reservation, model=model, tokens=estimate.tokens, cost=estimate.cost))
        return found

    def refused_models(self, visit: SegmentVisit) -> set[str]:
        """The models that are paused, except the batch's own."""
        return self.governor.last_read.pauses.keys() - {ALL_MODELS, visit.record.provider.model}

    async def hold_back(self, visit: SegmentVisit, raw: Mapping[int, bytes]) -> None:
        """Let only one of the lines that name a paused model probe it, when a probe is due, and put the others off.

        If more models are refused than pauses are kept, one line at a time probes any of the others.
        """
        counters, now = await self.governor.counters()
        refused = {name: counters.pauses[name] for name in self.refused_models(visit) if name in counters.pauses}
        requests, tried, age_s, todo = self._requests(visit), set[str](), visit.age_s(), list[Todo]()
        for line in visit.segment.todo:
            model = _model_of(requests, raw.get(line.number), line) if line.not_before_s <= age_s else ""
            is_unrecorded = model and line.times_refused and model not in refused and len(counters.pauses) >= MAX_PAUSES
            model = _UNRECORDED if is_unrecorded else model
            left_s = (refused[model].next_probe - now).total_seconds() if model in refused else 0.0
            if model in tried or left_s > 0:
                todo.append(replace(line, not_before_s=round(age_s + max(left_s, PROBE_S), 1)))
                continue
            tried |= {model} & {_UNRECORDED, *refused}
            todo.append(line)
        if todo != visit.segment.todo:
            visit.segment, visit.is_changed = replace(visit.segment, todo=todo), True

    def _requests(self, visit: SegmentVisit) -> Requests:
        record = visit.record
        return Requests(
            profile=self.settings.profile,
            recipe=parse(record.recipe_text),
            model=record.provider.model,
            project=self.settings.project,
            job=record.job_id,
            also_allowed=self.settings.line_parameters,
            sighted=self.settings.sighted,
        )

    def _afford(self, request: Request, requests: Requests, line: bytes) -> None:
        """Raise `BadLineError` if a single line costs more than a whole day's budget, or its price is not known."""
        limits = self.governor.limits
        price = requests.recipe.price if request.body["model"] == requests.model else None
        if why := estimated(price, *tokens_of(request, requests.recipe, line)).over_budget(limits):
            raise BadLineError(Reason.OVER_BUDGET, why, request.custom_id)
        if limits.daily_cost is not None and price is None:
            why = (
                f"BACKBURNER_DAILY_COST is set, and the recipe's price is that of {requests.model}: use no other model"
            )
            raise BadLineError("unknown_price", why, request.custom_id)


def tokens_of(request: Request, recipe: Recipe, line: bytes) -> tuple[int, int]:
    """The estimated input tokens of a request, and its maximum output tokens."""
    instructions = "" if request.is_given else recipe.instructions
    size_bytes, pictures = sized_line(line)
    return line_tokens(size_bytes, request.body.get("max_output_tokens"), instructions, pictures)


def _model_of(requests: Requests, raw: bytes | None, line: Todo) -> str:
    """The model that a line would be sent to; "" if it cannot be sent."""
    try:
        return str(requests.of(raw, line.cap).body["model"])
    except BadLineError:
        return ""
