"""PowerPoint 97 to 2003: slides in order, with tables and speaker notes."""

from backburner.extraction.ppt.reader import read_ppt

__all__ = ["read_ppt"]
