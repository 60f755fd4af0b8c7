"""Pages as pictures: their sizes and tokens, the parts they are divided into, and the messages that contain them."""

import asyncio
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.documents.pictures import Layout, PagePicture, Piece, Rendered, fitted, laid_out, picture_tokens, ranges
from backburner.documents.plain_text import Extracted
from backburner.documents.recipes import parse
from backburner.documents.tokens import known_of
from backburner.errors import JobError, Reason
from backburner.extraction.child import Bounds
from backburner.jobs.inputs import messages
from backburner.provider.profiles import PROFILES, Provider
from backburner.split.pages import Room, cut_by_pages
from support.fakes import FakeExtractor

PAGE_TOKENS = 116
"""The tokens of a picture of 280 x 280 pixels."""


def shown(page: int, at: int = 0) -> PagePicture:
    """A small page."""
    return PagePicture(page=page, at=at, width=280, height=280)


def room(tokens: float, pictures: int = 10, overlap: int = 0) -> Room:
    """Room for this many tokens and pictures; each character counts as a token."""
    recipe = parse(f"---\nsplit: {{max_input_tokens: 1000, overlap_tokens: {overlap}}}\n---\nSum up.")
    return Room(recipe=recipe, tokens=tokens, pictures=pictures, chars_per_token=1.0, picture_scale=1.0)


def cut(extracted: Extracted, room: Room) -> list[Extracted]:
    """The parts."""
    return asyncio.run(cut_by_pages(extracted, room, FakeExtractor()))


def test_page_ranges_are_written_as_people_write_them() -> None:
    assert ranges([7, 1, 2, 3, 9, 8, 3]) == "1-3, 7-9"
    assert (ranges([4]), ranges([])) == ("4", "")


def test_a_page_is_made_smaller_and_never_larger() -> None:
    assert fitted(3508, 2480, 1600) == (1600, 1131)
    assert fitted(300, 200, 1600) == (300, 200)
    assert fitted(10_000, 1, 1600) == (1600, 1)


def test_a_long_page_is_cut_into_pieces_if_shrinking_would_spoil_it() -> None:
    """The pieces overlap and cover it; a normal or slightly longer page is never cut."""
    assert laid_out(3508, 2480, 1600) == Layout((1600, 1131), [(0, 0, 1600, 1131)])
    assert laid_out(2000, 200, 1600).places == [(0, 0, 1600, 160)]
    layout = laid_out(1080, 20_000, 1600)
    assert layout.size == (1080, 20_000)
    tops, bottoms = [place[1] for place in layout.places], [place[3] for place in layout.places]
    assert (tops[0], bottoms[-1], len(tops)) == (0, 20_000, 14)
    assert all(bottom - top >= 100 for top, bottom in zip(tops[1:], bottoms, strict=False))
    longer = laid_out(1080, 80_000, 1600)
    assert (len(longer.places), longer.size[0], longer.places[-1][3]) == (40, pytest.approx(811, abs=2), longer.size[1])
    with pytest.raises(JobError, match="too long"):
        laid_out(1080, 130_000, 1600)
    with pytest.raises(JobError, match="cut by another version"):
        layout.place(Piece(3))
    labels = [picture.label for picture in layout.pictures(3, at=7)]
    assert (labels[0], labels[-1]) == ("[page 3, piece 1 of 14]", "[page 3, piece 14 of 14]")


def test_larger_pictures_take_more_tokens_and_low_detail_takes_few() -> None:
    page = PagePicture(page=1, at=0, width=1131, height=1600)
    assert 2_000 < picture_tokens([page], "high") < 3_000
    assert picture_tokens([page], "low") < 350
    assert picture_tokens([page, page], "high") == 2 * picture_tokens([page], "high")
    assert picture_tokens([shown(1)], "high") == PAGE_TOKENS


@pytest.mark.parametrize(
    ("model", "sees"),
    [
        ("gpt-4o-mini", True), ("gpt-5.6", True), ("o3", True), ("o3-mini", False), ("gpt-4o-audio-preview", False),
        ("gpt-3.5-turbo", None), ("stand-in", None),
    ],
)  # fmt: skip
def test_some_models_are_known_to_see_or_not(model: str, sees: bool | None) -> None:  # noqa: FBT001
    """The longest matching name decides; for other models the operator must say."""
    assert known_of(PROFILES[Provider.OPENAI].sighted, model) is sees


@pytest.mark.parametrize("provider", sorted(set(Provider) - {Provider.OPENAI}))
def test_nothing_is_assumed_about_models_of_open_providers(provider: Provider) -> None:
    assert PROFILES[provider].sighted == {}


