"""The stand-in's eyes: it decodes every picture that it is given, and says how large it is and which page it shows.

It can only read page marks (`marks.py`); about a picture without one, it says that it does not know what it shows. What
it says about a picture is a line of its own, in brackets, which becomes part of its answer.
"""

import base64
import binascii
import io
import re
from typing import Any, Final

from backburner_cli.standin.marks import mark_of
from backburner_cli.standin.replies import RefusedError, error, refuse

MAX_SIDE_PX: Final = 4096
MAX_PICTURE_BYTES: Final = 20 * 1024 * 1024
_DATA: Final = re.compile(r"data:image/(png|jpeg|webp|gif);base64,(.*)", re.DOTALL)
_SEEN: Final = re.compile(r"^\[picture: [^\]\n]*\]$", re.MULTILINE)
_PATCH_PX, _MAX_PATCHES = 32, 1536
"""One vendor's way of counting: patches of 32 pixels, up to a maximum per picture."""


def pictures_in(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """All pictures in a request, each with its place."""
    items = body["input"] if isinstance(body["input"], list) else []
    return [
        (f"input[{n}].content[{m}].image_url", part)
        for n, item in enumerate(items)
        for m, part in enumerate(item["content"] if isinstance(item.get("content"), list) else [])
        if part.get("type") == "input_image"
    ]


def look(part: dict[str, Any], path: str = "image_url") -> str:
    """The line about a picture. Raises `RefusedError` if it cannot be opened or is too large."""
    found = _DATA.fullmatch(part["image_url"])
    if found is None:
        if part["image_url"].startswith("data:"):
            raise _invalid(path, "Supported formats are png, jpeg, webp and gif.")
        return "[picture: at an address, not fetched]"
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - most requests have no picture

    try:
        raw = base64.b64decode(found[2], validate=True)
        with Image.open(io.BytesIO(raw), formats=[found[1].upper()]) as picture:
            if len(raw) > MAX_PICTURE_BYTES or max(picture.size) > MAX_SIDE_PX:
                raise _invalid(path, f"It has {len(raw)} bytes and {picture.width} x {picture.height} pixels.")
            picture.load()
            mark = mark_of(picture)
    except (binascii.Error, OSError, ValueError, SyntaxError, UnidentifiedImageError) as problem:
        raise _invalid(path, "It cannot be decoded.") from problem
    shows = f"page {mark.page} of {mark.of}, {mark.lies}" if mark else "no page mark"
    return f"[picture: {picture.width} x {picture.height} pixels, {len(raw)} bytes, {shows}]"


def seen(text: str) -> list[str]:
    """The lines about pictures in a text."""
    return _SEEN.findall(text)


def unseen(text: str) -> str:
    """A text without its lines about pictures."""
    return _SEEN.sub("", text)


def picture_tokens(text: str) -> int:
    """The tokens of the pictures in a text, without the text's own."""
    sizes = re.findall(r"^\[picture: (\d+) x (\d+) pixels", text, re.MULTILINE)
    return sum(min(_MAX_PATCHES, -(-int(w) // _PATCH_PX) * -(-int(h) // _PATCH_PX)) for w, h in sizes)


def check_pictures(body: dict[str, Any], *, most: int, is_blind: bool) -> None:
    """Raise `RefusedError` for more pictures than the model accepts, or for any if it accepts none."""
    count = len(pictures_in(body))
    if count and is_blind:
        raise refuse("This model does not support image input.", param="input")
    if count > most:
        message = f"At most {most} image(s) may be provided in one prompt."
        raise RefusedError(error(400, message, kind="BadRequestError"))


def _invalid(path: str, why: str) -> RefusedError:
    return refuse(f"Invalid '{path}'. {why}", "invalid_image", param=path)
