"""Reading documents of any format, in a child process: a hostile file meets no other code of ours than this.

`adapters/extraction.py` starts it as `python -m backburner.extraction`, and knows of it only what `child.py` exchanges.
"""
