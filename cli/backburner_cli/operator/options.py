"""The options that many commands share: the deployment, and JSON."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from backburner_cli.operator import completing
from backburner_cli.operator.deployment import Asked
from backburner_cli.operator.profiles import Kind, Target

WHICH = (
    "The deployment is the one that --stack, --terraform, --local, --folder or --profile names; else the exported "
    "environment (BACKBURNER_BUCKET and the functions' other settings); else the one that backburner use chose; else "
    "the backburner up that runs on this machine. The provider's key is not needed."
)
"""The end of a command's help."""
_OPTIONS: tuple[Callable[[Callable[..., Any]], Callable[..., Any]], ...] = (
    click.option("--stack", metavar="NAME", help="An AWS stack, by its name: read from its outputs."),
    click.option("--region", metavar="REGION", help="With --stack: its AWS region. Without it, that of your settings."),
    click.option(
        "--terraform",
        metavar="DIR",
        shell_complete=completing.folders,
        help="A Terraform deployment, by the folder it was applied in.",
    ),
    click.option("--local", is_flag=True, help="The backburner up that runs on this machine."),
    click.option(
        "--folder",
        metavar="DIR",
        shell_complete=completing.folders,
        help="A folder in which backburner run works, or has worked.",
    ),
    click.option(
        "--profile",
        metavar="NAME",
        shell_complete=completing.profiles,
        help="A deployment that backburner use has saved.",
    ),
)


def deployed(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that name a deployment; it gets them as `asked`."""

    @functools.wraps(command)
    def with_deployment(
        *args: Any,
        stack: str | None,
        region: str | None,
        terraform: str | None,
        local: bool,
        folder: str | None,
        profile: str | None,
        **kwargs: Any,
    ) -> Any:
        asked = _asked(stack, region, terraform, folder, profile, local=local)
        return command(*args, asked=asked, **kwargs)

    decorated: Callable[..., Any] = with_deployment
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command --json and --text as `as_json`; without either, it is True unless the output is a terminal."""
    option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
        "--json/--text",
        "as_json",
        default=None,
        callback=lambda _context, _parameter, value: _is_piped() if value is None else value,
        help="Print JSON, or text for people. Without either: text on a terminal, JSON into a pipe or file.",
    )
    return option(command)


def _is_piped() -> bool:
    return not sys.stdout.isatty()


def _asked(
    stack: str | None,
    region: str | None,
    terraform: str | None,
    folder: str | None,
    profile: str | None,
    *,
    local: bool,
) -> Asked:
    targets = []
    if stack:
        targets.append(Target(kind=Kind.STACK, name=stack, region=region))
    if terraform:
        targets.append(Target(kind=Kind.TERRAFORM, name=terraform))
    if local:
        targets.append(Target(kind=Kind.LOCAL))
    if folder:
        targets.append(Target(kind=Kind.FOLDER, name=str(Path(folder).expanduser().resolve())))
    if len(targets) + bool(profile) > 1:
        raise click.UsageError("Name one deployment: --stack, --terraform, --local, --folder or --profile.")
    if region and not stack:
        raise click.UsageError("--region belongs to --stack: give the stack's name too.")
    given = {"--stack": stack, "--region": region, "--terraform": terraform, "--folder": folder, "--profile": profile}
    options = [part for name, value in given.items() if value for part in (name, value)] + ["--local"] * local
    return Asked(target=targets[0] if targets else None, profile=profile, options=tuple(options))
