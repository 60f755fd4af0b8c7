"""Splitting a page's characters line by line gives the same chunks as splitting them one by one."""

from array import array
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from backburner.extraction.pdf.characters import Characters, Style
from backburner.extraction.pdf.chunks import chunks_of

SIZE = 10.0
Drawn = tuple[str, float, float, float]
"""A character, the gap before it, its width, its baseline."""
_DRAWN = st.tuples(
    st.sampled_from("ab \r"),
    st.sampled_from([0.0, 0.0, 0.0, 0.5, -0.5, -4.0, -12.0, -30.0, 24.0, 25.0, 40.0]),
    st.sampled_from([5.0, 5.0, 5.0, 0.0]),
    st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.5, 20.0]),
)
_RUN = st.tuples(_DRAWN, st.integers(0, 40))


@given(st.lists(_RUN, max_size=8))
@example([(("a", 0.0, 5.0, 0.0), 70), (("\r", 0.0, 0.0, 0.5), 0), (("a", 0.0, 5.0, 0.0), 70)])
@example([(("a", 0.0, 5.0, 0.0), 20), ((" ", -0.5, 0.0, 0.0), 20)])
@example([(("a", 0.0, 5.0, 0.0), 20), (("a", 40.0, 5.0, 0.0), 20)])
@example([(("a", 0.0, 5.0, 0.0), 20), (("a", -40.0, 5.0, 0.0), 20)])
@example([(("a", 0.0, 5.0, 0.0), 20), (("a", 0.0, 5.0, 20.0), 20), (("\r", 0.0, 0.0, 0.5), 20)])
def test_splitting_by_line_equals_splitting_by_character(runs: Sequence[tuple[Drawn, int]]) -> None:
    """Kerned, overlapping, distant and zero-width characters on several lines give the same texts, starts and ends."""
    drawn = [one for first, more in runs for one in (first, *[("b", 0.0, 5.0, first[3])] * more)]
    lefts, rights, edge = list[float](), list[float](), 0.0
    for _, gap, width, _ in drawn:
        lefts.append(edge + gap)
        rights.append(edge := edge + gap + width)
    bases = [base for *_, base in drawn]
    boxes = array(
        "f", [side for left, right, y in zip(lefts, rights, bases, strict=True) for side in (left, y + 8, right, y)]
    )
    characters = Characters(
        text=[char for char, *_ in drawn],
        boxes=boxes,
        unmapped=[0] * len(drawn),
        style=lambda index: Style(lefts[index], bases[index], SIZE, 0.0),
        drawn_in=lambda _: 0,
        font=lambda _: 0,
    )

    found = [("".join(one.text), one.starts, one.ends, one.indices) for one in chunks_of(characters, [])]

    assert found == _one_by_one(characters, bases)


def _one_by_one(
    characters: Characters, bases: Sequence[float]
) -> list[tuple[str, list[float], list[float], list[int]]]:
    """The same chunks, by the rule for a single character."""
    chunks: list[list[int]] = []
    lefts, rights = characters.boxes[0::4], characters.boxes[2::4]
    for at, char in enumerate(characters.text):
        last = chunks[-1][-1] if chunks else None
        step = lefts[at] - rights[last] if last is not None else -1.0
        is_level = last is not None and bases[at] == bases[last]
        if lefts[at] == rights[at] and char == " " and not (is_level and 0 <= step < 2.5 * SIZE):
            continue
        gap = max(step, lefts[last] - rights[at]) if last is not None else 0.0
        if last is not None and abs(bases[at] - bases[chunks[-1][0]]) <= 0.1 * SIZE and -SIZE < gap < 2.5 * SIZE:
            chunks[-1].append(at)
        else:
            chunks.append([at])
    return [
        ("".join(characters.text[at] for at in one), [lefts[at] for at in one], [rights[at] for at in one], one)
        for one in chunks
    ]
