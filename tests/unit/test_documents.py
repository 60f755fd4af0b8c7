"""Bytes become the text that goes to the model, unchanged; what cannot is refused with a reason of the contract."""

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents import read_text
from backburner.errors import JobError, Reason


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
@pytest.mark.parametrize("text", ["a", "ёж\r\n\tдым ", "🐘 e\u0301 é", "---\nmodel: x\n---\n", "\ufeff a"])
def test_text_comes_out_verbatim(mark: bytes, encoding: str, text: str) -> None:
    """In each encoding, without its mark, and with everything else as it stands."""
    if mark or not text.startswith("\ufeff"):
        assert read_text(mark + text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY_DOCUMENT),
        (b" \r\n\t", Reason.EMPTY_DOCUMENT),
        (codecs.BOM_UTF8, Reason.EMPTY_DOCUMENT),
        (codecs.BOM_UTF16_LE, Reason.EMPTY_DOCUMENT),
        ("\u00a0\u2003".encode(), Reason.EMPTY_DOCUMENT),
        (b"a\x00b", Reason.UNREADABLE_DOCUMENT),
        (b"\xe9t\xe9", Reason.UNREADABLE_DOCUMENT),
        (codecs.BOM_UTF16_LE + b"a", Reason.UNREADABLE_DOCUMENT),
        (codecs.BOM_UTF32_LE + "a".encode("utf-32-le"), Reason.UNREADABLE_DOCUMENT),
        (b"\xed\xa0\x80", Reason.UNREADABLE_DOCUMENT),
        (b"%PDF-1.7", Reason.UNSUPPORTED_TYPE),
        (b"PK\x03\x04\x00", Reason.UNSUPPORTED_TYPE),
        (b"\x89PNG\r\n", Reason.UNSUPPORTED_TYPE),
        (b"\xff\xd8\xff\xe0", Reason.UNSUPPORTED_TYPE),
    ],
)
def test_what_is_no_text_is_refused(body: bytes, reason: Reason) -> None:
    """With a reason, and a word that quotes nothing of it."""
    with pytest.raises(JobError) as refused:
        read_text(body)
    assert refused.value.reason is reason
    assert str(refused.value)


@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_a_job_error(body: bytes) -> None:
    """Nothing else is raised; what comes out is not empty and can be sent."""
    with contextlib.suppress(JobError):
        text = read_text(body)
        assert text.strip()
        assert text.encode()
