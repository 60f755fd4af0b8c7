"""However odd the input from outside, each reader of the core returns what it promises or raises its own error.

Cases that were found stay as `@example`. `make test` draws a few examples, `make fuzz` as many as its minutes allow.
"""
