"""The operator's command `backburner`: each command imports what it needs when it runs, so help answers at once."""

import os
from pathlib import Path

import click

from backburner_cli.command import Group
from backburner_cli.console import commands as console_commands
from backburner_cli.operator import commands, completing, list_commands, setup_commands, upload_commands, watch_commands
from backburner_cli.operator.options import json_option
from backburner_cli.trial.commands import recipes

REMOVED = "Stopped; nothing is left behind."
REAL_PROVIDER = (
    "To use a real provider instead of the local stand-in, set OPENAI_BASE_URL, OPENAI_API_KEY and BACKBURNER_MODEL, "
    "and BACKBURNER_PROVIDER and OPENAI_PROJECT_ID where the provider needs them (docs/providers.md)."
)


@click.group(
    cls=Group,
    epilog="The demo needs no account. After it, run your own documents with backburner up and backburner put.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="backburner", message="%(prog)s %(version)s")
def app() -> None:
    """Drop a document into a bucket; the finished text appears beside it."""


@app.command(epilog=REAL_PROVIDER, examples=("backburner demo",))
def demo() -> None:
    """See it work: a few documents, start to finish, on this machine.

    Deploys the real template to a local cloud, with a stand-in provider that makes mistakes on purpose. Takes about
    half a minute and leaves nothing behind.
    """
    from backburner_cli.local.demo import show
    from backburner_cli.terminal import out, plain_errors

    with plain_errors(REMOVED):
        show(out, os.environ)


@app.command(epilog=REAL_PROVIDER, examples=("backburner up", "backburner up --cloud yandex"))
@click.option(
    "--cloud",
    type=click.Choice(["aws", "yandex"]),
    default="aws",
    show_default=True,
    help="aws: deploys template.yaml. yandex: runs the zip that is deployed, as Cloud Functions would.",
)
@console_commands.console_option
def up(cloud: str, *, console: bool | None) -> None:
    """Run Backburner on this machine until Ctrl-C.

    Starts a local cloud with the real functions and a timer that ticks every minute, and prints the settings that the
    other commands need to reach it.
    """
    from backburner_cli.local.up import stay, stay_on_yandex
    from backburner_cli.terminal import out, plain_errors

    with plain_errors(REMOVED):
        (stay if cloud == "aws" else stay_on_yandex)(
            out, os.environ, has_console=console_commands.is_wanted(console=console)
        )


@app.command(
    epilog="Exit code: 0 all done, 1 some failed, 2 stopped early or not begun. More: docs/folder.md",
    examples=("backburner run ./contracts --recipe summary --out ./summaries", "backburner run ./contracts --stand-in"),
)
@click.argument("folder", type=click.Path(path_type=Path), shell_complete=completing.folders)
@click.option(
    "--recipe",
    metavar="NAME|FILE.md",
    default="default",
    shell_complete=completing.recipes,
    help="What to do: summary, extract, contract-facts, translate, or a file. Default: a faithful summary.",
)
@click.option(
    "--out",
    "results",
    metavar="DIR",
    type=click.Path(path_type=Path),
    shell_complete=completing.folders,
    help="Where results go, in the documents' tree: a/b.txt becomes DIR/a/b.txt.md. Default: FOLDER/results. "
    "Files in there are never taken for documents.",
)
@click.option("--stand-in", is_flag=True, help="No provider, no key: a stand-in extracts sentences.")
@click.option("--watch", is_flag=True, help="Keep running, and process documents that appear or change, until Ctrl-C.")
@click.option(
    "--console/--no-console",
    default=None,
    help="Serve the console meanwhile, and print its address. Without either: with --watch on a terminal.",
)
@json_option
def run(
    folder: Path,
    recipe: str,
    results: Path | None,
    *,
    stand_in: bool,
    watch: bool,
    console: bool | None,
    as_json: bool,
) -> None:
    """Process the documents of a folder on this machine, without any cloud.

    Safe to stop and start again at any moment: nothing is lost, and nothing is paid twice on purpose. Done documents
    do not run again unless the document, the recipe or the model has changed. Hidden files are left out.

    JSON is a line for each document that ends, and a last one with the counts, tokens and cost of the run.
    """
    from backburner_cli.folder.command import Wanted
    from backburner_cli.folder.command import run as do
    from backburner_cli.folder.json_lines import Outcome
    from backburner_cli.terminal import out, plain_errors

    has_console = console_commands.is_wanted(console=console) if watch or console else False
    wanted = Wanted(
        folder=folder,
        recipe=recipe,
        out=results,
        stand_in=stand_in,
        watch=watch,
        has_console=has_console,
        as_json=as_json,
    )
    with plain_errors("Stopped; run the same command to continue.", code=Outcome.STOPPED_EARLY.exit_code):
        code = do(out, os.environ, wanted)
    raise click.exceptions.Exit(code)


for operators in (
    *upload_commands.COMMANDS,
    *watch_commands.COMMANDS,
    *list_commands.COMMANDS,
    *console_commands.COMMANDS,
    *commands.COMMANDS,
    *setup_commands.COMMANDS,
):
    app.add_command(operators)
app.add_command(recipes)


@app.command(examples=("backburner provider --port 8765",))
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8765, show_default=True, help="The port to use on 127.0.0.1."
)
@click.option(
    "--profile",
    type=click.Choice(["openai", "yandex", "vllm"]),
    default="openai",
    show_default=True,
    help="The provider whose rules it follows.",
)
def provider(port: int, profile: str) -> None:
    """Run the stand-in provider by itself.

    It speaks the Responses API in background mode and answers with sentences taken from the document: no language model
    is involved. Its other models misbehave on purpose, each in its own way.
    """
    from backburner_cli.standin import StandIn, run
    from backburner_cli.standin.profiles import PROFILES
    from backburner_cli.terminal import out, plain_errors

    chosen = next(name for name in PROFILES if name == profile)
    address = f"http://127.0.0.1:{port}/v1"
    out.print(f"Stand-in provider at {address}; any API key works. {address}/models lists its models.")
    out.print("Press Ctrl-C to stop it.")
    with plain_errors("Stopped."):
        try:
            run(port=port, stand_in=StandIn(profile=chosen, remembers=False))
        except OSError as error:
            message = f"{port}: {error.strerror}; choose another"
            raise click.BadParameter(message, param_hint="--port") from error


if __name__ == "__main__":
    app()
