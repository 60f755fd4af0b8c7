"""What can go wrong with the local cloud."""


class LocalCloudError(Exception):
    """The local cloud cannot do what was asked; the message says why and names the remedy."""
