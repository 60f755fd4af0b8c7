"""How long is too long: tokens are estimated from characters, and a model's window bounds what a document may have.

How many characters make a token is learnt per model from the usage that comes back; until then three are assumed,
which errs on the safe side for most languages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from backburner.documents.recipes import MAX_TOKENS, Recipe
from backburner.errors import JobError, Reason

T = TypeVar("T")
CHARS_PER_TOKEN = 3.0
OUTPUT_WITHOUT_CAP_TOKENS = 4000
"""Reserved for an output that no recipe caps."""
MIN_ROOM_TOKENS = 500
"""A recipe that leaves less room than this for its document cannot work."""
_OUTPUT_SHARE = 4
"""An output without a cap gets at most one part in so many of a window."""
SPARE = 0.9
"""Share of a window that an estimate may fill."""
DEFAULT_WINDOW_TOKENS = 1_000_000
"""Assumed where a window is not known: no model takes a longer text whole."""
CAUTIOUS_TOKENS = 24_000
"""Size of a part where a provider says "too long" and its window is not known."""


@dataclass(frozen=True, kw_only=True)
class PartSize:
    """The size of the parts that a document is cut into, in characters."""

    max_chars: int
    overlap_chars: int


def estimate_tokens(text: str, chars_per_token: float = CHARS_PER_TOKEN) -> int:
    """Tokens of a text."""
    return int(len(text) / chars_per_token) + 1


def line_tokens(size_bytes: int, cap: object, instructions: str = "") -> tuple[int, int]:
    """About how many tokens a line of a batch takes in, by its bytes and its instructions, and gives, by its cap."""
    is_cap = isinstance(cap, int) and not isinstance(cap, bool) and cap > 0
    inputs = int(size_bytes / CHARS_PER_TOKEN) + 1 + (estimate_tokens(instructions) if instructions else 0)
    return inputs, min(cap, MAX_TOKENS) if is_cap and isinstance(cap, int) else OUTPUT_WITHOUT_CAP_TOKENS


def window_of(windows: Mapping[str, int], model: str) -> int | None:
    """The context window of a model in tokens; None where the table knows none."""
    return known_of(windows, model)


def known_of(table: Mapping[str, T], model: str) -> T | None:
    """What a table says of a model; None where it says nothing.

    A name in the table stands for every model whose name has a segment that begins with it; the longest name wins.
    """
    segments = model.split("/")
    names = [name for name in table if any(segment.startswith(name) for segment in segments) or name == "*"]
    return table[max(names, key=len)] if names else None


def output_tokens(recipe: Recipe, window: int | None) -> int:
    """How much of a window an answer may take: the recipe's cap, else the usual, but only a share of a small window."""
    usual = OUTPUT_WITHOUT_CAP_TOKENS if window is None else min(OUTPUT_WITHOUT_CAP_TOKENS, window // _OUTPUT_SHARE)
    return recipe.max_output_tokens or usual


def room_tokens(recipe: Recipe, window: int | None) -> int | None:
    """How many tokens of a document one generation takes; None where nothing bounds them.

    Raises `JobError` (`invalid_recipe`), with the numbers, where the recipe's limits cannot work together.
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
    """The same, but always bounded: where the window is not known, by the largest windows there are."""
    room = room_tokens(recipe, window)
    most = int(DEFAULT_WINDOW_TOKENS * SPARE) if window is None else window
    return most if room is None else min(room, most)


def part_size(recipe: Recipe, room: int, chars_per_token: float) -> PartSize:
    """How to cut a document that does not fit into so many tokens."""
    overlap = recipe.split.overlap_tokens if recipe.split else 0
    max_chars = max(2, int(room * chars_per_token))
    return PartSize(max_chars=max_chars, overlap_chars=min(int(overlap * chars_per_token), (max_chars - 1) // 2))


def smaller(recipe: Recipe, text: str, context_overflows: int, chars_per_token: float) -> PartSize:
    """How to cut a text that the provider called too long, the smaller the more often it did."""
    guess = part_size(recipe, CAUTIOUS_TOKENS, chars_per_token)
    max_chars = max(2, min(len(text) // 2 + 1, guess.max_chars) if context_overflows == 1 else len(text) // 4 + 1)
    return PartSize(max_chars=max_chars, overlap_chars=min(guess.overlap_chars, max_chars // 4))
