"""A command of `backburner` whose help ends with an example to copy."""

from typing import Any

import click


class Command(click.Command):
    """A command with examples: lines that work as they stand once their files and settings are there."""

    def __init__(self, *args: Any, examples: tuple[str, ...], **kwargs: Any) -> None:
        first_paragraph = str(kwargs.get("help") or "").partition("\n\n")[0]
        super().__init__(*args, **{"short_help": " ".join(first_paragraph.split()), **kwargs})
        self.examples = examples

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then whatever else the end of the help says."""
        write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)


class Group(click.Group):
    """The command itself, or a group of commands: lists them in the order of a user's way, then examples."""

    command_class = Command

    def __init__(self, *args: Any, examples: tuple[str, ...] = ("backburner demo",), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's shape
        """Names in the order in which they were added."""
        return list(self.commands)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, then whatever else the end of the help says."""
        write_examples(formatter, self.examples)
        super().format_epilog(ctx, formatter)


def write_examples(formatter: click.HelpFormatter, examples: tuple[str, ...]) -> None:
    """Write examples as they are to be typed, never wrapped."""
    with formatter.section("Example" if len(examples) == 1 else "Examples"):
        for example in examples:
            formatter.write(f"{' ' * formatter.current_indent}{example}\n")
