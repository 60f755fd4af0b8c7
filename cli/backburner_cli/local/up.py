"""The whole system on this machine until Ctrl-C."""

from __future__ import annotations

import shlex
import signal
import threading
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from backburner.ledger.keys import RECIPES
from backburner_cli.console.beside import console_beside
from backburner_cli.local.aws import LocalCloud, local_cloud
from backburner_cli.local.aws.cloud import CHECKOUT
from backburner_cli.local.provider import ChosenProvider, chosen_provider
from backburner_cli.local.settings import passed_on, set_aside, unread
from backburner_cli.local.yandex.cloud import yandex_cloud
from backburner_cli.operator.deployment import CHECKER_FUNCTION, DEPLOYED_VERSION, SUBMIT_FUNCTION, local_deployment
from backburner_cli.operator.running import announced
from backburner_cli.operator.trigger_check import HOW_OFTEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client
    from rich.console import Console


_OVERRIDING = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS", "AWS_SESSION_TOKEN", "AWS_PROFILE")
"""Variables that would override the printed ones if a shell still has them."""


def stay(out: Console, environment: Mapping[str, str], *, has_console: bool) -> None:
    """Start everything on the local AWS, say how to use it, and wait for Ctrl-C."""
    with running(out, environment, progress=lambda message: out.print(f"[dim]{message}[/]")) as (cloud, provider):
        functions = {SUBMIT_FUNCTION: cloud.submit_function, CHECKER_FUNCTION: cloud.checker_function}
        _wait(out, environment, "aws", cloud.environment, provider, functions=functions, has_console=has_console)


def stay_on_yandex(out: Console, environment: Mapping[str, str], *, has_console: bool) -> None:
    """Like `stay`, on the local Yandex Cloud."""
    with (
        chosen_provider(environment, "yandex") as provider,
        yandex_cloud(
            provider,
            progress=lambda message: out.print(f"[dim]{message}[/]"),
            settings=_settings(out, environment),
        ) as cloud,
    ):
        _upload_recipes(cloud.s3, cloud.bucket)
        _wait(out, environment, "yandex", cloud.environment, provider, functions={}, has_console=has_console)


def _wait(
    out: Console,
    own: Mapping[str, str],
    kind: str,
    reached_by: Mapping[str, str],
    provider: ChosenProvider,
    *,
    functions: Mapping[str, str],
    has_console: bool,
) -> None:
    """Say how to use the cloud, and let commands find it, and its functions' names, until Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # backburner down asks for what Ctrl-C does
    known = {**reached_by, **functions, DEPLOYED_VERSION: version("backburner")}
    with announced(own, kind, known), ExitStack() as beside:
        out.print("\n[bold]Ready.[/] In another terminal:\n")
        out.print("  .venv/bin/backburner put FILE --recipe summary --wait", markup=False)
        out.print("  .venv/bin/backburner status", markup=False)
        out.print("  .venv/bin/backburner audit", markup=False)
        out.print("  .venv/bin/backburner console    # all of it in the browser\n", markup=False)
        out.print("The commands find it by themselves. Other programs, such as the AWS CLI, need:\n")
        for name, value in reached_by.items():
            out.print(f"  export {name}={shlex.quote(value)}", markup=False)
        if left_over := [name for name in _OVERRIDING if name not in reached_by]:
            out.print(f"  unset {' '.join(left_over)}", markup=False)
        often = HOW_OFTEN[int(reached_by.get("BACKBURNER_TICKS_PER_MINUTE", "1")) - 1]
        out.print(f"\nEvery upload below inbox/ starts a job. The checker collects results {often}.")
        if provider.stand_in is not None:
            out.print(
                "The provider is the local stand-in: it quotes from the documents, no language model is involved."
            )
        out.print("Press Ctrl-C to stop it and remove everything.")
        if has_console:
            found = local_deployment(own, reached_by)
            beside.enter_context(console_beside(found, lambda told: out.print(f"\n{told}", markup=False)))
        threading.Event().wait()


def _settings(out: Console, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that the functions get. Prints them, and warnings about those they do not get."""
    for warning in [*unread(environment), *set_aside(environment)]:
        out.print(warning, markup=False, style="yellow")
    found = passed_on(environment)
    if found:
        out.print("Settings of this environment: " + ", ".join(f"{name}={value}" for name, value in found.items()))
    return found


def _upload_recipes(s3: S3Client, bucket: str) -> None:
    """Upload the shipped recipes."""
    for recipe in sorted((CHECKOUT / "recipes").glob("*.md")):
        s3.put_object(Bucket=bucket, Key=f"{RECIPES}{recipe.name}", Body=recipe.read_bytes())


@contextmanager
def running(
    out: Console, environment: Mapping[str, str], progress: Callable[[str], None]
) -> Iterator[tuple[LocalCloud, ChosenProvider]]:
    """The local AWS with its provider, and the shipped recipes in its bucket."""
    with (
        chosen_provider(environment) as provider,
        local_cloud(
            provider_base_url=provider.base_url,
            api_key=provider.api_key,
            model=provider.model,
            provider_profile=provider.profile,
            parameters=provider.parameters,
            settings=_settings(out, environment),
            progress=progress,
        ) as cloud,
    ):
        _upload_recipes(cloud.s3(), cloud.bucket)
        yield cloud, provider
