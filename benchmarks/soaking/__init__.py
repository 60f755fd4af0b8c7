"""The pieces of the soak: what is uploaded, where it runs, what goes wrong, and what must hold at the end."""
