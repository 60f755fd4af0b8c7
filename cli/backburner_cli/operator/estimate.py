"""Estimates documents by reading and counting them as the functions do; nothing is sent anywhere.

The upper end of a range is what the functions would reserve, the lower end what past usage suggests.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backburner.batch.input_lines import custom_id_of, split_lines
from backburner.capacity.estimates import affordable, require_price
from backburner.capacity.limits import Limits
from backburner.documents.pictures import picture_tokens
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import Recipe, parse, source_text
from backburner.documents.tokens import (
    CHARS_PER_TOKEN,
    estimate_tokens,
    known_of,
    line_tokens,
    max_input_tokens,
    output_tokens,
    part_size,
    sized_line,
    window_of,
)
from backburner.errors import JobError, Reason
from backburner.jobs.text import must_see, wish_of
from backburner.provider.profiles import resolve_model
from backburner.split.divide import parts_by_pages, spans_of
from backburner.split.pages import Room

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backburner.capacity.limits import Counters
    from backburner.memory.budget import MemoryBudget
    from backburner.ports import Extractor
    from backburner.settings import Settings

_FEWER_TOKENS = 1.5
"""Before anything is learnt, the lower end assumes this many times fewer tokens than the upper end."""
_FEWER_OF_PICTURES = 0.1
"""Models that count pictures least take a tenth of what is estimated."""
_ABOUT = 0.1
"""The assumed error of a learnt ratio."""
_CAPS = ("max_output_tokens", "max_completion_tokens", "max_tokens")
_SHORT_OUTPUT = 0.1
"""Before anything is learnt, the lower end assumes answers of this share of the cap."""


@dataclass(frozen=True)
class Range:
    """A range: from the least that is likely to what would be reserved."""

    low: float = 0
    high: float = 0

    def __add__(self, other: Range) -> Range:
        """The sum of both."""
        return Range(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The estimate of one document; `refused` is the reason for which it would fail before anything is paid."""

    name: str
    model: str = ""
    characters: int = 0
    pictures: int = 0
    """Pages that are shown as pictures."""
    parts: int = 0
    """0 for a document that is sent in one piece."""
    generations: int = 0
    input_tokens: Range = Range()
    output_tokens: Range = Range()
    cost: Range | None = None
    notes: Sequence[str] = ()
    reused: bool = False
    """Whether another document's answer would be taken over, so that nothing is generated."""
    refused: Reason | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Estimator:
    """Reads documents as the functions do. `output_share`: learnt output tokens per input token, by model."""

    settings: Settings
    extractor: Extractor
    memory: MemoryBudget
    counters: Counters
    output_share: dict[str, float] = field(default_factory=dict)

    async def estimate(self, name: str, body: bytes, recipe_name: str, recipe_source: bytes | None) -> Estimate:
        """Estimate one document with its recipe."""
        try:
            recipe = parse(source_text(recipe_name, recipe_source))
            settings = self.settings
            model = resolve_model(settings.profile, recipe.model or settings.model, settings.project)
            self.memory.must_fit(len(body))
            if is_batch(name, body):
                found = self._batch(name, body, recipe, model)
            else:
                found = await self._document(name, body, recipe, model)
            self._check_budget(found, recipe)
        except JobError as error:
            return Estimate(name=name, refused=error.reason, message=str(error))
        return found

    async def _document(self, name: str, body: bytes, recipe: Recipe, model: str) -> Estimate:
        sees = known_of(self.settings.sighted, model)
        extracted = await self.extractor.extract(body, name, wish_of(recipe, sees=sees))
        must_see(extracted, model, sees=sees)
        text, window = extracted.text, window_of(self.settings.windows, model)
        parts = await self._parts(extracted, recipe, model, max_input_tokens(recipe, window))
        is_cut = len(parts) > 1
        instructions = estimate_tokens(recipe.instructions)
        inputs = [self._input(len(part.text), instructions, model) + self._shown(part, recipe, model) for part in parts]
        cap = output_tokens(recipe, window)
        outputs = [self._output(each, cap, model) for each in inputs]
        if is_cut and not recipe.concatenates:  # one more generation reads all answers
            answers = sum(outputs, Range())
            inputs.append(Range(answers.low + instructions, answers.high + instructions))
            outputs.append(self._output(inputs[-1], cap, model))
        return _estimate(
            name, model, recipe, sum(inputs, Range()), sum(outputs, Range()),
            characters=len(text), parts=len(parts) if is_cut else 0, generations=len(inputs), notes=extracted.notes,
            pictures=len(extracted.pictures),
        )  # fmt: skip

    async def _parts(self, extracted: Extracted, recipe: Recipe, model: str, tokens: int) -> list[Extracted]:
        """What is sent in each generation. Raises `JobError` if a document cannot be cut as it must be."""
        ratio, text = self.counters.chars_per_token.get(model, CHARS_PER_TOKEN), extracted.text
        if extracted.pictures:
            room = Room(
                recipe=recipe,
                tokens=tokens,
                pictures=recipe.images.max_pages_per_part,
                chars_per_token=ratio,
                picture_scale=self.counters.picture_scale.get(model, 1.0),
            )
            return [extracted] if room.takes(extracted) else await parts_by_pages(extracted, room, self.extractor)
        if len(text) <= tokens * ratio:
            return [extracted]
        spans = await spans_of(text, part_size(recipe, tokens, ratio), self.extractor)
        return [Extracted(text[span.first : span.last]) for span in spans]

    def _batch(self, name: str, body: bytes, recipe: Recipe, model: str) -> Estimate:
        inputs, outputs, lines = Range(), Range(), 0
        for line in split_lines(body):
            if not line.strip():
                continue
            size_bytes, pictures = sized_line(line)
            taken, given = line_tokens(size_bytes, _cap_of(line), recipe.instructions, pictures)
            lines += 1
            inputs += Range(taken / _FEWER_TOKENS, taken)
            outputs += self._output(Range(taken / _FEWER_TOKENS, taken), given, model)
        return _estimate(
            name, model, recipe, inputs, outputs, characters=len(body), parts=0, generations=lines, notes=()
        )

    def _input(self, characters: int, instructions: int, model: str) -> Range:
        learnt = self.counters.chars_per_token.get(model)
        if learnt is None:
            most = characters / CHARS_PER_TOKEN + 1
            return Range(most / _FEWER_TOKENS + instructions / _FEWER_TOKENS, most + instructions)
        about = characters / learnt + 1 + instructions
        return Range(about * (1 - _ABOUT), about * (1 + _ABOUT))

    def _shown(self, part: Extracted, recipe: Recipe, model: str) -> Range:
        """The tokens of pages that are shown as pictures."""
        most, learnt = picture_tokens(part.pictures, recipe.images.detail), self.counters.picture_scale.get(model)
        if learnt is None:
            return Range(most * _FEWER_OF_PICTURES, most)
        return Range(most * learnt * (1 - _ABOUT), most * learnt * (1 + _ABOUT))

    def _output(self, inputs: Range, cap: int, model: str) -> Range:
        share = self.output_share.get(model)
        low = cap * _SHORT_OUTPUT if share is None else min(cap, inputs.low * share * (1 - _ABOUT))
        return Range(low, cap)

    def _check_budget(self, found: Estimate, recipe: Recipe) -> None:
        """Refuse what no budget can cover, as the functions do. For a document in parts, each part needs its own."""
        settings = self.settings
        limits = Limits(
            max_in_flight=settings.max_in_flight,
            submits_per_minute=settings.submits_per_minute,
            daily_tokens=settings.daily_tokens,
            daily_cost=settings.daily_cost,
        )
        require_price(recipe.price, limits)
        if found.generations <= 1:
            affordable(recipe.price, round(found.input_tokens.high), round(found.output_tokens.high), limits)


