"""Imported once by the server of forks: everything that a handler's environment takes long to read."""

import importlib

import botocore.loaders
import botocore.session
import openai

for _module in (
    "aws_lambda_powertools.utilities.parameters",
    "backburner.adapters.connect",
    "openai.resources.responses",
):
    importlib.import_module(_module)
_loader = botocore.loaders.create_loader()
botocore.session.create_loader = lambda _path=None: _loader  # what is parsed once serves the sessions of all forks
for _service in ("s3", "sqs"):
    botocore.session.Session().create_client(
        _service,
        region_name="eu-central-1",
        endpoint_url="http://127.0.0.1",
        aws_access_key_id="none",
        aws_secret_access_key="none",
    )
openai.AsyncOpenAI(api_key="none", base_url="http://127.0.0.1")
