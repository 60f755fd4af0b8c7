"""Values as cells show them, fit for a table."""

from backburner.extraction.markdown import cell
from backburner.extraction.sheets.numberformats import NumberFormat
from backburner.extraction.sheets.numbers import plain


def number_cell(raw: str, style: NumberFormat | None) -> str:
    """A number from the file."""
    shown = plain(raw) if style is None else style.number(raw)
    return shown if "|" not in shown else cell(shown)


def text_cell(text: str, style: NumberFormat | None) -> str:
    """A text already fit for a table, with the words that its format puts around it."""
    if style is None or not text or not any(style.text):
        return text
    before, after = (word.replace("|", "\\|") for word in style.text)
    return f"{before}{text}{after}".strip()
