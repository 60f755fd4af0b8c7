"""The command's entry point, before anything slow is imported."""

import contextlib
import io
import os
import signal
import sys


def main() -> None:
    """Run the command. Until it starts working, Ctrl-C ends it silently: there is nothing to clean up yet."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _open_streams()
    from backburner_cli.main import app  # noqa: PLC0415 - after the signal is set

    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # here, where it can be reported, and not when the interpreter ends
    except OSError as error:  # what was printed cannot be written; commands report their other errors
        from backburner_cli.system_errors import remedy_of  # noqa: PLC0415 - seldom needed
        from backburner_cli.terminal import discard_output  # noqa: PLC0415 - seldom needed

        discard_output()
        if isinstance(error, BrokenPipeError):
            sys.exit(0)
        with contextlib.suppress(OSError):
            sys.stderr.write(f"Error: standard output cannot be written ({error.strerror}): {remedy_of(error)}\n")
        sys.exit(1)


def _open_streams() -> None:
    """Let the standard streams take whatever is printed: a closed one nothing, one of another encoding escapes.

    A closed one is opened, or the next file that is opened would get its number, and what is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8"))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
