"""The operator's command `backburner`."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from backburner_cli.operator.commands import operating
from backburner_cli.terminal import out, plain_errors

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    help="Drop a document into a bucket; the finished text appears beside it.",
    epilog="Start with [bold]backburner demo[/bold]; then [bold]backburner up[/bold] and drop documents of your own.",
)

REMOVED = "Stopped; nothing is left behind."
REAL_PROVIDER = (
    "A real provider takes the stand-in's place when OPENAI_BASE_URL, OPENAI_API_KEY and BACKBURNER_MODEL are set "
    "(and BACKBURNER_PROVIDER, OPENAI_PROJECT_ID where it needs them: docs/providers.md)."
)


@app.command(epilog=REAL_PROVIDER)
def demo() -> None:
    """Run the main job once, end to end, on this machine: about a minute, nothing left behind."""
    from backburner_cli.local.demo import show  # noqa: PLC0415 - help needs no servers

    with plain_errors(REMOVED):
        show(out, os.environ)


@app.command(epilog=REAL_PROVIDER)
def up(
    cloud: Annotated[
        Literal["aws", "yandex"],
        typer.Option(help="aws: the real template. yandex: the very zip that is deployed, as Cloud Functions runs it."),
    ] = "aws",
) -> None:
    """Run the whole of it on this machine until Ctrl-C: local cloud, real handlers, timer of one minute."""
    from backburner_cli.local.up import stay, stay_on_yandex  # noqa: PLC0415

    with plain_errors(REMOVED):
        (stay if cloud == "aws" else stay_on_yandex)(out, os.environ)


@app.command()
def put(
    files: Annotated[list[Path], typer.Argument(help="Documents to upload.", exists=True, dir_okay=False)],
    recipe: Annotated[str, typer.Option(help="Folder below inbox/, so the recipe; '' for the default.")] = "",
    *,
    wait: Annotated[bool, typer.Option(help="Wait for the results and show them.")] = False,
) -> None:
    """Upload documents to the inbox of BACKBURNER_BUCKET, on any cloud that the AWS_… variables reach."""
    from backburner_cli.operator.put import upload  # noqa: PLC0415

    with plain_errors("Stopped waiting; the jobs go on by themselves."):
        upload(out, os.environ, files, recipe, wait=wait)


@app.command()
def provider(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=1, max=65535)] = 8765,
    profile: Annotated[Literal["openai", "yandex", "vllm"], typer.Option(help="Whose rules it keeps.")] = "openai",
) -> None:
    """Run the local stand-in provider alone: background mode of the Responses API over an honest extract."""
    from backburner_cli.standin import StandIn, run  # noqa: PLC0415

    out.print(f"Stand-in provider at http://127.0.0.1:{port}/v1, any key; its models: GET /v1/models. Ctrl-C ends it.")
    with plain_errors("Stopped."):
        try:
            run(port=port, stand_in=StandIn(profile=profile, remembers=False))
        except OSError as error:
            raise typer.BadParameter(f"{port}: {error.strerror}; choose another", param_hint="--port") from error


app.add_typer(operating)

if __name__ == "__main__":
    app()
