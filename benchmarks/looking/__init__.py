"""When to look at a running generation: the real policy in virtual time beside what one would write by hand."""
