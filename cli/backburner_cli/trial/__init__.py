"""Recipes tried on documents by the engine of `backburner run`, in a folder that goes away afterwards."""
