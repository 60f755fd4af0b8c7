"""The root of what a command says instead of a traceback.

CommandError
├── PutError             operator.put
├── ProviderError        local.provider
└── LocalCloudError      local.aws.errors
"""


class CommandError(Exception):
    """Something that the operator has to put right; its text names the remedy."""
