"""What the command says, and how it says that something went wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

out, err = Console(highlight=False, soft_wrap=True), Console(stderr=True, highlight=False, soft_wrap=True)


class CommandError(Exception):
    """Something that the operator has to put right; its text names the remedy."""


@contextmanager
def plain_errors(interrupted: str) -> Iterator[None]:
    """Say what went wrong and what to do, without a traceback; after Ctrl-C say what is left."""
    from backburner_cli.localcloud import LocalCloudError  # noqa: PLC0415 - help needs no servers
    from backburner_cli.provider import ProviderError  # noqa: PLC0415
    from backburner_cli.put import PutError  # noqa: PLC0415

    try:
        yield
    except KeyboardInterrupt:
        err.print(interrupted)
        raise typer.Exit(130) from None
    except (CommandError, LocalCloudError, ProviderError, PutError) as error:
        err.print(f"Error: {error}", markup=False, style="red")
        raise typer.Exit(1) from None
