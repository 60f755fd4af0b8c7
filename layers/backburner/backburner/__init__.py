"""Backburner: every upload to a bucket becomes a background generation, and its text comes back beside it."""
