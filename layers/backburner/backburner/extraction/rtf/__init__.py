"""Rich Text Format: every word that a page shows, in every character set, read without recursion."""

from backburner.extraction.rtf.encapsulated import encapsulated_html
from backburner.extraction.rtf.reader import read_rtf, rtf_text

__all__ = ["encapsulated_html", "read_rtf", "rtf_text"]
