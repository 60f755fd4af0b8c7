"""Batches: a JSON Lines file whose lines are requests, run in segments. Writes finished lines below `ledger/work/`.

`segmenter` cuts a batch, `open_segment` opens a run of a segment, `segment_runner` visits it: it has lines prepared,
created, polled and stopped, and `checkpoint` writes what has changed; `finish_batch` joins what became of them.
"""
