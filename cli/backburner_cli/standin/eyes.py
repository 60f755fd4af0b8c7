"""The stand-in's eyes: it decodes every picture it is given, and says of each how large it is and which page it shows.

It reads page marks (`marks.py`) and nothing else: what a picture without one shows, it does not know, and says so. What
it says of a picture stands in brackets in a line of its own, and goes into its answer as it is.
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
"""As one of the vendors counts: patches of 32 pixels, and no more than so many of one picture."""


def pictures_in(body: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every picture of a request, with its place."""
    items = body["input"] if isinstance(body["input"], list) else []
    return [
        (f"input[{n}].content[{m}].image_url", part)
        for n, item in enumerate(items)
        for m, part in enumerate(item["content"] if isinstance(item.get("content"), list) else [])
        if part.get("type") == "input_image"
    ]


def look(part: dict[str, Any], path: str = "image_url") -> str:
    """What there is to be said of a picture. Raises `RefusedError` for one that cannot be opened or is too large."""
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
    """What was said of pictures in a text."""
    return _SEEN.findall(text)


def unseen(text: str) -> str:
    """The text without that."""
    return _SEEN.sub("", text)


def picture_tokens(text: str) -> int:
    """Tokens of the pictures in a text, beside its own."""
    sizes = re.findall(r"^\[picture: (\d+) x (\d+) pixels", text, re.MULTILINE)
    return sum(min(_MAX_PATCHES, -(-int(w) // _PATCH_PX) * -(-int(h) // _PATCH_PX)) for w, h in sizes)


def check_pictures(body: dict[str, Any], *, most: int, is_blind: bool) -> None:
    """Raise `RefusedError` for more pictures than the model takes, or for any if it takes none."""
    count = len(pictures_in(body))
    if count and is_blind:
        raise refuse("This model does not support image input.", param="input")
    if count > most:
        message = f"At most {most} image(s) may be provided in one prompt."
        raise RefusedError(error(400, message, kind="BadRequestError"))


def _invalid(path: str, why: str) -> RefusedError:
    return refuse(f"Invalid '{path}'. {why}", "invalid_image", param=path)
