"""The commands `plan` and `put`."""

import os

import click

from backburner_cli.command import Command
from backburner_cli.operator import completing
from backburner_cli.operator.deployment import Asked, enter, no_folder
from backburner_cli.operator.options import WHICH, deployed, json_option


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner put FILE --recipe summary --wait",
        "backburner put contracts/ --recipe summary --sample 50 --wait",
        "backburner put 'archive/**/*.docx' --recipe extract --dry-run",
    ),
)
@click.argument("files", nargs=-1, required=True, shell_complete=completing.files)
@click.option(
    "--recipe",
    default="",
    shell_complete=completing.recipes,
    help="The recipe to use: the folder below inbox/. Without it, the default one.",
)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N of the documents, the same each time.")
@click.option("--again", is_flag=True, help="Also upload documents that are done or under way with the same bytes.")
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
    """Upload documents, and with --wait show their results.

    FILES are files, folders with everything below them, or quoted patterns such as 'archive/**/*.pdf'. The tree is
    kept: contracts/2024/a.pdf becomes inbox/RECIPE/contracts/2024/a.pdf. Folders and patterns leave out hidden
    files, links to files elsewhere, and the outputs of backburner run.

    Documents that are done or under way with the same bytes are skipped, so the same command resumes an interrupted
    upload. Failed documents are uploaded again, which runs them again.
    """
    from backburner_cli.operator.put import Wish, upload
    from backburner_cli.terminal import plain_errors

    if "/" in recipe:
        raise click.BadParameter("a recipe's name has no slash: it is one folder below inbox/", param_hint="--recipe")
    wish = Wish(named=files, recipe=recipe, sample=sample, again=again, dry_run=dry_run, wait=wait)
    with plain_errors("Stopped. Uploaded documents are still processed; run the same command to upload the rest."):
        no_folder(enter(asked), "put documents into it; backburner run processes them")
        upload(os.environ, wish, as_json=as_json)


@click.command(
    cls=Command,
    epilog=WHICH,
    examples=(
        "backburner plan contracts/ --recipe summary",
        "backburner plan contracts/ --recipe recipes/summary.md --sample 50",
        "backburner plan inbox/summary/",
    ),
)
@click.argument("documents", nargs=-1, required=True, shell_complete=completing.files)
@click.option(
    "--recipe",
    shell_complete=completing.recipes,
    help="A recipe's name, or the path of a recipe's file. Without it, each folder's own.",
)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Only N of the documents, the same each time.")
@json_option
@deployed
def plan(documents: tuple[str, ...], recipe: str | None, sample: int | None, *, asked: Asked, as_json: bool) -> None:
    """Estimate documents before anything is spent: tokens, parts, cost, time, and what would be refused and why.

    DOCUMENTS are files, folders and quoted patterns as for put, or inbox/… for documents in the bucket. They are read
    on this machine exactly as the functions would read them; nothing is uploaded, and the provider is not called. The
    upper end of a range is what would be reserved, the lower end what past usage suggests. Exits with 1 if any would be
    refused.

    If no deployment is named but BACKBURNER_MODEL is exported, it estimates what backburner run would do with the
    shipped recipes.
    """
    from backburner_cli.operator.plan import Plan
    from backburner_cli.operator.plan import plan as do
    from backburner_cli.terminal import plain_errors

    with plain_errors("Stopped. Nothing was spent."):
        enter(asked)
        if not do(os.environ, Plan(named=documents, recipe=recipe, sample=sample), as_json=as_json):
            raise click.exceptions.Exit(1)


COMMANDS = (plan, put)
"""In the order of the help."""
