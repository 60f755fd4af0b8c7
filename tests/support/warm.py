"""Imported once by the server of forks: everything that a handler's environment takes long to read."""

import importlib

import openai

for _module in (
    "aws_lambda_powertools.utilities.parameters",
    "backburner.adapters.connect",
    "openai.resources.responses",
):
    importlib.import_module(_module)
openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1")
