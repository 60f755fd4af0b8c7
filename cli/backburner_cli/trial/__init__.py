"""Tries recipes on documents with the engine of `backburner run`, in a temporary folder."""
