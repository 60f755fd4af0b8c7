"""The commands about recipes: list, check, try one on a document, compare two."""

import os
from pathlib import Path

import click

from backburner_cli.command import Group
from backburner_cli.operator import completing
from backburner_cli.operator.deployment import Asked, enter
from backburner_cli.operator.options import deployed, json_option

PROVIDER = (
    "The provider is the one that the environment names (BACKBURNER_PROVIDER, OPENAI_API_KEY, BACKBURNER_MODEL: "
    "docs/providers.md), or that of a deployment that is named; the key has to be exported."
)
STAND_IN = "No provider, no key: a stand-in extracts sentences."
_UNPAID = "Stopped. Generations until then may have been billed; their texts are not kept."


@click.group(cls=Group, examples=("backburner recipes list", "backburner recipes try recipes/summary.md FILE"))
def recipes() -> None:
    """List and check recipes, try one on a document, compare two."""


@recipes.command("list", examples=("backburner recipes list",))
@json_option
@deployed
def list_recipes(*, asked: Asked, as_json: bool) -> None:
    """List the recipes that ship and, if there is a deployment, its own."""
    from backburner_cli.terminal import plain_errors
    from backburner_cli.trial.recipes import show_list

    with plain_errors("Stopped."):
        enter(asked)
        show_list(os.environ, as_json=as_json)


@recipes.command("check", examples=("backburner recipes check recipes/summary.md", "backburner recipes check"))
@click.argument("named", nargs=-1, metavar="[RECIPE]...", shell_complete=completing.recipes)
@json_option
@deployed
def check_recipes(named: tuple[str, ...], *, asked: Asked, as_json: bool) -> None:
    """Check recipes as the functions read them, and say what is wrong.

    RECIPE is a name or a file. Without any, all that `recipes list` names. Exits with 1 if one cannot be used.
    """
    from backburner_cli.terminal import plain_errors
    from backburner_cli.trial.recipes import check

    with plain_errors("Stopped."):
        enter(asked)
        if not check(os.environ, named, as_json=as_json):
            raise click.exceptions.Exit(1)


@recipes.command(
    "try",
    epilog=PROVIDER + " Exit code: 0 done, 1 failed.",
    examples=("backburner recipes try summary FILE", "backburner recipes try recipes/summary.md FILE --stand-in"),
)
@click.argument("recipe", shell_complete=completing.recipes)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--stand-in", is_flag=True, help=STAND_IN)
@json_option
@deployed
def try_recipe(recipe: str, file: Path, *, stand_in: bool, asked: Asked, as_json: bool) -> None:
    """Try a recipe on one document, and show the text, its tokens and its cost. Nothing is uploaded.

    RECIPE is a file, or the name of one that ships; if a deployment is named, its own come first. The document
    is processed as everywhere else: read, cut if it is too large, checked against a schema. The provider bills it.
    """
    from backburner_cli.terminal import plain_errors
    from backburner_cli.trial.attempt import Attempt, attempt

    with plain_errors(_UNPAID):
        _enter_if_named(asked)
        if not attempt(os.environ, Attempt(recipe=recipe, file=file, stand_in=stand_in), as_json=as_json):
            raise click.exceptions.Exit(1)


@recipes.command(
    "compare",
    epilog=PROVIDER + " Exit code: 0 both have every result, 1 some failed.",
    examples=(
        "backburner recipes compare summary recipes/extract.md contracts/ --sample 20",
        "backburner recipes compare summary recipes/extract.md --stack backburner --to compare.html",
        "backburner recipes compare summary translate contracts/ --stand-in",
    ),
)
@click.argument("old", shell_complete=completing.recipes)
@click.argument("new", shell_complete=completing.recipes)
@click.argument("documents", nargs=-1, shell_complete=completing.files)
@click.option("--sample", type=click.IntRange(min=1), default=20, show_default=True, metavar="N", help="How many.")
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    default=Path("backburner-compare.html"),
    show_default=True,
    metavar="FILE",
    help="The page to write.",
)
@click.option("--stand-in", is_flag=True, help=STAND_IN)
@click.option("--yes", is_flag=True, help="Do not ask before the provider is paid, or another file is replaced.")
@json_option
@deployed
def compare_recipes(
    old: str,
    new: str,
    documents: tuple[str, ...],
    sample: int,
    to: Path,
    *,
    stand_in: bool,
    yes: bool,
    asked: Asked,
    as_json: bool,
) -> None:
    """Run two recipes on the same documents, and write one page with both texts side by side.

    DOCUMENTS are files, folders and quoted patterns; without any, those of the recipe OLD in the deployment's inbox.
    The sample is the same each time. Nothing is uploaded, and no job of the deployment is touched. The page loads
    nothing from any host; it contains both texts of each document.
    """
    from backburner_cli.terminal import plain_errors
    from backburner_cli.trial.compare import Comparison, compare

    wanted = Comparison(
        old=old, new=new, documents=documents, sample=sample, to=to, stand_in=stand_in, is_agreed=yes
    )  # fmt: skip
    with plain_errors(_UNPAID):
        if documents:
            _enter_if_named(asked)
        else:
            enter(asked)
        if not compare(os.environ, wanted, as_json=as_json):
            raise click.exceptions.Exit(1)


def _enter_if_named(asked: Asked) -> None:
    """Use the deployment's environment if one is named; the exported environment names the provider otherwise."""
    if asked.target is not None or asked.profile is not None:
        enter(asked)
