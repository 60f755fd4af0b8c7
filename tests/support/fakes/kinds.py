"""Kinds of effects, for tests in which a process dies at one of each kind."""

from support.fakes.world import Effect

_READS = ("bucket.get", "bucket.head", "bucket.list")


def kind_of(effect: Effect) -> str:
    """An effect's name; all reads of the bucket are one kind, since a read has no effect outside."""
    return "read" if effect.name in _READS else effect.name
