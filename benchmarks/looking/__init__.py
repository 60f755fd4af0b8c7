"""When to look at a running generation: the real policy in virtual time, and ones that people write by hand."""
