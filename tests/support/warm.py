"""Imported once by the server of forks: all that a handler or the operator's command takes long to import or build."""

import gc
import importlib
import sys

import openai
from openai.types.responses import Response

from backburner.adapters.http import trusting

for _module in (
    "anyio._backends._asyncio",
    "aws_lambda_powertools.utilities.parameters",
    "backburner.adapters.connect",
    "backburner.adapters.metrics",
    "backburner.events",
    "backburner.maintenance.health",
    "backburner_cli.main",
    "backburner_cli.folder.command",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
):
    importlib.import_module(_module)
_ = openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1").responses.with_raw_response
Response.model_rebuild()  # the SDK's models are built when they are first used
trusting(None)  # the certificates
for _name in [name for name in sys.modules if name.partition(".")[0] == "backburner_cli"]:
    del sys.modules[_name]  # it reads the environment as it is imported: each command does that again
gc.collect()
gc.freeze()  # otherwise a fork's collector would write to every page that it shares with us
