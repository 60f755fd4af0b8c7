"""The local stand-in provider: background mode of the Responses API on this machine, with an honest extractive "model".

`serve()` runs it in a thread for tests, `run()` in the foreground for the operator; both listen on loopback only.
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
