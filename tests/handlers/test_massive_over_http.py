"""Massive documents over real HTTP: everything reaches the provider once and in order, and comes back in order."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from backburner_cli.standin import Generation
from extraction import corpus
from support.depth import depth
from support.warm_deployment import WarmDeployment

from .conftest import NewWorld

OVERLAP_TOKENS = 100
_CHARS_PER_TOKEN = 3
"""Before anything is learnt about a model."""
_PART_OF = re.compile(r"part (\d+) of \d+")


@dataclass(frozen=True)
class MassiveDocument:
    """A document whose numbered sentences all match `number`, which no other document's do."""

    key: str
    make: Callable[[], str | bytes]
    max_input_tokens: int
    number: re.Pattern[str]
    count: int


def _sentences(count: int, name: str = "Entry") -> str:
    """Sentences of about 80 bytes, in paragraphs of ten."""
    return "".join(
        f"{name} {number:06d}: the harbour of Veldt moved {number % 977} containers on that day."
        + ("\n\n" if number % 10 == 9 else " ")
        for number in range(count)
    )


TEXT = MassiveDocument(
    "inbox/text/ledger.txt",
    lambda: _sentences(TEXT.count),
    depth(45_000, 70_000),
    re.compile(r"Entry (\d{6}): the"),
    depth(12_000, 73_000),
)
PAPER = MassiveDocument(
    "inbox/paper/report.pdf",
    lambda: corpus.pdf(PAPER.count),
    depth(1_000, 2_500),
    re.compile(r"page (\d+) of the report\."),
    depth(120, 300),
)


def _parts(world: WarmDeployment, number: re.Pattern[str]) -> list[Generation]:
    """The generations of one document, in the order its instructions give, such as part 1 of 2 of part 2 of 3."""
    found = [one for one in world.stand_in.generations if number.search(str(one.input))]
    by_place = {tuple(map(int, _PART_OF.findall(one.request["instructions"]))): one for one in found}
    assert len(by_place) == len(found)
    return [by_place[places] for places in sorted(by_place)]


def _own(parts: Sequence[Generation]) -> list[str]:
    """The input of each part without what it repeats of the previous one."""
    inputs, most = [str(part.input) for part in parts], OVERLAP_TOKENS * _CHARS_PER_TOKEN
    repeated = [
        max(size for size in range(most + 1) if before.endswith(text[:size])) for before, text in pairwise(inputs)
    ]
    assert sum(repeated) > 0
    return [text[size:] for size, text in zip([0, *repeated], inputs, strict=True)]


def _joined(parts: Sequence[Generation]) -> str:
    return "\n\n".join(part.outcome.output[0]["content"][0]["text"] for part in parts) + "\n"


def test_massive_documents_reach_the_provider_whole_and_in_order(world: WarmDeployment) -> None:
    """Of a megabyte of text and a PDF of a hundred pages, each sentence is in one part, and may begin the next."""
    for parent_runs in (TEXT, PAPER):
        split = f"split: {{max_input_tokens: {parent_runs.max_input_tokens}, overlap_tokens: {OVERLAP_TOKENS}}}"
        world.recipe(parent_runs.key.split("/")[1], split)
        world.upload(parent_runs.key, parent_runs.make())
    world.submit(TEXT.key, PAPER.key)
    world.settle()
    assert world.problems() == []
    assert world.keys("ledger/work/") == []
    assert "".join(_own(_parts(world, TEXT.number))) == TEXT.make()
    for parent_runs, max_parts in ((TEXT, 30), (PAPER, 10)):
        parts = _parts(world, parent_runs.number)
        assert 5 <= len(parts) <= max_parts
        assert max(len(str(part.input)) for part in parts) <= parent_runs.max_input_tokens * _CHARS_PER_TOKEN
        numbers = [int(number) for text in _own(parts) for number in parent_runs.number.findall(text)]
        assert numbers == list(range(parent_runs.count))
        assert world.result(parent_runs.key) == _joined(parts)
        _check_record(world.run_record(parent_runs.key), parts)


def _check_record(record: dict[str, Any], parts: Sequence[Generation]) -> None:
    """The record names every part in order, with the usage that the provider reported."""
    assert [part["number"] for part in record["parts"]] == list(range(1, len(parts) + 1))
    assert [part["responses"] for part in record["parts"]] == [[part.id] for part in parts]
    for name, total in record["usage"].items():
        used = [(part.outcome.usage or {})[name] for part in parts]
        assert [part["usage"][name] for part in record["parts"]] == used
        assert total == sum(used) > 0


def test_what_the_provider_calls_too_long_is_cut_until_it_fits(new_world: NewWorld) -> None:
    """The provider keeps its window secret: a document is cut, its parts again if need be, and all answers merged."""
    world = new_world(context_tokens=depth(1_000, 2_000))
    world.recipe("long")
    documents = {("inbox/long/once", "First", 1): depth(70, 150), ("inbox/long/twice", "Second", 2): depth(140, 280)}
    for (key, name, _), count in documents.items():
        world.upload(key, _sentences(count, name))
    world.submit(*world.keys("inbox/"))
    world.settle()
    assert world.problems() == []
    assert world.keys("ledger/work/") == []
    for (key, name, levels), count in documents.items():
        parts = _parts(world, re.compile(name))
        assert "".join(str(part.input) for part in parts) == _sentences(count, name)
        assert max(len(_PART_OF.findall(part.request["instructions"])) for part in parts) == levels
        assert world.result(key) == _joined(parts)
