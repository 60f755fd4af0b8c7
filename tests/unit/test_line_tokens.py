"""The estimated tokens of a batch's line: pictures and files count by what they show, not by their base64."""

import json
from typing import Any

import pytest

from backburner.documents.tokens import LINE_PICTURE_TOKENS, line_tokens, sized_line

URL = "data:image/png;base64," + "iVBORw0KGgo" * 100_000
PDF_2_MB = "JVBERi0x" * (2_000_000 // 6)


def asked(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"body": {"input": [{"role": "user", "content": list(parts)}]}}).encode()


def test_a_picture_counts_as_one_however_many_bytes_it_has() -> None:
    """It does even with the escaped slashes that some encoders write."""
    line = json.dumps({"messages": [{"image_url": {"url": URL}}, {"image_url": {"url": URL}}], "text": "Compare."})
    for written in (line, line.replace("/", "\\/")):
        size_bytes, pictures = sized_line(written.encode())
        assert (size_bytes < 150, pictures) == (True, 2)
        assert line_tokens(size_bytes, None, "", pictures)[0] < 2 * LINE_PICTURE_TOKENS + 50
    quoted = json.dumps({"url": "https://example.org/a.png", "text": "data:image/png"}).encode()
    assert sized_line(quoted) == (len(quoted), 0)


@pytest.mark.parametrize("url", ["https://example.org/a.png", URL])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", " : ")])
def test_ten_pictures_count_as_ten_wherever_they_are(url: str, separators: tuple[str, str]) -> None:
    """They may be in lines for either API, by URL or inline."""
    for part in (
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "image_url", "image_url": url},
        {"type": "input_image", "image_url": url},
    ):
        size_bytes, pictures = sized_line(json.dumps({"content": [part] * 10}, separators=separators).encode())
        assert (pictures, size_bytes < 1500) == (10, True)


@pytest.mark.parametrize("data", ["data:application/pdf;base64," + PDF_2_MB, PDF_2_MB])
def test_a_pdf_counts_by_its_pages_as_estimated_from_its_size(data: str) -> None:
    """Its base64 would be 890,000 tokens; zero would be wrong too."""
    for part in (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": data}},
        {"type": "input_file", "filename": "a.pdf", "file_data": data},
    ):
        size_bytes, pages = sized_line(asked(part))
        assert (size_bytes < 200, pages) == (True, 40)
    assert sized_line(asked({"type": "input_file", "file_url": "https://example.org/a.pdf"}))[1] == 1


def test_a_text_file_counts_as_its_text() -> None:
    """What base64 adds does not count."""
    part = {"type": "input_file", "file_data": "data:text/plain;charset=utf-8;base64," + "QUJD" * 10_000}
    size_bytes, pages = sized_line(asked(part))
    assert (30_000 <= size_bytes < 30_200, pages) == (True, 0)


def test_a_data_url_within_a_text_counts_as_text() -> None:
    """The model reads a part or a data URL within a text letter by letter."""
    quoted = json.dumps({"type": "image_url", "url": "data:image/png;base64,iVBORw0KGgo="})
    line = asked({"type": "input_text", "text": quoted})
    assert sized_line(line) == (len(line), 0)
