"""The documents of the benchmark: a paragraph each, no two alike; and a batch with such a paragraph in each line."""

import json
from collections.abc import Iterator

WARM = 5
"""Uploads that are submitted before the clock runs."""
BATCH = "inbox/bench/batch.jsonl"
BATCH_RECORD, BATCH_RESULT = "results/bench/batch.jsonl.run.json", "results/bench/batch.jsonl.jsonl"
_TEXT = (
    "The harbour of Veldt moved 4200 containers in March. Most of them carried grain for the northern towns. "
    "The harbour master asked the council for 3 new cranes. The council will decide on 2031-05-17. "
)


def key_of(number: int, name: str = "document") -> str:
    """A document's key."""
    return f"inbox/bench/{name}-{number:06d}.txt"


def keys(number: int) -> list[str]:
    """The given number of keys."""
    return [key_of(n) for n in range(number)]


def all_keys(number: int) -> list[str]:
    """Those that warm up a run, and the given number of others."""
    return [*(key_of(n, "warm") for n in range(WARM)), *keys(number)]


def uploads(number: int) -> Iterator[tuple[str, bytes]]:
    """The documents of a run and those that warm it up, with their folder's recipe."""
    yield "recipes/bench.md", b"Summarise the document in five sentences. Keep every number exactly as it stands.\n"
    for key in all_keys(number):
        yield key, f"{_TEXT}This is {key}.".encode()


def batch(lines: int) -> bytes:
    """A batch of the given number of lines, each of which is a whole request."""
    bodies = ({"model": "stand-in", "input": f"{_TEXT}This is line {n}."} for n in range(lines))
    written = (
        json.dumps({"custom_id": f"line-{n}", "method": "POST", "url": "/v1/responses", "body": body})
        for n, body in enumerate(bodies)
    )
    return "".join(f"{line}\n" for line in written).encode()
