"""The command `plan`: estimates tokens, parts, cost and time, and what would be refused, before anything is spent."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from backburner.documents.recipes import fingerprint, parse, source_text
from backburner.documents.tokens import known_of
from backburner.errors import ConfigError, Reason
from backburner.ledger.journal import Line, lines_in
from backburner.ledger.keys import INBOX, JOURNAL, answer_key, output_location
from backburner.ledger.ledger import Ledger
from backburner.ledger.records import ProviderRef, RecipeRef
from backburner.maintenance.snapshot import at_once, each_of
from backburner.outcome.answers import Answers
from backburner.provider.profiles import resolve_model
from backburner.settings import Settings, from_env
from backburner_cli.errors import CommandError
from backburner_cli.operator.backend import FOLDER_QUEUES
from backburner_cli.operator.bar import bar
from backburner_cli.operator.deployment import EXPORTED, HOW_TO_NAME
from backburner_cli.operator.estimate import Estimate, Estimator, Range, duration_s, is_batch
from backburner_cli.operator.figures import COST_UNKNOWN
from backburner_cli.operator.files import MAX_NAMED, documents_in, keys_of, sample
from backburner_cli.operator.session import Records, read, read_here
from backburner_cli.operator.shipped import shipped_names
from backburner_cli.system_errors import remedy_of
from backburner_cli.terminal import err, out, print_json, printable, say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEARNT_FROM = 20
"""How many of the latest journal objects are read; each has up to a thousand runs."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to estimate. `recipe`: a name or a file's path; without it, each document's folder names its recipe."""

    named: tuple[str, ...]
    recipe: str | None
    sample: int | None


def plan(environment: Mapping[str, str], wanted: Plan, *, as_json: bool) -> bool:
    """Estimate, show, and return whether nothing would be refused."""
    here = _settings_here(environment, wanted)
    if here is None:
        found, summary = read(environment, lambda records: _estimated(records, wanted))
    else:
        err.print("No deployment is named: estimated as backburner run would do it on this machine.", style="dim")
        found, summary = read_here(here, lambda records: _estimated(records, wanted))
    if as_json:
        print_json(summary | {"documents_listed": [_plain(each) for each in found]})
    else:
        _show(found, summary, shipped_names() if here is not None else ())
    for path, why in list(summary["not_uploaded"].items())[:MAX_NAMED]:
        say(f"would not be uploaded: {path}: {why}", err, style="red")
    return not summary["refused"] and not summary["not_uploaded"]


def _settings_here(environment: Mapping[str, str], wanted: Plan) -> Settings | None:
    """The settings of `backburner run`, to estimate local files if a model is named but no deployment; else None."""
    if environment.get(EXPORTED) or any(map(_is_in_bucket, wanted.named)):
        return None
    if not environment.get("BACKBURNER_MODEL"):
        settings = "the functions' settings, BACKBURNER_BUCKET and the others"
        enough = "for files on this machine BACKBURNER_PROVIDER and BACKBURNER_MODEL are enough (docs/providers.md)"
        raise CommandError(f"{HOW_TO_NAME}.\nOr export {settings}; {enough}")
    try:
        return from_env({**environment, **FOLDER_QUEUES}, needs_key=False)
    except ConfigError as error:
        raise CommandError(
            f"{error}\nWithout a deployment, the provider's variables are needed: docs/providers.md"
        ) from error


async def _estimated(records: Records, wanted: Plan) -> tuple[list[Estimate], dict[str, Any]]:
    unfit: dict[str, str] = {}
    documents = await _documents(records, wanted, unfit)
    counters = await records.counters()
    estimator = Estimator(
        settings=records.settings,
        extractor=records.extractor,
        memory=records.memory,
        counters=counters,
        output_share=await _output_shares(records),
    )
    recipes: dict[str, asyncio.Task[bytes | None]] = {}
    planned = set[str]()
    found: list[Estimate] = []
    with bar("reading documents", len(documents)) as advance:

        async def each(key: str) -> None:
            name = _recipe_name(key, wanted)
            if name not in recipes:
                recipes[name] = asyncio.create_task(_recipe(records, name, wanted))
            body = await _body(records, key, documents[key], unfit)
            if body is not None:
                source = await recipes[name]
                estimate = await estimator.estimate(key, body, name, source)
                is_answered = estimate.refused is None and await _is_answered(
                    records, key, body, (name, source), planned
                )
                found.append(_taken_over(estimate) if is_answered else estimate)
            advance()

        await at_once(each_of(documents), each, most=max(2, os.cpu_count() or 1))
    found.sort(key=lambda each: each.name)
    summary = _summary(found, records, duration_s(found, records.settings, counters))
    return found, summary | {"not_uploaded": unfit}


