"""Write docs/commands.md from the command itself: `make commands`. A test compares the two."""

# ruff: noqa: INP001, T201 - a script for a terminal

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from backburner_cli.main import app
from backburner_cli.operator.options import WHICH

PAGE = Path(__file__).resolve().parents[1] / "docs/commands.md"
INTRODUCTION = """\
# Commands

Every command with its options, as `backburner COMMAND --help` shows them. This page is generated from the code
(`make commands`). How a deployment is found, exit codes, and how the commands work together: [operate.md](operate.md).
A folder without a cloud: [folder.md](folder.md).
"""
SHARED = "It takes the [options that name a deployment](#options-that-name-a-deployment)."
OF_A_DEPLOYMENT = """\
## Options that name a deployment

Each command that says so takes these.
"""
_OF_A_DEPLOYMENT = ("stack", "region", "terraform", "local", "folder", "profile")


def page() -> str:
    """The whole page."""
    leaves = list(_leaves(app, "backburner"))
    shared = "\n".join([OF_A_DEPLOYMENT, *_table(_options(next(c for _, c in leaves if _is_deployed(c)), shared=True))])
    listed = "\n".join(f"- [`{name}`](#{_anchor(name)}): {_first(command)}" for name, command in leaves)
    return "\n".join([INTRODUCTION, listed, "", shared, "", *(_section(name, command) for name, command in leaves)])


def _leaves(group: click.Group, before: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _leaves(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    own = _options(command, shared=False)
    lines = [f"## {name}", "", f"    {' '.join(_usage(context))}", ""]
    lines += [_plain(command.help or ""), ""]
    lines += [*_table(own), ""] if own else []
    lines += [SHARED, ""] if _is_deployed(command) else []
    examples: tuple[str, ...] = getattr(command, "examples", ())
    lines += [*(f"    {example}" for example in examples), ""] if examples else []
    told = (command.epilog or "").replace(WHICH, "").strip()
    lines += [_plain(told), ""] if told else []
    return "\n".join(lines)


def _usage(context: click.Context) -> list[str]:
    return [context.command_path, *context.command.collect_usage_pieces(context)]


def _table(options: list[click.Option]) -> list[str]:
    return ["| option | |", "|---|---|", *(f"| {_names(option)} | {_help(option)} |" for option in options)]


def _names(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    choices = option.type.choices if isinstance(option.type, click.Choice) else ()
    value = option.metavar or "|".join(choices) or option.type.name.split()[0].upper()
    return f"{names} {_escaped(value)}"


def _help(option: click.Option) -> str:
    told = _escaped(" ".join((option.help or "").split()))
    default = f" Default: `{option.default}`." if option.show_default and option.default not in (None, False) else ""
    return f"{told}{default}"


def _plain(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.strip())
    return _escaped("\n\n".join(textwrap.fill(" ".join(each.split()), 120) for each in paragraphs))


def _escaped(text: str) -> str:
    """Help is plain text: what Markdown would take for its own is not."""
    return re.sub(r"([|*<>])", r"\\\1", text)


def _first(command: click.Command) -> str:
    return _escaped(command.get_short_help_str(limit=200).removesuffix("."))


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _options(command: click.Command, *, shared: bool) -> list[click.Option]:
    """Its own options, or those that name a deployment."""
    return [
        option
        for option in command.params
        if isinstance(option, click.Option) and shared == (_is_deployed(command) and option.name in _OF_A_DEPLOYMENT)
    ]


def _is_deployed(command: click.Command) -> bool:
    return any(option.name == "stack" for option in command.params)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE} is written.")
