"""What kind of effect one is, for those who let a process die at one of each kind."""

from support.fakes.world import Effect

_READS = ("bucket.get", "bucket.head", "bucket.list")


def kind_of(effect: Effect) -> str:
    """Its name; whatever reads the bucket is of one kind, since nothing shows outside that it was read."""
    return "read" if effect.name in _READS else effect.name
