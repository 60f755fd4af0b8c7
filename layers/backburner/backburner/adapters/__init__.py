"""Implementations of the ports: the only modules that import an SDK."""
