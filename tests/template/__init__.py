"""The template for AWS: what it must always grant, limit, keep and refuse."""
