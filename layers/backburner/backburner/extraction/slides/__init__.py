"""Presentations: a heading for each slide, its text from top to bottom, its notes and comments."""
