"""Poison: odd answers, batches with odd lines, huge files, and objects that nobody can read.

Each must end as its class says, and must not affect anything else.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backburner.errors import Reason
from backburner.ledger.keys import INBOX, OPEN, output_location
from backburner_cli.standin.extract import NOTICE, summarise
from soaking.documents import GOOD, ODD, Document, document_of

PER_HUNDRED = 3
KINDS = frozenset({"too-large", "massive", "lines", *ODD})
_MAX_HUGE = 3
"""How many of each kind: what is uploaded stays in the memory of the local cloud."""
_TOO_LARGE_BYTES = 33 * 1024 * 1024
_MASSIVE_BYTES = 20_000_000
_BATCH_LINES = 30
_ENVELOPE = {"method": "POST", "url": "/v1/responses"}

Bodies = Mapping[str, bytes | None]


class Poison(Document):
    """A document that keeps its first version, since nothing would show what became of an earlier one."""

    @property
    def changes(self) -> bool:
        """Never."""
        return False


class TooLarge(Poison):
    """A text that is too large to be read at all."""

    def rewrite(self) -> str:
        """Not kept here."""
        self.version += 1
        return "grain " * (_TOO_LARGE_BYTES // 6)

    def wrong(self, record: Mapping[str, Any], _: Bodies) -> str:
        """It fails, and no generation was started for it."""
        ended = (record.get("reason"), len(record["responses"]))
        return "" if ended == (Reason.DOCUMENT_TOO_LARGE, 0) else f"ended with {ended}"


class Massive(Poison):
    """A text larger than any window."""

    def rewrite(self) -> str:
        """Not kept here."""
        self.version += 1
        line = f"The harbour of Veldt keeps the book {self.key}, and most of its lines are about grain."
        return "".join(f"{line} This is number {n}.\n\n" for n in range(_MASSIVE_BYTES // (len(line) + 25)))

    def wrong(self, record: Mapping[str, Any], bodies: Bodies) -> str:
        """It is cut, each part is answered, and the answers are joined."""
        parts = [part for part in record.get("parts") or () if part["level"] == 0]
        if len(parts) < 2 or record["state"] != "done":  # noqa: PLR2004 - one part is no part
            return f"{record['state']} ({record.get('reason')}) in {len(parts)} parts"
        answers = self.result(record, bodies).count(NOTICE)
        return "" if answers == len(parts) else f"{answers} answers of {len(parts)} parts"


@dataclass
class Line:
    """A line of a batch: the code of its error, or the text that is answered."""

    written: str
    custom_id: str | None
    code: str = ""
    text: str = ""


class Batch(Poison):
    """A batch in which half of the lines are odd."""

    def rewrite(self) -> str:
        """Good and odd lines in turn."""
        self.version += 1
        self.lines = list(itertools.islice(_lines(self.key), _BATCH_LINES))
        self.text = "".join(f"{line.written}\n" for line in self.lines)
        return self.text

    def wrong(self, record: Mapping[str, Any], bodies: Bodies) -> str:
        """Each line ends in one of the two files, in order, with its own answer or its own error."""
        results = [json.loads(line) for line in self.result(record, bodies).splitlines()]
        errors = [json.loads(line) for line in (bodies.get(output_location(self.key).errors_key) or b"").splitlines()]
        answered = [
            (line["custom_id"], line["response"]["body"]["output"][0]["content"][0]["text"]) for line in results
        ]
        failed = [(line["error"]["line"], line["custom_id"], line["error"]["code"]) for line in errors]
        numbered = list(enumerate(self.lines, 1))
        if answered != [(line.custom_id, summarise(line.text)) for line in self.lines if not line.code]:
            return f"answered {[name for name, _ in answered]}"
        if failed != [(number, line.custom_id, line.code) for number, line in numbered if line.code]:
            return f"failed {failed}"
        return ""

    @property
    def outputs(self) -> tuple[str, ...]:
        """With the file of answers."""
        location = output_location(self.key)
        return location.run_record_key, location.result_key("jsonl")


def _lines(key: str) -> Iterator[Line]:
    """Endless lines: a good one before each bad one."""
    models = itertools.cycle(["stand-in", *(f"stand-in/{name}" for name in ODD[:5])])
    for number, (code, odd) in zip(itertools.count(1), itertools.cycle(_BAD), strict=False):
        name, text = f"{key} {number}", f"Order {number} of {key}: {number * 7} barrels of herring for Veldt."
        body = {"model": next(models), "input": text}
        whole = {"custom_id": name, **_ENVELOPE, "body": body}
        yield Line(json.dumps(whole if number % 3 else {"custom_id": name, "input": text}), name, text=text)
        custom_id = name if code == "duplicate_custom_id" else f"{name} odd"
        written, named = odd(whole | {"custom_id": custom_id}), code != "invalid_json_line"
        yield Line(written, custom_id if named else None, code)


def _bodied(**more: Any) -> Callable[[dict[str, Any]], str]:
    return lambda line: json.dumps(line | {"body": line["body"] | more})


def _nested(depth: int) -> Callable[[dict[str, Any]], str]:
    """Nested JSON written without an encoder, which would itself give up at such depths."""
    inner = "[" * depth + "]" * depth
    return lambda line: json.dumps(_with_input(line, "…")).replace('"\\u2026"', inner)


def _with_input(line: dict[str, Any], value: Any) -> dict[str, Any]:
    return line | {"body": line["body"] | {"input": value}}


_BAD: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("invalid_request", _bodied(max_output_tokens="lots")),
    ("invalid_request", _nested(150)),
    ("parameter_not_allowed", _bodied(tools=[{"type": "mcp", "server_url": "https://example.org"}])),
    ("duplicate_custom_id", json.dumps),
    ("invalid_json_line", lambda _: "\0\udcff rubbish"),
    ("unsupported_endpoint", lambda line: json.dumps(line | {"url": "/v1/embeddings"})),
    ("invalid_request", _nested(950)),
    ("invalid_request", _bodied(max_output_tokens=[1])),
    ("rejected_by_provider", _bodied(model="stand-in/failed-invalid-prompt")),
    ("invalid_json_line", lambda _: '{"custom_id": "half'),
    ("missing_required_parameter", _bodied(input=None)),
    ("invalid_url", lambda line: json.dumps(line | {"url": "/v1/moderations"})),
    ("parameter_not_allowed", _bodied(previous_response_id="resp_1")),
    ("invalid_request", _bodied(model="m" * 300)),
    ("invalid_json_line", lambda _: "[" * 5000),
)
"""Odd lines, and the code that each must fail with."""


def poisoned(
    documents: Sequence[Document], chance: random.Random, *, batches: int = 0, massive: int = 0
) -> list[Document]:
    """The documents: three in a hundred become poison, and the given numbers batches and massive documents."""
    found = list(documents)
    poison = len(found) * PER_HUNDRED // 100
    few = min(_MAX_HUGE, 1 + len(found) // 1000)
    kinds = [*("too-large", "massive") * few, *itertools.islice(itertools.cycle(("lines", *ODD)), poison)][:poison]
    kinds += ["massive"] * massive + ["lines"] * batches
    for number, kind in zip(chance.sample(range(len(found)), len(kinds)), kinds, strict=True):
        found[number] = _poison(kind, number)
    return found


def _poison(kind: str, number: int) -> Document:
    match kind:
        case "too-large":
            return TooLarge(f"{INBOX}{GOOD}/too large {number:05}.txt", kind)
        case "massive":
            return Massive(f"{INBOX}{GOOD}/massive {number:05}.txt", kind)
        case "lines":
            return Batch(f"{INBOX}{GOOD}/lines {number:05}.jsonl", kind)
    return document_of(kind, number)


@dataclass(frozen=True)
class Stray:
    """An object that does not belong where it is; `named` says whether the audit must name it."""

    key: str
    text: str
    named: bool = True


def stray(number: int) -> Stray:
    """One of every kind in turn."""
    kinds = (
        Stray(f"{OPEN}{number:032x}.1.json", '{"job_id": '),
        Stray(OPEN, "", named=False),  # a folder of somebody's console
        Stray(f"{OPEN}readme {number}.txt", "hello"),
        Stray(f"ledger/superseded/readme {number}.txt", "hello", named=False),
        Stray(f"results/{GOOD}/stray {number}.run.json", "["),
        Stray(f"{OPEN}{number:032x}.1.json", '{"version": 1}'),
        Stray(f"failed/{GOOD}/stray {number}.error.json", "?"),
        Stray(f"{INBOX}{GOOD}/folder {number}/", "", named=False),
    )
    return kinds[number % len(kinds)]
