"""OpenDocument: texts, presentations and drawings, packed or flat; sheets have a reader of their own."""

from backburner.extraction.opendocument.reader import read_flat, read_flat_file, read_opendocument

__all__ = ["read_flat", "read_flat_file", "read_opendocument"]
