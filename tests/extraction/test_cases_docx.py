"""Word files that were once read wrongly, each with what a user expects."""

from pathlib import Path

import pytest

from backburner.extraction.reading import read

from .conftest import Extract

CASES = Path(__file__).parent / "cases"
WANTED = {
    "document2.docx": "MAINPART in document2",
    "numbering.docx": (
        "1. Rent\n   1.1 The rent is due monthly.\n     (a) It is paid in advance,\n     (b) by bank transfer.\n"
        "2. Termination\n   2.1 As clause 1.1 says, notice is three months.\n"
        "Article I - Scope\nArticle II - Parties\n§ 7 Seventh paragraph\n§ 8 Eighth paragraph"
    ),
    "fields.docx": (
        "See REFRESULT Section 4 on page 12.\n\nFLDSIMPLE Anna\n\nText form: FORMTEXT filled\n\n"
        "Checkbox: ☒ LEGACYCHECK yes\n\nDropdown: DROPCHOSEN Blue\n\nCC check: ☒ agreed\n\nHLINK site\n\n"
        "[FLDLINK text](https://example.org/a)\n\nIFRESULT\n\nTOCENTRY Introduction\t3"
    ),
    "math.docx": "Inline MATHNUM/(2b) end\n\ny=x^2",
    "notes.docx": (
        "Header: HEADER Confidential\nHEADERTABLE No. 17\n\n"
        "Text[^1] more[^e1] commented [comment by B: COMMENT here][^2]\n\ncell[^1]\n\nEnd.\n\n"
        "[^1]: FOOTNOTE one with **bold**\n    FNSECONDPARA\n\n[^2]: FNTABLE\n    x\n\n[^e1]: ENDNOTE one\n\n"
        "Footer: FOOTER page"
    ),
    "revisions.docx": "The price is INSERTED 200 euro.\n\nstays\n\nMOVEDTO text\n\nkept row\n\nINSROW\n\nEnd.",
    "altchunk.docx": "Before.\n\nALTCHUNK html\n\nAfter.",
    "chart.docx": (
        "Before.\n\nChart: CHARTTITLE Sales\n\n|  | SERIES A |\n| --- | --- |\n| CAT Q1 | 4711 |\n\n"
        "- SMARTART Plan\n\nAfter."
    ),
}


@pytest.mark.parametrize("name", WANTED)
def test_each_file_reads_as_word_shows_it(name: str) -> None:
    """Each word appears once, in its place, with its number, and nothing is missing."""
    found = read((CASES / name).read_bytes(), name)
    assert found.text == WANTED[name] + "\n"
    assert found.notes == ()


def test_the_child_reads_a_word_file(extract: Extract) -> None:
    """The file fits within the child's bounds."""
    assert extract((CASES / "numbering.docx").read_bytes(), "contract.docx") == WANTED["numbering.docx"] + "\n"
