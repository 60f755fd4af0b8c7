"""Batches: a JSON Lines file whose lines are requests, run in segments. Writes finished lines below `ledger/work/`."""
