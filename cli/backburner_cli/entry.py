"""The command's entry point, before anything slow is imported."""

import signal


def main() -> None:
    """Run the command. Until it starts working, Ctrl-C ends it silently: there is nothing to clean up yet."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from backburner_cli.main import app  # noqa: PLC0415 - after the signal is set

    app()
