"""Recognises supported picture formats by their first bytes."""

_MARKS = (
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"GIF87a", "GIF"),
    (0, b"GIF89a", "GIF"),
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"II+\x00", "TIFF"),
    (0, b"MM\x00+", "TIFF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypavis", "AVIF"),
)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
"""Brands of files with HEVC pictures; `mif1` only means a picture, and its decoder finds out the rest."""


def picture_format(body: bytes) -> str | None:
    """Pillow's name of the format; None if this is not a supported picture."""
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "WEBP"
    if body.startswith(b"BM") and body[6:10] == bytes(4):
        return "BMP"
    if body[4:8] == b"ftyp" and body[8:12] in _HEIF_BRANDS:
        return "HEIF"
    return next((name for offset, mark, name in _MARKS if body.startswith(mark, offset)), None)
