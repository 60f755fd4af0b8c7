"""Presentations: a heading for each slide, its text in the order of its shapes, its notes and comments."""
