"""Batches: JSON Lines files whose lines are requests, run in segments. Writes finished lines below `ledger/work/`.

`segmenter` cuts a batch, `open_segment` opens a run of a segment, and `segment_runner` visits it: lines are prepared,
created, polled and stopped, and `checkpoint` writes what has changed. `finish_batch` joins the finished lines.
"""
