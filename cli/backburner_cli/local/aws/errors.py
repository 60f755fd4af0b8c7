"""The error of the local cloud."""

from backburner_cli.errors import CommandError


class LocalCloudError(CommandError):
    """The local cloud cannot do what was asked; the message says why and names the remedy."""
