"""What the soak uploads: documents in folders whose recipes name a model that misbehaves, and how each must end."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backburner.errors import Reason
from backburner.ledger.keys import output_location
from backburner_cli.standin.extract import summarise

GOOD = "good"
PASSING = (
    *("completed-empty:1", "failed-server-error:1", "failed-rate-limit:1", "failed-unknown-code:1"),
    "cancelled-by-provider:1",
    *("create-500:1", "create-500-after:1", "create-drop-after:1", "create-garbage-after:1", "create-slow-after:1"),
    *("create-429:1", "create-503:1"),
    *(
        "completed-at-once",
        "young-404:4",
        "retrieve-400:1",
        "retrieve-404:2",
        "retrieve-425:1",
        "retrieve-429:2",
        "retrieve-500:2",
        "retrieve-drop:2",
        "retrieve-slow:1",
    ),
)
"""Behaviours that pass: the document is done in spite of them."""
LASTING = {
    "incomplete-content-filter": Reason.CONTENT_FILTER,
    "incomplete-max-tokens": Reason.OUTPUT_TRUNCATED,
    "failed-invalid-prompt": Reason.REJECTED_BY_PROVIDER,
    "create-400": Reason.REJECTED_BY_PROVIDER,
    "refusal": Reason.REFUSED,
}
"""Behaviours that fail a document for good, and the reason it must fail with."""
ODD = (
    *("odd-usage", "odd-numbers", "odd-times", "odd-text", "odd-spelling", "odd-code:1", "same-id:1"),
    *("retrieve-validating:1", "retrieve-next-day:1"),
)
"""Odd answers: the document is done in spite of them."""
_PASSING_SHARE, _LASTING_SHARE = 0.27, 0.03
_DEADLINES = {"retrieve-next-day": "deadline: 60s\n"}
_PLACES = ("Veldt", "Ostrava", "Kerch", "Lübeck", "Выборг", "大阪")


@dataclass
class Document:
    """One key of the inbox. `version` counts what was put there; `etag` is the last version's."""

    key: str
    behaviour: str
    version: int = 0
    text: str = field(default="", repr=False)
    etag: str = ""

    def rewrite(self) -> str:
        """The next version of its text, unlike any other."""
        self.version += 1
        place = _PLACES[hash((len(self.key), self.version)) % len(_PLACES)]
        self.text = (
            f"The harbour of {place} keeps the book {self.key}, version {self.version}. It has 4200 lines in it. "
            f"Most of them are about grain for the northern towns. The council reads it on 2031-05-17."
        )
        return self.text

    @property
    def changes(self) -> bool:
        """Whether it may be overwritten while it is under way."""
        return True

    def wrong(self, record: Mapping[str, Any], bodies: Mapping[str, bytes | None]) -> str:
        """What is wrong with how it ended; "" if nothing is."""
        if record.get("reason") != LASTING.get(self.behaviour):
            return f"ended with {record.get('reason')}"
        is_done = self.behaviour not in LASTING
        return "another text" if is_done and self.result(record, bodies) != summarise(self.text) else ""

    def result(self, record: Mapping[str, Any], bodies: Mapping[str, bytes | None]) -> str:
        """Its result."""
        return (bodies.get(record["result_key"]) or b"").decode()

    @property
    def outputs(self) -> tuple[str, ...]:
        """What may be in its place below `results/`."""
        place = output_location(self.key)
        return place.run_record_key, place.result_key("md")


def recipes() -> dict[str, str]:
    """The recipes of all folders, by their keys."""
    models = {GOOD: "stand-in"} | {folder_of(name): f"stand-in/{name}" for name in (*PASSING, *LASTING, *ODD)}
    return {
        f"recipes/{name}.md": f"---\nmodel: {model}\n{_DEADLINES.get(name, '')}---\nSummarise."
        for name, model in models.items()
    }


def folder_of(behaviour: str) -> str:
    """The folder of a behaviour: its name without the number."""
    return behaviour.partition(":")[0]


def planned(jobs: int, chance: random.Random) -> list[Document]:
    """The given number of documents, with every behaviour among them, in any order."""
    behaviours = [GOOD] * jobs
    for index in range(jobs):
        roll = chance.random()
        if roll < _PASSING_SHARE:
            behaviours[index] = PASSING[index % len(PASSING)]
        elif roll < _PASSING_SHARE + _LASTING_SHARE:
            behaviours[index] = list(LASTING)[index % len(LASTING)]
    chance.shuffle(behaviours)
    return [document_of(name, number) for number, name in enumerate(behaviours)]


def document_of(behaviour: str, number: int) -> Document:
    """A document with a behaviour."""
    return Document(f"inbox/{folder_of(behaviour)}/report {number:05}.txt", behaviour)
