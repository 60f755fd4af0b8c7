"""The commands that bring documents in and results out."""

import os

import click

from backburner_cli.command import Command
from backburner_cli.operator.deployment import Asked, enter
from backburner_cli.operator.options import WHICH, deployed, json_option


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner put contract.pdf --recipe summary --wait",
        "backburner put contracts/ --recipe summary --sample 50 --wait",
        "backburner put 'archive/**/*.docx' --recipe extract --dry-run",
    ),
)
@click.argument("files", nargs=-1, required=True)
@click.option("--recipe", default="", help="The recipe to use: the folder below inbox/. Without it, the default one.")
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N of the documents, the same each time.")
@click.option("--again", is_flag=True, help="Upload also what is done or under way with the same bytes.")
@click.option("--dry-run", is_flag=True, help="Only say what would be uploaded.")
@click.option("--wait", is_flag=True, help="Wait for the results and show them. Exits with 1 if any document failed.")
@json_option
@deployed
def put(
    files: tuple[str, ...],
    recipe: str,
    sample: int | None,
    *,
    asked: Asked,
    as_json: bool,
    again: bool,
    dry_run: bool,
    wait: bool,
) -> None:
    """Upload documents, and with --wait show what becomes of them.

    FILES are files, folders with all that is below them, or quoted patterns, as 'archive/**/*.pdf'. The tree is kept:
    contracts/2024/a.pdf becomes inbox/RECIPE/contracts/2024/a.pdf.

    What is done or under way with the same bytes is skipped, so an interrupted upload is resumed by the same command.
    What has failed is uploaded again, which runs it again.
    """
    from backburner_cli.operator.put import Wish, upload
    from backburner_cli.terminal import plain_errors

    if "/" in recipe:
        raise click.BadParameter("a recipe's name has no slash: it is one folder below inbox/", param_hint="--recipe")
    wish = Wish(named=files, recipe=recipe, sample=sample, again=again, dry_run=dry_run, wait=wait)
    with plain_errors("Stopped. What is uploaded goes on by itself; the same command uploads the rest."):
        enter(asked)
        upload(os.environ, wish, as_json=as_json)


COMMANDS = (put,)
"""In the order in which help lists them."""
