"""A deployment that has seen many documents: copied from the records of a few that it has really processed.

many_jobs(world, 100_000)        # a WarmDeployment; journal lines in objects of a thousand, some open and error records
"""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

from backburner.errors import Reason
from backburner.ledger.keys import JOURNAL, open_key, output_location
from support.deployment import DOCUMENT
from support.warm_deployment import WarmDeployment

PRICE = "price: {input: 0.40, output: 1.60}"
PER_OBJECT = 1000
FAILED_SHARE = 0.02
_REASONS = (
    (Reason.OUTPUT_TRUNCATED, "The generation stopped at max_output_tokens (500): raise it in the recipe."),
    (Reason.UNREADABLE_DOCUMENT, "No text was found on 12 pages: probably a scan. Recognise its text (OCR) first."),
    (Reason.PROVIDER_FAILED, "The provider answered: server_error: The server had an error processing your request."),
    (Reason.REFUSED, "The model declined: I can't help with that request."),
)
_RECIPES = (
    ("summary", "model-large"),
    ("summary", "model-large"),
    ("extract", "model-small"),
    ("translate", "model-large"),
)
_NAMES = ("lease", "contract", "invoice", "minutes", "report", "survey", "tender", "protocol")


def many_jobs(
    world: WarmDeployment, count: int, *, open_jobs: int = 40, hours: float = 6, errors_each: int = 5
) -> None:
    """Fill the bucket: the latest end was a minute ago, and a third of the open jobs are running.

    For each reason, `errors_each` failed documents have their error record; the others are only in the journal.
    """
    chance, now = random.Random(7), datetime.now(UTC)
    done, failed, still_open = _real_records(world)
    errors: dict[Reason, int] = {}
    lines: list[dict[str, Any]] = []
    for number in range(count):
        recipe, model = chance.choice(_RECIPES)
        ended = now - timedelta(minutes=1) - timedelta(hours=hours) * chance.random() ** 1.3
        key = f"inbox/{recipe}/{2024 + number % 3}/{chance.choice(_NAMES)}-{number:06}.pdf"
        line = done | {"key": key, "job_id": f"{number:032x}", "recipe": recipe, "model": model}
        line |= _use(chance) | {"finished_at": _at(ended), "uploaded_at": _at(ended - timedelta(minutes=9))}
        line |= {"result_key": output_location(key).result_key("md"), "result_lag_s": 2 + 40 * chance.random() ** 3}
        if chance.random() < FAILED_SHARE:
            reason, message = chance.choice(_REASONS)
            line |= {"state": "failed", "reason": reason, "result_key": None, "result_lag_s": None}
            errors[reason] = errors.get(reason, 0) + 1
            if errors[reason] <= errors_each:
                _put_error(world, failed, line, message)
        lines.append(line)
    for first in range(0, count, PER_OBJECT):
        some = lines[first : first + PER_OBJECT]
        at = datetime.fromisoformat(max(line["finished_at"] for line in some))
        body = "".join(json.dumps(line) + "\n" for line in some)
        world.upload(f"{JOURNAL}{at:%Y-%m-%d}/{at:%H%M%S}-{first:012x}.jsonl", body)
    for number in range(open_jobs):
        _put_open(world, still_open, number, now, waits=number >= open_jobs // 3)


def _real_records(world: WarmDeployment) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The journal line of a done document, the error record of a failed one, and the record of an open one."""
    world.recipe("model", PRICE)
    world.process("inbox/model/done.txt", DOCUMENT)
    world.process("inbox/no-such-recipe/failed.txt", DOCUMENT)
    world.upload("inbox/model/open.txt", DOCUMENT + " It is still open.")
    world.submit("inbox/model/open.txt")
    (still_open,) = world.open_records()
    lines = [json.loads(line) for key in world.keys(JOURNAL) for line in str(world.text(key)).splitlines()]
    done = next(line for line in lines if line["state"] == "done")
    error: dict[str, Any] = world.error_record("inbox/no-such-recipe/failed.txt")
    for key in world.keys(""):
        if not key.startswith("recipes/"):
            world.remove(key)
    return done, error, still_open


def _use(chance: random.Random) -> dict[str, Any]:
    given, answered = chance.randrange(900, 24_000), chance.randrange(150, 900)
    usage = {"input_tokens": given, "output_tokens": answered, "total_tokens": given + answered}
    return {"usage": usage, "cost": round((given * 0.40 + answered * 1.60) / 1e6, 6)}


def _put_error(world: WarmDeployment, record: dict[str, Any], line: dict[str, Any], message: str) -> None:
    place = output_location(line["key"])
    changed = {"source": record["source"] | {"key": line["key"]}, "message": message, "reason": line["reason"]}
    facts = {name: line[name] for name in ("job_id", "finished_at", "uploaded_at")}
    world.upload(place.error_record_key, json.dumps(record | changed | facts))
    world.upload(line["key"], f"{DOCUMENT} This is {line['key']}.")


def _put_open(world: WarmDeployment, record: dict[str, Any], number: int, now: datetime, *, waits: bool) -> None:
    key, job = f"inbox/summary/2026/{_NAMES[number % len(_NAMES)]}-open-{number:05}.pdf", f"{number:08x}{'e' * 24}"
    why = ("capacity", "capacity", "provider", "turn")[number % 4]
    changed = {
        "job_id": job,
        "state": "waiting" if waits else "running",
        "waiting_for": why if waits else None,
        "source": record["source"] | {"key": key},
        "recipe": record["recipe"] | {"name": "summary"},
        "provider": record["provider"] | {"model": "model-large"},
        "uploaded_at": _at(now - timedelta(seconds=20 * number)),
    }
    world.upload(open_key(job, 1), json.dumps(record | changed))


def _at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
