"""What a batch's line is estimated to take: its pictures are counted, not their base64."""

import json

from backburner.documents.tokens import LINE_PICTURE_TOKENS, line_tokens, sized_line

URL = "data:image/png;base64," + "iVBORw0KGgo" * 100_000


def test_a_picture_counts_as_one_however_many_bytes_it_has() -> None:
    """Also with the escaped slashes that some encoders write; an address on the web has no bytes to leave out."""
    line = json.dumps({"messages": [{"image_url": {"url": URL}}, {"image_url": {"url": URL}}], "text": "Compare."})
    for written in (line, line.replace("/", "\\/")):
        size_bytes, pictures = sized_line(written.encode())
        assert (size_bytes < 150, pictures) == (True, 2)
        assert line_tokens(size_bytes, None, "", pictures)[0] < 2 * LINE_PICTURE_TOKENS + 50
    linked = json.dumps({"url": "https://example.org/a.png", "text": "data:image/png"}).encode()
    assert sized_line(linked) == (len(linked), 0)
