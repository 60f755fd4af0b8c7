"""OpenDocument files for the tests: content wrapped in the declarations that every program writes."""

import io
import zipfile

SPACES = {
    "office": "office", "text": "text", "table": "table", "draw": "drawing", "presentation": "presentation",
    "style": "style", "fo": "xsl-fo-compatible", "svg": "svg-compatible", "form": "form", "chart": "chart",
}  # fmt: skip
_DECLARED = " ".join(
    f'xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for short, name in SPACES.items()
)
_OTHERS = (
    'xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:math="http://www.w3.org/1998/Math/MathML" '
    'xmlns:loext="urn:org:documentfoundation:names:experimental:office:xmlns:loext:1.0" '
    'xmlns:field="urn:openoffice:names:experimental:ooo-ms-interop:xmlns:field:1.0"'
)
TYPE = "application/vnd.oasis.opendocument."


def content(inner: str, kind: str = "text", styles: str = "", root: str = "document-content") -> bytes:
    """An XML part."""
    head = f'<?xml version="1.0" encoding="UTF-8"?><office:{root} {_DECLARED} {_OTHERS} office:version="1.3">'
    automatic = f"<office:automatic-styles>{styles}</office:automatic-styles>"
    body = f"<office:body><office:{kind}>{inner}</office:{kind}></office:body>"
    return f"{head}{automatic}{body}</office:{root}>".encode()


def packed(
    inner: str, kind: str = "text", styles: str = "", masters: str = "", said: str = "", **others: bytes
) -> bytes:
    """A package that declares this type; `others` are files in it."""
    with zipfile.ZipFile(out := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", f"{TYPE}{said or kind}")
        archive.writestr("content.xml", content(inner, kind, styles))
        common = content("").decode().partition("<office:automatic-styles>")[0].replace("-content", "-styles")
        archive.writestr("styles.xml", f"{common}{masters}</office:document-styles>")
        for name, body in others.items():
            archive.writestr(name, body)
    return out.getvalue()


def flat(inner: str, kind: str = "text", styles: str = "") -> bytes:
    """A document in one XML file."""
    return content(inner, kind, styles, root="document")
