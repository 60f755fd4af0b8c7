"""Prepares pictures for sending: upright, opaque, within a size in pixels and in bytes."""

import io

from PIL import Image, ImageChops

from backburner.documents.pictures import fitted, laid_out
from backburner.errors import JobError, Reason
from backburner.extraction.pictures.opening import (
    TURNED,
    must_be_decodable,
    orientation_of,
    size_upright,
    sound,
)

_QUALITIES = (85, 72, 60, 45)
"""Qualities of JPEG, tried in order until the picture fits."""
_SMALLER = 0.75
_MIN_SIDE_PX = 200
_FEW_COLOURS = 32
"""A picture with at most this many colours is a drawing, for which PNG is sharper and usually smaller."""
_GREY = 10
"""A picture whose channels differ by less than this everywhere is grey."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How to turn a picture upright, by its EXIF orientation."""
_SAMPLE_PX = 1000
"""The longer side of the sample that tells whether a transparent picture is drawn in white."""
_SEEN, _WHITE, _NEARLY_ALL = 64, 225, 0.995
"""How opaque a pixel is to be seen, how light to be lost on white, and the share of them that makes a white drawing."""
_MIDDLE = 32_768
"""The middle of 16 bits."""
_DEEP = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})


def prepared(image: Image.Image, format_: str, max_side_px: int) -> Image.Image:
    """The current page upright, in the size that is laid out, grey or RGB. Raises `JobError` if it is damaged."""
    size = laid_out(*size_upright(image, format_), max_side_px).size
    if format_ == "JPEG":
        image.draft(image.mode, _stored(size, orientation_of(image, format_)))
    must_be_decodable(image, format_)
    return sound(lambda: _upright(image, format_, size), format_)


def _upright(image: Image.Image, format_: str, size: tuple[int, int]) -> Image.Image:
    image.load()  # this turns a TIFF already, and removes its orientation tag
    orientation = orientation_of(image, format_)
    flat, stored = opaque(image), _stored(size, orientation)
    if flat.size != stored:
        flat = flat.resize(stored, Image.Resampling.LANCZOS, reducing_gap=2.0)
    return flat.transpose(_TURNS[orientation]) if orientation in _TURNS else flat


def _stored(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """The size before turning of a page that has this size when upright."""
    return (size[1], size[0]) if orientation >= TURNED else size


def opaque(image: Image.Image) -> Image.Image:
    """The picture in grey or RGB, with white behind transparent areas; with black if what is drawn is white itself."""
    if image.mode in _DEEP:
        image = _eight_bits(image)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        ground = Image.new("RGB", image.size, "black" if _is_white(image) else "white")
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    mode = "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)  # `convert` copies, even to the same mode


def _is_white(image: Image.Image) -> bool:
    """Whether nearly all that can be seen of a picture with transparency would be lost on white."""
    sample = image.resize(fitted(*image.size, _SAMPLE_PX), Image.Resampling.NEAREST)
    seen = sample.getchannel("A").point(lambda value: 255 * (value >= _SEEN))
    if seen.getextrema()[0]:
        return False
    greys = sample.convert("L").histogram(seen)
    return sum(greys[_WHITE:]) > _NEARLY_ALL * sum(greys)


def _eight_bits(image: Image.Image) -> Image.Image:
    """A picture of more than 8 bits, with its range scaled to 256 steps; of one colour, white or black."""
    deep = image.convert("I" if image.mode.startswith("I;16") else image.mode)
    low, high = deep.getextrema()
    if low == high:
        return Image.new("L", image.size, 255 if float(low) >= _MIDDLE else 0)  # type: ignore[arg-type]
    scale = 255.0 / (float(high) - float(low))  # type: ignore[arg-type]
    return deep.convert("F").point(lambda value: value * scale + -float(low) * scale).convert("L")  # type: ignore[arg-type]


def encoded(image: Image.Image, max_bytes: int) -> tuple[str, bytes]:
    """The media type and bytes of a picture. Raises `JobError` if it is too large in any quality."""
    if image.mode == "RGB" and _is_grey(image):
        image = image.convert("L")
    if image.getcolors(_FEW_COLOURS):
        body = _saved(image, "PNG")
        if len(body) <= max_bytes:
            return "image/png", body
    while max(image.size) >= _MIN_SIDE_PX:
        for quality in _QUALITIES:
            body = _saved(image, "JPEG", quality=quality)
            if len(body) <= max_bytes:
                return "image/jpeg", body
        image = image.resize((max(1, int(image.width * _SMALLER)), max(1, int(image.height * _SMALLER))))
    body = _saved(image, "JPEG", quality=_QUALITIES[-1])
    if len(body) > max_bytes:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, "a page takes more bytes than a request may have: lower max_side_px")
    return "image/jpeg", body


def _is_grey(image: Image.Image) -> bool:
    red, green, blue = image.split()
    pairs = ((red, green), (green, blue))
    return all(ImageChops.difference(one, other).getextrema()[1] < _GREY for one, other in pairs)  # type: ignore[operator]


def _saved(image: Image.Image, format_: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()
