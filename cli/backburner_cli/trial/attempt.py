"""The command `recipes try`: processes one document on this machine."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from backburner_cli.errors import CommandError
from backburner_cli.operator.deployment import EXPORTED
from backburner_cli.operator.figures import COST_UNKNOWN
from backburner_cli.terminal import err, out, print_json
from backburner_cli.trial.recipes import deployed_source, is_file
from backburner_cli.trial.trials import Tried, trials


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The recipe to try, and the file to try it on."""

    recipe: str
    file: Path
    stand_in: bool


def attempt(environment: Mapping[str, str], wanted: Attempt, *, as_json: bool) -> bool:
    """Try it, show the outcome, and return whether there is a result. Raises `CommandError`."""
    if not wanted.file.is_file():
        what = f"{wanted.file} is a folder" if wanted.file.is_dir() else f"there is no file {wanted.file}"
        raise CommandError(f"{what}: name one document")
    with (
        trials({wanted.file.name: wanted.file}) as made,
        recipe_file(environment, wanted.recipe) as recipe,
        err.status("waiting for the provider"),
    ):
        (tried,) = made.run(environment, recipe, stand_in=wanted.stand_in, into="out")
    if as_json:
        print_json(asdict(tried))
    else:
        _show(tried)
    return tried.is_done


@contextmanager
def recipe_file(environment: Mapping[str, str], named: str) -> Iterator[str]:
    """A file or name of a recipe for the engine; the deployment's recipe of that name, if it has one, comes first."""
    source = None if is_file(named) or not environment.get(EXPORTED) else deployed_source(environment, named)
    if source is None:
        yield named
        return
    with tempfile.TemporaryDirectory(prefix="backburner-recipe-") as made:
        file = Path(made) / f"{named}.md"
        file.write_bytes(source)
        yield str(file)


def _show(tried: Tried) -> None:
    if tried.is_done:
        out.print(tried.text, markup=False)
    else:
        err.print(f"failed: {tried.reason}: {tried.message}", markup=False, style="red")
    for quote in tried.quotes:
        err.print(f"{quote.pointer}: found, {quote.where}", markup=False, style="dim")
    cost = COST_UNKNOWN if tried.cost is None else f"{tried.cost:.6f}"
    took = "" if tried.seconds is None else f", {tried.seconds:.1f} s"
    tokens = f"{tried.input_tokens:,} tokens in, {tried.output_tokens:,} out"
    err.print(f"{tried.recipe}, {tried.model}: {tokens}, cost {cost}{took}", markup=False, style="dim")
