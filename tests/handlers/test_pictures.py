"""Scans and pictures through the real handlers: every page arrives, in order, upright and within limits."""

import re

import pytest

from support import scans
from support.depth import depth, is_deep, thinned

from .conftest import NewWorld

SINGLE_SCANS = ("skewed.pdf", "photographed.pdf", "columns.pdf")
SIGHTED = {"BACKBURNER_VISION_MODELS": "stand-in"}


def test_scans_and_pictures_arrive_whole(new_world: NewWorld) -> None:
    """One upload event brings them all; results show what the model saw, records how each page was sent."""
    world = new_world(**SIGHTED)
    names = [*thinned(SINGLE_SCANS, one_in=4), "mixed.pdf", *scans.PICTURES]
    for name in names:
        world.upload(f"inbox/{name}", scans.document(name))
    world.submit(*(f"inbox/{name}" for name in names))
    world.settle()
    for name in names:
        assert scans.seen(world.result(f"inbox/{name}")) == scans.pages_of(name), name
        assert world.run_record(f"inbox/{name}")["parts"] is None
    assert world.run_record("inbox/mixed.pdf")["source"]["pages"]["text"] == "2, 4"
    mixed = next(str(one.input) for one in world.stand_in.generations if "Fourth." in str(one.input))
    places = [mixed.index(part) for part in ("page 1 of 4", "second annex", "page 3 of 4", "Fourth. ")]
    assert places == sorted(places)
    assert len(world.stand_in.generations) == len(names)
    assert world.problems() == []


def test_forty_pages_go_out_in_parts_and_come_back_in_order(new_world: NewWorld) -> None:
    """Each page is sent once, drawn for the part that shows it and kept nowhere."""
    world = new_world(**SIGHTED)
    world.recipe("scans", front="images: {max_pages_per_part: 16, max_side_px: 800}")
    world.process("inbox/scans/forty.pdf", scans.document("forty.pdf"))
    sent = sorted(scans.seen(str(one.input), 800) for one in world.stand_in.generations)
    assert sent == [list(part) for part in (range(1, 17), range(17, 33), range(33, 41))]
    assert scans.seen(world.result("inbox/scans/forty.pdf"), 800) == list(range(1, 41))
    record = world.run_record("inbox/scans/forty.pdf")
    assert (record["source"]["pages"]["images"], len(record["parts"])) == ("1-40", 3)
    assert world.keys("ledger/work/") == []
    assert world.problems() == []


def test_many_mixed_pages_keep_their_order_across_parts(new_world: NewWorld) -> None:
    """Pages of a real PDF without text are sent as pictures, the others as text, each in its place within its part."""
    world = new_world(**SIGHTED)
    world.recipe("scans", front=f"images: {{max_pages_per_part: {depth(2, 3)}, max_side_px: 400}}")
    many = depth(25, 40)
    shown = list(range(3, many + 1, 5))
    pages = [
        scans.page(number, many, (320, 453)) if number in shown else f"Berth {number}. " + scans.BERTHS
        for number in range(1, many + 1)
    ]
    world.process("inbox/scans/annexes.pdf", scans.pdf(pages))
    sent = [str(one.input) for one in world.stand_in.generations]
    pieces = [re.findall(rf"Berth (\d+)\.|, page (\d+) of {many}, upright", each) for each in sent]
    parts = sorted([int(text or picture) for text, picture in part] for part in pieces)
    assert [page for part in parts for page in part] == list(range(1, many + 1))
    assert [sum(page in shown for page in part) for part in parts] == ([3, 3, 2] if is_deep() else [2, 2, 1])
    recorded = world.run_record("inbox/scans/annexes.pdf")["source"]["pages"]
    assert recorded["images"] == ", ".join(map(str, shown))
    assert recorded["text"].startswith("1-2, 4-7, 9-12")
    assert world.problems() == []


@pytest.mark.parametrize(
    ("settings", "front", "name", "reason"),
    [
        ({}, "", "skewed.pdf", "unreadable_document"),
        ({}, "", "shot.png", "unsupported_type"),
        (SIGHTED, "input: text", "shot.png", "unsupported_type"),
        ({}, "input: images", "shot.png", "vision_unsupported"),
        (SIGHTED, "model: stand-in/blind", "shot.png", "vision_unsupported"),
    ],
)
def test_without_vision_pictures_fail_with_their_reason(
    new_world: NewWorld, settings: dict[str, str], front: str, name: str, reason: str
) -> None:
    """Deployments without vision keep their old reasons, and a model that refuses pictures fails the document."""
    world = new_world(**settings)
    world.recipe("scans", front=front)
    world.process(f"inbox/scans/{name}", scans.document(name))
    assert world.error_record(f"inbox/scans/{name}")["reason"] == reason
    assert world.stand_in.generations == ()
    assert world.problems() == []
