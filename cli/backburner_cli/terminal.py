"""The command's output, and how it reports errors."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from backburner_cli.errors import CommandError
from backburner_cli.system_errors import remedy_of

MAX_LISTED = 100
"""How many documents a command names one by one on a terminal; --json has them all."""
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, including escape sequences, and characters that change the direction of text."""


def printable(text: str) -> str:
    """Make untrusted text safe for a terminal: characters that would control it are shown as escapes.

    So are bytes of a file name that are not UTF-8.
    """
    readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return _STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), readable)


class _Printable:
    """Something to print, such as a table, made safe for a terminal."""

    def __init__(self, renderable: ConsoleRenderable) -> None:
        self.renderable = renderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


class _PrintableOnly(RenderHook):
    """Makes everything that a command prints safe, since keys, messages and texts are other people's."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Printable(one) for one in renderables]


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, soft_wrap=True, emoji=False)  # a name or text may hold ":x:"
    console.push_render_hook(_PrintableOnly())
    return console


out, err = _console(stderr=False), _console(stderr=True)


def count_of(number: int, noun: str) -> str:
    """A number of things, such as "1 job" or "1,200 jobs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def span(seconds: float | None) -> str:
    """A duration for people."""
    if seconds is None:
        return ""
    for unit_s, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * unit_s:
            return f"{seconds / unit_s:.0f} {name}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004 - ten seconds


def one_line(text: str) -> str:
    """Untrusted text made safe for a terminal and kept on one line: a name may contain line breaks."""
    return printable(text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t"))


def say(text: str, console: Console | None = None, style: str | None = None) -> None:
    """Print a text with a name in it as one line, to standard output unless another console is given."""
    (console or out).print(one_line(text), markup=False, style=style)


def print_json(value: Any) -> None:
    """Print a value as JSON to standard output, whatever the width of the terminal."""
    print(_json(value, indent=2), file=out.file)


def print_json_line(value: Any) -> None:
    """Print a value as a line of JSON at once. If nobody reads it any more, the command continues with its work."""
    try:
        print(_json(value), file=out.file, flush=True)
    except BrokenPipeError:
        discard_output()


def _json(value: Any, indent: int | None = None) -> str:
    """The value as JSON that standard output can encode; what it cannot is escaped, as are bytes that are not UTF-8."""
    is_utf8 = (getattr(out.file, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    text = json.dumps(value, indent=indent, ensure_ascii=not is_utf8, default=str)
    return text.encode("utf-8", "backslashreplace").decode()


def discard_output() -> None:
    """Discard whatever is still printed, so that nothing fails at the end of the process."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _flush_or_discard() -> None:
    """After an error, write what was printed before it if that is possible; never try again."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        discard_output()


def is_anybody_there() -> bool:
    """Whether anybody can answer a question."""
    return sys.stdin.isatty()


def confirm(question: str, *, is_agreed: bool, has_dry_run: bool = True) -> None:
    """Ask before something that costs or destroys; `is_agreed` is the command line's --yes.

    `has_dry_run`: whether the command has --dry-run, which is then named as a remedy too.

    Raises `CommandError` if the answer is no, or if there is nobody to ask.
    """
    if is_agreed:
        return
    if not is_anybody_there():
        rehearsal = ", or --dry-run to see what it would do" if has_dry_run else " to agree beforehand"
        raise CommandError(f"{question} Nobody can be asked here: give --yes{rehearsal}")
    if not click.confirm(one_line(question), err=True):
        raise CommandError("nothing was done")


def reach_remedy(environment: Mapping[str, str]) -> str:
    """What to check if bucket and queues cannot be reached."""
    trusted = environment.get("AWS_CA_BUNDLE")
    if trusted and not Path(trusted).exists():
        return (
            f"AWS_CA_BUNDLE names {trusted}, which is gone: if it was a backburner up, that has ended; start it again, "
            "or name another deployment"
        )
    for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS"):
        endpoint = environment.get(name)
        if endpoint and endpoint != environment.get("AWS_ENDPOINT_URL"):
            return f"{name} is {endpoint} and overrides AWS_ENDPOINT_URL: unset it if it belongs to another cloud"
    return "are AWS_ENDPOINT_URL, AWS_REGION and the credentials set for this bucket?"


@contextmanager
def plain_errors(interrupted: str, code: int | None = None) -> Iterator[None]:
    """Say what went wrong and what to do, without a traceback; after Ctrl-C say what is left.

    `code`: the exit code of both, if the command has one of its own.
    """
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # until now Ctrl-C ended the process: see entry.py
            signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
    except KeyboardInterrupt:
        err.print(interrupted)
        raise click.exceptions.Exit(130 if code is None else code) from None
    except CommandError as error:
        err.print(f"Error: {error}", markup=False, style="red")
        raise click.exceptions.Exit(1 if code is None else code) from None
    except BrokenPipeError:  # the reader of our output has seen enough, as `head` does
        discard_output()
        raise click.exceptions.Exit(0) from None
    except OSError as error:
        err.print(f"Error: {error}: {remedy_of(error)}", markup=False, style="red")
        _flush_or_discard()
        raise click.exceptions.Exit(1 if code is None else code) from None