async def _is_answered(
    records: Records, key: str, body: bytes, recipe_of: tuple[str, bytes | None], planned: set[str]
) -> bool:
    """Whether the recipe lets a document take an answer over, and there is one, or another has the same bytes.

    `planned` has where the answers of the others will be noted.
    """
    name, source = recipe_of
    recipe, settings = parse(source_text(name, source)), records.settings
    if not recipe.reuse or is_batch(key, body):
        return False
    model = resolve_model(settings.profile, recipe.model or settings.model, settings.project)
    provider = ProviderRef(profile=settings.provider, base_url=settings.base_url, model=model)
    sha256 = fingerprint(source)
    sees = str(bool(known_of(settings.sighted, model)))
    noted = answer_key(key, body, sha256, (provider.profile, provider.base_url, model, sees))
    answers = Answers(records.bucket, Ledger(records.bucket))
    found = await answers.find(noted, RecipeRef(name=name, sha256=sha256), provider)
    is_second = noted in planned
    planned.add(noted)
    return found is not None or is_second


def _taken_over(estimate: Estimate) -> Estimate:
    cost = None if estimate.cost is None else Range()
    return replace(
        estimate, reused=True, parts=0, generations=0, input_tokens=Range(), output_tokens=Range(), cost=cost
    )


async def _documents(records: Records, wanted: Plan, unfit: dict[str, str]) -> dict[str, Path | None]:
    """The documents by key: local files with their paths, documents in the inbox with None.

    Files whose names cannot be keys get into `unfit`, with the reasons.
    """
    there = [name for name in wanted.named if _is_in_bucket(name)]
    local = [name for name in wanted.named if name not in there]
    found: dict[str, Path | None] = {}
    for prefix in there:
        async for key, _ in records.bucket.listed(prefix):
            if not key.endswith("/"):
                found[key] = None
    if there and not found:
        raise CommandError(f"no document has a key that begins with {there[0]}: backburner jobs lists them")
    if local:
        files, folders = documents_in(local)
        name = "" if wanted.recipe is None or _is_file(wanted.recipe) else wanted.recipe
        found |= keys_of(files, name, Path.cwd(), folders, unfit)
    chosen = sample({key: path or Path() for key, path in found.items()}, wanted.sample)
    return {key: found[key] for key in chosen}


def _is_in_bucket(name: str) -> bool:
    """Whether a name means keys in the bucket, and not a local folder that is called inbox."""
    return name.startswith(INBOX) and not Path(name).exists()


def _recipe_name(key: str, wanted: Plan) -> str:
    if wanted.recipe is None or _is_file(wanted.recipe):
        return output_location(key).recipe
    return wanted.recipe


async def _recipe(records: Records, name: str, wanted: Plan) -> bytes | None:
    if wanted.recipe is not None and _is_file(wanted.recipe):
        return await asyncio.to_thread(Path(wanted.recipe).read_bytes)
    return await records.current_jobs.recipe(name)


def _is_file(recipe: str) -> bool:
    return recipe.endswith(".md") or "/" in recipe


async def _body(records: Records, key: str, path: Path | None, unfit: dict[str, str]) -> bytes | None:
    if path is not None:
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            unfit[printable(str(path))] = f"{error.strerror}: {remedy_of(error)}"
            return None
    stored = await records.bucket.get(key)
    return stored.body if stored else None


async def _output_shares(records: Records) -> dict[str, float]:
    """Output tokens per input token, by model, from the latest runs."""
    taken, given = Counter[str](), Counter[str]()
    keys = [key async for key, _ in records.bucket.listed(JOURNAL)]

    async def look(key: str) -> None:
        stored = await records.bucket.get(key)
        for line in lines_in(stored.body, Line) if stored else ():
            settings = records.settings
            model = resolve_model(settings.profile, line.model, settings.project)
            taken[model] += line.usage.input_tokens
            given[model] += line.usage.output_tokens

    await at_once(each_of(keys[-_LEARNT_FROM:]), look)
    return {model: given[model] / count for model, count in taken.items() if count}