pieces = st.lists(st.one_of(st.none(), st.text("ab. \n", min_size=1, max_size=60)), min_size=1, max_size=30)


@given(pages=pieces, tokens=st.integers(PAGE_TOKENS, 600), most=st.integers(1, 5))
@example(pages=[" ", None], tokens=PAGE_TOKENS, most=1)
def test_every_page_and_every_character_is_in_exactly_one_part_in_order(
    pages: list[str | None], tokens: int, most: int
) -> None:
    """No part exceeds its limits."""
    text, pictures = "", []
    for number, page in enumerate(pages, 1):
        if page is None:
            pictures.append(shown(number, len(text)))
        else:
            text += page
    parts = cut(Extracted(text, pictures=tuple(pictures)), room(tokens, most))
    assert [one.page for part in parts for one in part.pictures] == [one.page for one in pictures]
    assert "".join("".join(part.text.split()) for part in parts) == "".join(text.split())
    assert all(len(part.pictures) <= most for part in parts)
    assert all(len(part.text) + PAGE_TOKENS * len(part.pictures) <= tokens for part in parts)
    together = [(before.rstrip(), one.page) for part in parts for before, one in _with_text(part)]
    assert [page for _, page in together] == [one.page for one in pictures]


def _with_text(part: Extracted) -> list[tuple[str, PagePicture]]:
    begin, found = 0, []
    for one in part.pictures:
        assert begin <= one.at <= len(part.text)
        found.append((part.text[begin : one.at], one))
        begin = one.at
    return found


def test_text_stays_before_and_after_its_page() -> None:
    extracted = Extracted("one two", pictures=(shown(2, 4), shown(4, 7)))
    parts = cut(extracted, room(PAGE_TOKENS + 4))
    assert [(part.text, [(one.page, one.at) for one in part.pictures]) for part in parts] == [
        ("one ", [(2, 4)]),
        ("two", [(4, 3)]),
    ]


def test_a_long_text_between_pages_is_cut_like_any_text_and_may_overlap() -> None:
    words = " ".join(f"word{number}." for number in range(100))
    extracted = Extracted(words, pictures=(shown(1, 0), shown(3, len(words))))
    parts = cut(extracted, room(200, overlap=30))
    assert len(parts) > 3
    assert [one.page for part in parts for one in part.pictures] == [1, 3]
    assert all(len(part.text) <= 200 for part in parts)
    assert any(later.text.split()[0] in former.text for former, later in pairwise(parts))


def test_the_pieces_of_a_long_page_may_be_in_several_parts() -> None:
    """Each piece is in one part; the part and its message say which piece it is."""
    pictures = tuple(laid_out(100, 7_000, 1_000).pictures(2, at=4))
    parts = cut(Extracted("one two", pictures=pictures), room(2_000, pictures=3))
    told = [[one.piece for one in part.pictures] for part in parts]
    assert told == [[Piece(2, at, 8) for at in run] for run in ((1, 2, 3), (4, 5, 6), (7, 8))]
    bounds = Bounds(name="a", memory_bytes=1, cpu_s=1, pieces=told[1])
    assert msgspec.json.decode(msgspec.json.encode(bounds), type=Bounds) == bounds
    sent = [Rendered(page=2, media_type="image/png", body=b"p")] * 2
    texts = [part.get("text") for part in messages(parts[-1], sent, "low")[0]["content"]]
    assert texts == ["[page 2, piece 7 of 8]", None, "[page 2, piece 8 of 8]", None, "two"]


def test_a_page_for_which_there_is_no_room_is_refused_with_its_remedy() -> None:
    with pytest.raises(JobError, match=r"lower images\.max_side_px") as refused:
        cut(Extracted("", pictures=(shown(7),)), room(PAGE_TOKENS - 1))
    assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE


def test_text_and_pictures_are_sent_in_order_in_one_message() -> None:
    """Each picture follows its number, as a data URL with the recipe's detail."""
    extracted = Extracted("first\n\nlast\n", pictures=(shown(2, 7), shown(3, 7)))
    sent = [Rendered(page=page, media_type="image/png", body=b"p") for page in (2, 3)]
    picture = {"type": "input_image", "image_url": "data:image/png;base64,cA==", "detail": "low"}
    assert messages(extracted, sent, "low") == [
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "first\n\n[page 2]"},
                picture,
                {"type": "input_text", "text": "[page 3]"},
                picture,
                {"type": "input_text", "text": "last"},
            ],
        }
    ]
