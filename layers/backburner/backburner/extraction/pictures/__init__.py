"""Finds, measures and renders pictures and pages of documents, small enough to be sent."""
