"""What a shell completes besides commands and options: files, folders, profiles, and the recipes that ship."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    import click


def files(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete files and folders."""
    return [CompletionItem(typed, type="file")]


def folders(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Let the shell complete folders."""
    return [CompletionItem(typed, type="dir")]


def profiles(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[str]:
    """The names of all profiles; none if they cannot be read."""
    from backburner_cli.errors import CommandError
    from backburner_cli.operator.profiles import Profiles

    try:
        return sorted(name for name in Profiles.of(os.environ).all() if name.startswith(typed))
    except CommandError:
        return []


def recipes(_context: click.Context, _parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The recipes that ship; if none begins with what was typed, files."""
    from backburner_cli.operator.shipped import shipped

    found = [name for name in shipped() if name.startswith(typed)]
    return [CompletionItem(name) for name in found] or [CompletionItem(typed, type="file")]
