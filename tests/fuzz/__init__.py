"""Whatever comes from outside, however odd: each reader of the core gives what it promises, or its own error.

Found cases stay as `@example`. `make test` draws a few examples, `make fuzz` as many as the minutes allow.
"""
