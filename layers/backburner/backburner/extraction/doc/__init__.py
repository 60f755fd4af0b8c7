"""Word 97 to 2003: the text with its tables, lists, notes and text boxes, read from the piece table."""

from backburner.extraction.doc.reader import read_doc

__all__ = ["read_doc"]
