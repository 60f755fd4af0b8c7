"""Decides how much text fits: estimates tokens from characters, and compares them with a model's window.

The characters per token are learnt per model from reported usage; until then three are assumed, which is on the safe
side for most languages.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from backburner.documents.price import MAX_TOKENS
from backburner.documents.recipes import Recipe
from backburner.errors import JobError, Reason

T = TypeVar("T")
CHARS_PER_TOKEN = 3.0
LINE_PICTURE_TOKENS = 1600
"""Assumed for a picture in a line of a batch, which is not opened: about the most that providers count for a page."""
LINE_PAGE_BYTES = 50_000
"""Assumed for a page of a file in a line of a batch, which is not opened either."""
_BASE64 = re.compile(
    rb'"(?<!\\")(?:data:(?P<type>[^",;]{1,100})(?:;[^",;]{1,100}){0,4};base64,|file_data"\s{0,9}:\s{0,9}"(?!data:))'
    rb'(?P<data>[A-Za-z0-9+/=\\_-]*)"'
)
"""Base64 that is a whole string: a data URL, or the data of a file without one. Within a text it is a text."""
_SHOWN = re.compile(rb'"type"(?<!\\"type")\s{0,9}:\s{0,9}"(?:(?P<file>input_file|file)|input_image|image_url)"')
"""The parts of a message that show a picture or a file, in either API."""
OUTPUT_WITHOUT_CAP_TOKENS = 4000
"""The tokens reserved for an output without a cap."""
MIN_ROOM_TOKENS = 500
"""The minimum room for a document; a recipe that leaves less is invalid."""
_OUTPUT_SHARE = 4
"""An output without a cap gets at most this fraction (one in four) of a window."""
SPARE = 0.9
"""The share of a window that an estimate may fill."""
DEFAULT_WINDOW_TOKENS = 1_000_000
"""Assumed if a window is not known: no model has a larger one."""
CAUTIOUS_TOKENS = 24_000
"""The size of a part if a provider says "too long" and its window is not known."""


@dataclass(frozen=True, kw_only=True)
class PartSize:
    """The size of the parts that a document is cut into, in characters."""

    max_chars: int
    overlap_chars: int


def estimate_tokens(text: str, chars_per_token: float = CHARS_PER_TOKEN) -> int:
    """The estimated tokens of a text."""
    return int(len(text) / chars_per_token) + 1


def sized_line(line: bytes) -> tuple[int, int]:
    """The bytes of a batch's line without its base64, and the number of pictures and pages that it shows.

    A picture counts as one however it is given; a file by its size, or as one page if only its address is there; a
    file of text as the text that it is.
    """
    size_bytes, pictures, files, pages = len(line), 0, 0, 0
    for found in _BASE64.finditer(line):
        kind, file_bytes = found["type"] or b"", len(found["data"]) * 3 // 4
        size_bytes -= len(found["data"])
        if kind.startswith(b"image"):
            pictures += 1
        elif kind.startswith(b"text"):
            files, size_bytes = files + 1, size_bytes + file_bytes
        else:
            files, pages = files + 1, pages + 1 + file_bytes // LINE_PAGE_BYTES
    shown = [found["file"] is not None for found in _SHOWN.finditer(line)]
    return size_bytes, max(pictures, shown.count(False)) + pages + max(0, shown.count(True) - files)


def line_tokens(size_bytes: int, cap: object, instructions: str = "", pictures: int = 0) -> tuple[int, int]:
    """Estimated input tokens of a batch's line, by its bytes and instructions, and output tokens, by its cap."""
    is_cap = isinstance(cap, int) and not isinstance(cap, bool) and cap > 0
    inputs = int(size_bytes / CHARS_PER_TOKEN) + 1 + (estimate_tokens(instructions) if instructions else 0)
    inputs += pictures * LINE_PICTURE_TOKENS
    return inputs, min(cap, MAX_TOKENS) if is_cap and isinstance(cap, int) else OUTPUT_WITHOUT_CAP_TOKENS


def window_of(windows: Mapping[str, int], model: str) -> int | None:
    """The context window of a model in tokens; None if the table has none."""
    return known_of(windows, model)


def known_of(table: Mapping[str, T], model: str) -> T | None:
    """The table's entry for a model; None if it has none.

    A name in the table applies to every model whose name has a segment that begins with it; the longest name wins.
    """
    segments = model.split("/")
    names = [name for name in table if any(segment.startswith(name) for segment in segments) or name == "*"]
    return table[max(names, key=len)] if names else None


def output_tokens(recipe: Recipe, window: int | None) -> int:
    """How many tokens an answer may take: the recipe's cap, or the default, but only a share of a small window."""
    usual = OUTPUT_WITHOUT_CAP_TOKENS if window is None else min(OUTPUT_WITHOUT_CAP_TOKENS, window // _OUTPUT_SHARE)
    return recipe.max_output_tokens or usual


def room_tokens(recipe: Recipe, window: int | None) -> int | None:
    """How many tokens of a document fit into one generation; None if there is no known limit.

    Raises `JobError` (`invalid_recipe`), with the numbers, if the recipe's limits contradict each other.
    """
    asked = recipe.split.max_input_tokens if recipe.split else None
    if window is None:
        return asked
    instructions, output = estimate_tokens(recipe.instructions), output_tokens(recipe, window)
    left = int((window - instructions - output) * SPARE)
    sum_of = f"a window of {window} tokens, less {instructions} of instructions and {output} of output"
    if left < MIN_ROOM_TOKENS:
        lower = "lower its max_output_tokens" if recipe.max_output_tokens else "set a small max_output_tokens"
        raise JobError(
            Reason.INVALID_RECIPE,
            f"{sum_of}, leaves {max(0, left)} for a document: {lower}, shorten its instructions, or take another model",
        )
    if asked is not None and asked > window - instructions - output:
        raise JobError(
            Reason.INVALID_RECIPE,
            f"split: parts of {asked} tokens do not fit: {sum_of}, leaves {left} for each: "
            "lower max_input_tokens or max_output_tokens",
        )
    return left if asked is None else min(asked, left)


def max_input_tokens(recipe: Recipe, window: int | None) -> int:
    """The same, but always limited: if the window is not known, by the largest windows that exist."""
    room = room_tokens(recipe, window)
    most = int(DEFAULT_WINDOW_TOKENS * SPARE) if window is None else window
    return most if room is None else min(room, most)


def part_size(recipe: Recipe, room: int, chars_per_token: float) -> PartSize:
    """The size of parts for a document that does not fit into `room` tokens."""
    overlap = recipe.split.overlap_tokens if recipe.split else 0
    max_chars = max(2, int(room * chars_per_token))
    return PartSize(max_chars=max_chars, overlap_chars=min(int(overlap * chars_per_token), (max_chars - 1) // 2))


def smaller(recipe: Recipe, text: str, context_overflows: int, chars_per_token: float) -> PartSize:
    """The size of parts for a text that the provider called too long; smaller each time it does."""
    guess = part_size(recipe, CAUTIOUS_TOKENS, chars_per_token)
    max_chars = max(2, min(len(text) // 2 + 1, guess.max_chars) if context_overflows == 1 else len(text) // 4 + 1)
    return PartSize(max_chars=max_chars, overlap_chars=min(guess.overlap_chars, max_chars // 4))
