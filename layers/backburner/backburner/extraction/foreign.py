"""What is known and not read: each by its name, with what to do about it."""

from collections.abc import Set as AbstractSet

_COMPOUNDS = (
    ("Workbook", "an old workbook (XLS): save it as XLSX"),
    ("Book", "an old workbook (XLS): save it as XLSX"),
    ("VisioDocument", "a drawing of Visio (VSD): export it as PDF"),
    ("Quill", "a publication of Publisher (PUB): export it as PDF"),
    ("MatOST", "a document of Works (WPS): save it as DOCX or PDF"),
    ("FileHeader", "a document of Hangul (HWP): save it as DOCX or PDF"),
    ("PowerPoint", "a presentation of PowerPoint 4 or older: open it in LibreOffice and save it as PPTX"),
    ("Thumbs.db", "a cache of previews"),
    ("Catalog", "a cache of previews"),
)


def other_compound(names: AbstractSet[str]) -> str:
    """What an OLE container is that is neither of Word nor of PowerPoint."""
    return next(
        (what for name, what in _COMPOUNDS if name in names),
        "an old Office document of an unknown kind: save it as PDF",
    )
