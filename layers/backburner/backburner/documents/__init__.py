"""Recipes, plain text, where to cut it, how many tokens it has. Pure functions: writes nothing."""
