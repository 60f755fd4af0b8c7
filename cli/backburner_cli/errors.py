"""The errors that a command reports without a traceback.

CommandError
├── PutError             operator.files
├── ProviderError        local.provider
└── LocalCloudError      local.aws.errors
"""


class CommandError(Exception):
    """Something that the operator has to fix; its text names the remedy."""
