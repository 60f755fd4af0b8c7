"""Recipes, plain text, cutting, tokens, quotes and pictures of pages. Pure functions: writes nothing."""
