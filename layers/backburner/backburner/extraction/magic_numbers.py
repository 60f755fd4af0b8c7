"""Magic numbers of files that hold no text: pictures, sounds, films, archives, programs."""

_FIRST_BLANK, _LAST_ASCII = 0x09, 0x7F

MAGIC_NUMBERS = (
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"BM", "a picture (BMP)"),
    (0, b"II*\x00", "a picture (TIFF)"),
    (0, b"MM\x00*", "a picture (TIFF)"),
    (8, b"WEBP", "a picture (WebP)"),
    (4, b"ftyphei", "a picture (HEIC)"),
    (4, b"ftypavif", "a picture (AVIF)"),
    (4, b"ftyp", "a film or sound (MP4)"),
    (0, b"\x1aE\xdf\xa3", "a film (Matroska)"),
    (8, b"AVI ", "a film (AVI)"),
    (8, b"WAVE", "a sound (WAV)"),
    (0, b"ID3", "a sound (MP3)"),
    (0, b"\xff\xfb", "a sound (MP3)"),
    (0, b"OggS", "a sound (Ogg)"),
    (0, b"fLaC", "a sound (FLAC)"),
    (0, b"\x1f\x8b", "an archive (gzip)"),
    (0, b"BZh", "an archive (bzip2)"),
    (0, b"\xfd7zXZ", "an archive (xz)"),
    (0, b"7z\xbc\xaf", "an archive (7z)"),
    (0, b"Rar!", "an archive (RAR)"),
    (0, b"(\xb5/\xfd", "an archive (Zstandard)"),
    (257, b"ustar", "an archive (tar)"),
    (0, b"PK\x05\x06", "an empty archive (ZIP)"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"\x00asm", "a program"),
    (0, b"SQLite format 3", "a database (SQLite)"),
    (0, b"PAR1", "a table (Parquet)"),
    (0, b"\xcf\xad\x12\xfe", "an Outlook Express folder (DBX): export its mails as EML"),
)
"""Offset, magic number, and what the file is. Some are plain letters, so use them only on what is not text."""


def identified(body: bytes) -> str | None:
    """What a file is by its magic number; None if it has none of these."""
    return next((what for offset, mark, what in MAGIC_NUMBERS if body.startswith(mark, offset)), None)


def is_binary(body: bytes) -> bool:
    """Whether a file begins with a magic number that no text begins with, so that the rest need not be examined."""
    return any(body.startswith(mark, offset) for offset, mark, _ in MAGIC_NUMBERS if _is_not_letters(mark))


def _is_not_letters(mark: bytes) -> bool:
    """Whether a magic number is longer than two bytes and cannot be letters of an alphabet."""
    return len(mark) > 2 and any(byte > _LAST_ASCII or byte < _FIRST_BLANK for byte in mark)  # noqa: PLR2004
