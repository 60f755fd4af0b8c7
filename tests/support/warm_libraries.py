"""Imported once by what forks: all third-party code that handlers, commands and tests are slow to import or build."""

import importlib

import openai
from openai.types.responses import Response

from backburner.adapters.http import trusting

for _module in (
    "anyio._backends._asyncio",
    "aws_lambda_powertools.utilities.parameters",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
):
    importlib.import_module(_module)
_ = openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1").responses.with_raw_response
Response.model_rebuild()  # the SDK's models are built when they are first used
trusting(None)  # the certificates
