"""Reads documents of any format in a child process, so that a hostile file meets no other code of ours.

`adapters/extraction.py` starts it as `python -m backburner.extraction` and knows only the protocol in `child.py`.
"""
