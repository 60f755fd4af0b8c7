"""Whether the bucket shows that each document ended once, with nothing left over."""

import json
import re
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

from benching.stage import Stage

_KEY = re.compile(r"<Key>([^<]*)</Key>")


def problems(stage: Stage, documents: int, created: int) -> Iterator[str]:
    """What contradicts that each document ended once."""
    calls, results = stage.ask("counts")["provider"], _keys(stage, "results/")
    ended = [key for key in results if key.endswith(".run.json")]
    if created != documents or calls.get("create"):
        yield f"{created + calls.get('create', 0)} generations for {documents} documents"
    if len(ended) != documents or len(results) != 2 * documents:
        yield f"{len(ended)} run records and {len(results) - len(ended)} texts for {documents} documents"
    if left := _keys(stage, "ledger/open/"):
        yield f"{len(left)} open records are left"
    lines = [line for key in _keys(stage, "ledger/journal/") for line in _read(stage, key).splitlines()]
    if len(lines) != documents:
        yield f"{len(lines)} lines in the journal for {documents} documents"
    governor = json.loads(_read(stage, "ledger/governor.json"))
    if governor["reserved"] or governor["standing"]["places"]:
        yield "the governor still counts slots"


def _keys(stage: Stage, prefix: str) -> list[str]:
    """All keys below a prefix."""
    keys: list[str] = []
    while True:
        after = f"&start-after={quote(keys[-1])}" if keys else ""
        page = _KEY.findall(_read(stage, f"?list-type=2&prefix={quote(prefix)}{after}"))
        keys += page
        if not page:
            return keys


def _read(stage: Stage, target: str) -> str:
    with urllib.request.urlopen(f"{stage.url}/documents/{target}") as answer:  # noqa: S310 - our own server
        told: bytes = answer.read()
    return told.decode()
