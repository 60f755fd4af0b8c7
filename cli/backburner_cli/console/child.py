"""The process of `console_beside`: serves the deployment of its environment until its standard input ends.

It prints one line of JSON: its `url`, or the `problem` if there is none.
"""

import asyncio
import json
import os
import sys
import threading

from backburner_cli.console.server import HOST, Address, Stop, serve
from backburner_cli.errors import CommandError
from backburner_cli.listening import listening
from backburner_cli.operator.session import run


def main() -> None:
    """Serve. Errors are shown on the page, not printed."""

    def ready(address: Address, stop: Stop) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=_stop_at_the_end, args=(loop, stop), daemon=True).start()
        _say(url=address.url)

    try:
        with listening(HOST, 0) as listener:
            run(os.environ, lambda session: serve(session, os.environ, listener, sys.argv[1], ready))
    except (CommandError, OSError) as error:
        _say(problem=str(error))


def _stop_at_the_end(loop: asyncio.AbstractEventLoop, stop: Stop) -> None:
    sys.stdin.buffer.read()
    loop.call_soon_threadsafe(stop)


def _say(**told: str) -> None:
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
