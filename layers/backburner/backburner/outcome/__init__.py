"""How a run ends: what follows from a verdict, commit, failure, cancelling, superseding. Writes `results/` and `failed/`."""
