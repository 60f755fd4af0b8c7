"""The local stand-in provider: the Responses API's background mode on this machine, with a "model" that only extracts.

`serve()` runs it in a thread for tests, `run()` in the foreground for the operator; both listen only on loopback.
"""

from backburner_cli.standin.behaviours import BEHAVIOURS, Behaviour
from backburner_cli.standin.extract import NOTICE, count_tokens
from backburner_cli.standin.generations import Generation
from backburner_cli.standin.provider import Received, StandIn
from backburner_cli.standin.server import Running, run, serve
from backburner_cli.standin.timing import Timing

__all__ = [
    "BEHAVIOURS",
    "NOTICE",
    "Behaviour",
    "Generation",
    "Received",
    "Running",
    "StandIn",
    "Timing",
    "count_tokens",
    "run",
    "serve",
]
