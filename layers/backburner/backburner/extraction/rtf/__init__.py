"""Rich Text Format: every word that a page would show, in every character set, by a reader without recursion."""

from backburner.extraction.rtf.encapsulated import encapsulated_html
from backburner.extraction.rtf.reader import read_rtf, rtf_text

__all__ = ["encapsulated_html", "read_rtf", "rtf_text"]