def _summary(found: list[Estimate], records: Records, limits: dict[str, float]) -> dict[str, Any]:
    good = [each for each in found if each.refused is None]
    costs = [each.cost for each in good if each.cost is not None]
    cost = sum(costs, Range()) if costs else None
    slowest = max(limits, key=lambda name: limits[name], default="")
    return {
        "documents": len(found),
        "refused": dict(Counter(str(each.refused) for each in found if each.refused is not None).most_common()),
        "reused": sum(each.reused for each in good),
        "in_parts": sum(each.parts > 0 for each in good),
        "parts": sum(each.parts for each in good),
        "pages_as_pictures": sum(each.pictures for each in good),
        "generations": sum(each.generations for each in good),
        "input_tokens": _rounded(sum((each.input_tokens for each in good), Range())),
        "output_tokens": _rounded(sum((each.output_tokens for each in good), Range())),
        "cost": None if cost is None else [round(cost.low, 4), round(cost.high, 4)],
        "without_price": len(good) - len(costs),
        "models": dict(Counter(each.model for each in good).most_common()),
        "seconds_at_least": round(limits.get(slowest, 0)),
        "limited_by": slowest,
        "provider": str(records.settings.provider),
    }


def _rounded(tokens: Range) -> list[int]:
    return [round(tokens.low), round(tokens.high)]


def _plain(each: Estimate) -> dict[str, Any]:
    return {
        name: [value["low"], value["high"]] if isinstance(value, dict) else value
        for name, value in asdict(each).items()
        if name != "refused"
    } | {"refused": each.refused and str(each.refused)}


def _show(found: list[Estimate], summary: dict[str, Any], recipes: Sequence[str]) -> None:
    """Print it. `recipes`: those that can be named; none if they are those of the bucket."""
    listed = [each for each in found if each.refused is not None]
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(justify="right")
    refused = sum(summary["refused"].values())
    for name, value in (
        ("documents", f"{summary['documents']:,}"),
        ("  would be refused", f"{refused:,}"),
        *([("  answers taken over", f"{summary['reused']:,}")] if summary["reused"] else ()),
        ("  in parts", f"{summary['in_parts']:,} ({summary['parts']:,} parts)"),
        *([("  pages as pictures", f"{summary['pages_as_pictures']:,}")] if summary["pages_as_pictures"] else ()),
        *(_spent(summary) if len(listed) < len(found) else ()),
    ):
        table.add_row(name, value)
    out.print(table)
    for each in listed[:MAX_NAMED]:
        out.print(f"would be refused: {each.name}: {each.refused}: {each.message}", markup=False)
    if len(listed) > MAX_NAMED:
        out.print(f"… and {len(listed) - MAX_NAMED} more: --json lists them all")
    for each in [each for each in found if each.notes][:MAX_NAMED]:
        out.print(f"not read: {each.name}: {'; '.join(each.notes)}", markup=False)
    if Reason.UNKNOWN_RECIPE in summary["refused"]:
        there = f"name one of {', '.join(recipes)}" if recipes else "a recipe is a file recipes/NAME.md in the bucket"
        out.print(f"No such recipe: {there}; --recipe also accepts a local file, such as ./NAME.md.", markup=False)


def _spent(summary: dict[str, Any]) -> list[tuple[str, str]]:
    """What is spent on documents that would not be refused."""
    return [
        ("generations", f"{summary['generations']:,}"),
        ("model", ", ".join(summary["models"]) or "none"),
        ("tokens in", _spread(summary["input_tokens"])),
        ("tokens out", _spread(summary["output_tokens"])),
        ("cost", _cost(summary)),
        ("time, at least", f"{_long(summary['seconds_at_least'])} ({summary['limited_by']})"),
    ]


def _spread(tokens: list[int]) -> str:
    return f"{tokens[0]:,} to {tokens[1]:,}"


def _cost(summary: dict[str, Any]) -> str:
    if summary["cost"] is None:
        return COST_UNKNOWN
    rest = f", and {summary['without_price']:,} without a price" if summary["without_price"] else ""
    return f"{summary['cost'][0]:.4f} to {summary['cost'][1]:.4f}{rest}"


def _long(seconds: int) -> str:
    if seconds < 120:  # noqa: PLR2004 - two minutes
        return f"{max(1, seconds)} s"
    minutes, hours = seconds // 60, seconds // 3600
    return f"{minutes} min" if hours < 2 else f"{hours} h" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004
