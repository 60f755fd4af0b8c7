"""Plain text is read unchanged, without a child; everything else is recognised and left to the child."""

import codecs
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.documents.plain_text import plain_text
from backburner.errors import JobError, Reason

MARKS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
}


@pytest.mark.parametrize("encoding", [None, *MARKS])
@pytest.mark.parametrize("text", ["a", "ёж\r\n\tдым ", "🐘 e\u0301 é", "---\nmodel: x\n---\n", "\ufeff a"])
def test_text_is_kept_verbatim(encoding: str | None, text: str) -> None:
    """Only the byte order mark is removed, in every encoding."""
    if encoding or not text.startswith("\ufeff"):
        assert plain_text(MARKS.get(encoding, b"") + text.encode(encoding or "utf-8"), "a.txt") == text


@pytest.mark.parametrize(
    "body",
    [
        b"a\x00b",
        b"\xe9t\xe9",
        b"\xed\xa0\x80",
        b"%PDF-1.7",
        b"{\\rtf1 a}",
        b"PK\x03\x04\x00",
        b"\x89PNG\r\n",
        b"<!DOCTYPE html><p>a",
        b"<!-- c -->\n<html>",
        b"From: a@b.c\nMIME-Version: 1.0\n\ntext",
    ],
)
def test_what_is_more_than_text_is_left_to_the_child(body: bytes) -> None:
    """Binary files, other encodings, and formats that are written in letters."""
    assert plain_text(body, "inbox/file") is None


@pytest.mark.parametrize("name", ["a.txt", "inbox/r/A.MD", "b.csv", "c.jsonl"])
def test_a_name_may_say_that_markup_is_meant_as_text(name: str) -> None:
    """The name decides if the content could be either."""
    assert plain_text(b"<html><p>a", name) == "<html><p>a"
    assert plain_text(b"From: a\nReceived: b\n\nc", name) == "From: a\nReceived: b\n\nc"


def test_a_name_may_say_that_text_is_markup() -> None:
    """It must contain a tag or a header."""
    assert plain_text(b"<p>a", "a.html") is None
    assert plain_text(b"a < b", "a.html") == "a < b"
    assert plain_text(b"Subject: a\n\nb", "a.eml") is None
    assert plain_text(b"Subject: a\n\nb", "a") == "Subject: a\n\nb"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY_DOCUMENT),
        (b" \r\n\t", Reason.EMPTY_DOCUMENT),
        (codecs.BOM_UTF8, Reason.EMPTY_DOCUMENT),
        (codecs.BOM_UTF16_LE, Reason.EMPTY_DOCUMENT),
        ("\u00a0\u2003".encode(), Reason.EMPTY_DOCUMENT),
    ],
)
def test_a_file_that_is_not_text_is_refused(body: bytes, reason: Reason) -> None:
    """The message gives the reason, and quotes nothing of the file."""
    with pytest.raises(JobError) as refused:
        plain_text(body, "a.txt")
    assert refused.value.reason is reason
    assert str(refused.value)


@pytest.mark.parametrize("body", [codecs.BOM_UTF16_LE + b"a", codecs.BOM_UTF8 + b"\xe9", codecs.BOM_UTF8 + b"%PDF-1.4"])
def test_a_byte_order_mark_alone_decides_nothing(body: bytes) -> None:
    """A PDF or an invalid byte may follow, so a child reads it."""
    assert plain_text(body, "a") is None


@given(st.binary(max_size=40))
def test_any_bytes_are_text_or_left_to_the_child_or_a_job_error(body: bytes) -> None:
    """Nothing else is raised; a text is not empty and can be sent."""
    with contextlib.suppress(JobError):
        text = plain_text(body, "a")
        assert text is None or (text.strip() and text.encode())
