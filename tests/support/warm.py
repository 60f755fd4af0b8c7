"""Imported once by the server of forks: all that a handler or the operator's command takes long to import."""

import importlib
import sys

import openai

for _module in (
    "aws_lambda_powertools.utilities.parameters",
    "backburner.adapters.connect",
    "openai.resources.responses",
    "backburner_cli.main",
    "backburner_cli.folder.command",
):
    importlib.import_module(_module)
openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1")
for _name in [name for name in sys.modules if name.partition(".")[0] == "backburner_cli"]:
    del sys.modules[_name]  # it reads the environment as it is imported: each command does that anew
