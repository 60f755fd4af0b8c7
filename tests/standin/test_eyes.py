"""The stand-in looks at pictures: it opens each, reads its page mark, and refuses what the real API would."""

from base64 import b64encode
from typing import Any

import pytest
from PIL import Image

from backburner_cli.standin import StandIn, serve
from backburner_cli.standin.eyes import look
from backburner_cli.standin.marks import BITS, Mark, mark_of, widths
from support import scans
from support.depth import thinned

from .conftest import World

SMALL = (480, 640)


def url(body: bytes, kind: str = "png") -> str:
    """A data URL."""
    return f"data:image/{kind};base64,{b64encode(body).decode()}"


def message(*images: str) -> list[dict[str, Any]]:
    """A request's input with pictures, each after its number."""
    content: list[dict[str, Any]] = []
    for number, one in enumerate(images, 1):
        content.append({"type": "input_text", "text": f"[page {number}]"})
        content.append({"type": "input_image", "image_url": one, "detail": "high"})
    return [{"role": "user", "content": content}]


def page(number: int = 1, of: int = 1) -> str:
    """A page as a data URL."""
    return url(scans.saved(scans.page(number, of, SMALL), "PNG"))


@pytest.mark.parametrize(("number", "of"), thinned([(1, 1), (63, 63), (7, 40), (40, 40)], one_in=4))
def test_a_mark_is_read_however_it_was_scanned(number: int, of: int) -> None:
    drawn = scans.page(number, of)
    assert len(widths(number, of)) == 2 * BITS + 3
    for seen in (drawn, scans.skewed(drawn), scans.photographed(drawn), drawn.resize((496, 702))):
        assert mark_of(seen) == Mark(number, of, "upright")
    assert mark_of(drawn.transpose(Image.Transpose.ROTATE_180)) == Mark(number, of, "upside down")
    assert mark_of(drawn.transpose(Image.Transpose.ROTATE_90)) == Mark(number, of, "on its side")


def test_a_page_without_a_mark_has_none() -> None:
    """Lines of text, which are black and white too, are not a mark."""
    plain = scans.page(5, 9)
    plain.paste(250, (0, int(scans.A4[1] * 0.38), scans.A4[0], int(scans.A4[1] * 0.62)))
    assert mark_of(plain) is None


def test_the_answer_says_what_was_seen_in_order(world: World) -> None:
    """Sizes and marks are given page by page, and pictures count as tokens."""
    created = world.create(document=message(page(1, 2), page(2, 2)))
    world.later()
    over = world.sdk.responses.retrieve(created.id)
    seen = [line for line in over.output_text.splitlines() if line.startswith("[picture")]
    assert [line.partition("bytes, ")[2] for line in seen] == ["page 1 of 2, upright]", "page 2 of 2, upright]"]
    assert all("480 x 640 pixels" in line for line in seen)
    assert over.usage.input_tokens >= 2 * 15 * 20


@pytest.mark.parametrize(
    "given",
    [
        "data:image/png;base64,%%%",
        url(b"no picture"),
        url(scans.saved(scans.page(size=SMALL), "PNG")[:5_000]),
        url(scans.saved(Image.new("1", (50, 10)), "TIFF"), "tiff"),
        url(scans.saved(Image.new("1", (5000, 10)), "PNG")),
    ],
    ids=["not base64", "rubbish", "half", "a TIFF", "too large"],
)
def test_a_picture_that_no_api_takes_is_refused(world: World, error_of: Any, given: str) -> None:
    status, code, param = error_of(world.post(input=message(given)))
    assert (status, code) == (400, "invalid_image" if not given.startswith("data:image/png;base64,%") else code)
    assert param == "image_url"


def test_a_model_that_does_not_see_refuses_pictures_and_reads_text(world: World) -> None:
    refused = world.post(model="stand-in/blind", input=message(page()))
    assert (refused.status_code, "does not support image input" in refused.text) == (400, True)
    assert world.post(model="stand-in/blind").status_code == 200


def test_more_pictures_than_it_takes_are_refused() -> None:
    """The message is vLLM's."""
    with serve(StandIn(max_pictures=1)) as running:
        import httpx2  # noqa: PLC0415 - one request

        body = {"model": "stand-in", "input": message(page(), page()), "background": True}
        headers = {"Authorization": "Bearer key"}
        refused = httpx2.post(f"{running.base_url}/responses", json=body, headers=headers)
        assert (refused.status_code, "At most 1 image(s)" in refused.text) == (400, True)


def test_pictures_given_by_url_are_not_fetched() -> None:
    assert look({"image_url": "https://example.org/a.png"}) == "[picture: at an address, not fetched]"