def duration_s(found: Sequence[Estimate], settings: Settings, counters: Counters) -> dict[str, float]:
    """How many seconds each limit costs at least, by its name; the largest one decides."""
    generations = sum(each.generations for each in found)
    slots = min(settings.max_in_flight, settings.profile.max_watched(settings.polls_per_second))
    usual = [counters.usual_s[each.model] * each.generations for each in found if each.model in counters.usual_s]
    limits = {
        "starts per minute": generations / settings.submits_per_minute * 60,
        "polls per second": generations / settings.polls_per_second,
    }
    if usual:
        limits["generations in flight"] = sum(usual) / max(1, min(slots, generations))
    tokens = sum(each.input_tokens.low + each.output_tokens.low for each in found)
    if settings.daily_tokens:
        limits["tokens a day"] = max(0, math.ceil(tokens / settings.daily_tokens) - 1) * 86_400
    cost = sum(each.cost.low for each in found if each.cost)
    if settings.daily_cost:
        limits["cost a day"] = max(0, math.ceil(cost / settings.daily_cost) - 1) * 86_400
    return limits


def _estimate(name: str, model: str, recipe: Recipe, inputs: Range, outputs: Range, **more: Any) -> Estimate:
    price = recipe.price
    cost = None
    if price is not None:
        low, high = ((round(inputs.low), round(outputs.low)), (round(inputs.high), round(outputs.high)))
        cost = Range(price.of(*low), price.of(*high))
    return Estimate(name=name, model=model, input_tokens=inputs, output_tokens=outputs, cost=cost, **more)


def is_batch(name: str, body: bytes) -> bool:
    """Whether a document is a batch, by its name and its first lines."""
    if not name.lower().endswith(".jsonl"):
        return False
    lines = [line for line in split_lines(body[:1_000_000]) if line.strip()][:20]
    return any(custom_id_of(line) is not None for line in lines)


def _cap_of(line: bytes) -> object:
    """The bound on output tokens that a line names, in the words of either API."""
    try:
        body = json.loads(line)["body"]
        return next((body[name] for name in _CAPS if body.get(name) is not None), None)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
