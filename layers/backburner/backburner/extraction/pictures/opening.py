"""Opens untrusted pictures: the format selects the decoder, and the header decides whether it is decoded at all."""

import io
import resource
import struct
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from PIL import Image

from backburner.errors import JobError, Reason

_USUAL_BYTES = 400 * 1024 * 1024
_SHARE = 0.6
"""The share of the process's memory that a picture may take while it is decoded and made grey or RGB."""
_BYTES_EACH = {"L": 1, "1": 2, "P": 5, "RGB": 4, "YCbCr": 8}
_MAX_BYTES_EACH = 10
"""Bytes per pixel in the worst mode: Pillow takes one or four, and as many again for the converted picture."""
_WITH_COPIES = frozenset({"HEIF", "AVIF"})
"""Formats whose decoders hold another copy of the picture."""
MAX_SIDE_PX = 65_500
ORIENTATION, TURNED = 0x0112, 5
"""The EXIF tag, and the first of its values for which width and height are swapped."""
_ORIENTATIONS = 8
_TOLD_UPRIGHT = frozenset({"TIFF"})
"""Formats for which Pillow already gives the upright size."""
_DAMAGE = (
    OSError, ValueError, SyntaxError, EOFError, struct.error, LookupError, TypeError, ArithmeticError, RuntimeError,
    AttributeError,
)  # fmt: skip
"""Exceptions that decoders raise for damaged files."""
T = TypeVar("T")


@contextmanager
def opened(body: bytes, format_: str) -> Iterator[Image.Image]:
    """An open picture that has not been decoded yet. Raises `JobError`."""
    Image.MAX_IMAGE_PIXELS = None  # our own limit counts bytes
    if format_ == "HEIF":
        import pi_heif  # type: ignore[import-untyped]  # noqa: PLC0415 - few documents need it

        pi_heif.register_heif_opener(thumbnails=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = sound(lambda: Image.open(io.BytesIO(body), formats=[format_]), format_)
        with image:
            yield image


def sound(read: Callable[[], T], format_: str) -> T:
    """The result of `read`. Raises `JobError` if the file is damaged."""
    try:
        return read()
    except MemoryError:
        raise
    except _DAMAGE as error:
        message = f"a damaged picture ({format_}): save it again and upload the complete file"
        raise JobError(Reason.UNREADABLE_DOCUMENT, message) from error


def frames(image: Image.Image, format_: str) -> int:
    """The number of pictures in a file. In a phone's photo the others are smaller ones of it, and do not count."""
    return 1 if format_ == "JPEG" else sound(lambda: int(getattr(image, "n_frames", 1)), format_)


def go_to(image: Image.Image, frame: int, format_: str) -> None:
    """Go to a page, counted from 0. Raises `JobError`."""
    sound(lambda: image.seek(frame), format_)


def size_upright(image: Image.Image, format_: str) -> tuple[float, float]:
    """Width and height of the current page as people see it: upright, and with square pixels."""
    width, height = map(float, image.size)
    across, down = _dots_per_inch(image)
    height *= across / down
    is_turned = orientation_of(image, format_) >= TURNED and format_ not in _TOLD_UPRIGHT
    return (height, width) if is_turned else (width, height)


def orientation_of(image: Image.Image, format_: str) -> int:
    """The current page's EXIF orientation; 1, upright, if it is none that the standard knows."""
    value = sound(lambda: image.getexif().get(ORIENTATION, 1), format_)
    return value if isinstance(value, int) and 1 <= value <= _ORIENTATIONS else 1


def _dots_per_inch(image: Image.Image) -> tuple[float, float]:
    """Both resolutions; equal unless a fax or scanner says that they differ by a plausible factor."""
    value = image.info.get("dpi")
    try:
        across, down = (float(one) for one in value) if value else (1.0, 1.0)
        return (across, down) if 0.3 < across / down < 3 and across != down else (1.0, 1.0)  # noqa: PLR2004
    except (TypeError, ValueError, ArithmeticError):
        return 1.0, 1.0


def must_be_decodable(image: Image.Image, format_: str) -> None:
    """Raise `JobError` if decoding a picture would take more memory than there is."""
    width, height = image.size
    bytes_each = _BYTES_EACH.get(image.mode, _MAX_BYTES_EACH) if "transparency" not in image.info else _MAX_BYTES_EACH
    bytes_each += _MAX_BYTES_EACH * (format_ in _WITH_COPIES)
    most = int(_memory_bytes() * _SHARE) // bytes_each
    if width * height > most or max(width, height) > MAX_SIDE_PX or not width * height:
        raise JobError(
            Reason.DOCUMENT_TOO_LARGE,
            f"a picture of {width} x {height} pixels, at most {most // 1_000_000} million of its kind are read: "
            "save it smaller, or raise the functions' memory",
        )


def _memory_bytes() -> int:
    """The memory that this process may use."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return _USUAL_BYTES if soft == resource.RLIM_INFINITY else soft
