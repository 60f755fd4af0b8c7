"""OpenDocument texts, presentations and drawings, packed or flat; spreadsheets have their own reader."""

from backburner.extraction.opendocument.reader import read_flat, read_flat_file, read_opendocument

__all__ = ["read_flat", "read_flat_file", "read_opendocument"]
