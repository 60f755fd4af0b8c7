"""PDFs written by hand: the test controls every byte."""

from collections.abc import Mapping, Sequence

A4 = (595, 842)
LINE = "The tenant shall pay the rent on time and in full, as agreed."


class Made:
    """A PDF under construction: objects by number, pages in order."""

    def __init__(self) -> None:
        self.objects: dict[int, bytes] = {}
        self.pages: list[int] = []
        self.root: dict[str, str] = {}
        self.trailer = ""
        self.tree = self._reserve()
        self.font = self.add("<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>")

    def _reserve(self) -> int:
        self.objects[len(self.objects) + 1] = b""
        return len(self.objects)

    def add(self, body: str | bytes) -> int:
        """Add an object; return its number."""
        number = self._reserve()
        self.objects[number] = body.encode("latin-1") if isinstance(body, str) else body
        return number

    def stream(self, data: str | bytes, entries: str = "") -> int:
        """Add a stream; return its number."""
        raw = data.encode("latin-1") if isinstance(data, str) else data
        return self.add(f"<<{entries}/Length {len(raw)}>>stream\n".encode() + raw + b"\nendstream")

    def page(
        self, content: str = "", *, fonts: Mapping[str, int] | None = None, xobjects: Mapping[str, int] | None = None,
        properties: Mapping[str, int] | None = None, entries: str = "", size: Sequence[int] = A4,
    ) -> int:  # fmt: skip
        """A page with this content; its font is F1."""
        named = "".join(f"/{name} {number} 0 R" for name, number in ({"F1": self.font} | dict(fonts or {})).items())
        drawn = "".join(f"/{name} {number} 0 R" for name, number in (xobjects or {}).items())
        layers = "".join(f"/{name} {number} 0 R" for name, number in (properties or {}).items())
        number = self.add(
            f"<</Type/Page/Parent {self.tree} 0 R/MediaBox[0 0 {size[0]} {size[1]}]/Contents {self.stream(content)} 0 R"
            f"/Resources<</Font<<{named}>>/XObject<<{drawn}>>/Properties<<{layers}>>>>{entries}>>"
        )
        self.pages.append(number)
        return number

    def mapped(self, codes: Mapping[int, str], width: int = 500) -> int:
        """A font that maps codes to these characters (UTF-16 in hexadecimal digits)."""
        lines = "\n".join(f"<{code:02X}> <{char}>" for code, char in codes.items())
        mapping = self.stream(
            "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
            f"{len(codes)} beginbfchar\n{lines}\nendbfchar endcmap end"
        )
        widths = " ".join([str(width)] * (max(codes) + 1))
        return self.add(
            f"<</Type/Font/Subtype/TrueType/BaseFont/ABCDEF+Test/FirstChar 0/LastChar {max(codes)}/Widths[{widths}]"
            f"/ToUnicode {mapping} 0 R>>"
        )

    def picture(self, width: int = 8) -> int:
        """A grey picture."""
        data = bytes(range(width)) * width
        return self.stream(
            data, f"/Type/XObject/Subtype/Image/Width {width}/Height {width}/ColorSpace/DeviceGray/BitsPerComponent 8"
        )

    def bytes(self) -> bytes:
        """The file."""
        kids = " ".join(f"{page} 0 R" for page in self.pages)
        self.objects[self.tree] = f"<</Type/Pages/Count {len(self.pages)}/Kids[{kids}]>>".encode()
        entries = "".join(f"/{name} {value}" for name, value in self.root.items())
        root = self.add(f"<</Type/Catalog/Pages {self.tree} 0 R{entries}>>")
        out, places = bytearray(b"%PDF-1.7\n"), []
        for number, body in self.objects.items():
            places.append(len(out))
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        table = "".join(f"{place:010} 00000 n \n" for place in places)
        size = len(self.objects) + 1
        start = len(out)
        out += (
            f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<</Size {size}/Root {root} 0 R{self.trailer}>>\n"
            f"startxref\n{start}\n%%EOF\n"
        ).encode()
        return bytes(out)


def shown(x: float, y: float, text: str, size: float = 11, *, font: str = "F1", more: str = "") -> str:
    """A piece of text at a given place."""
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
    return f"BT /{font} {size} Tf {more} 1 0 0 1 {x} {y} Tm ({escaped}) Tj ET\n"


def lines(x: float, y: float, texts: Sequence[str], size: float = 11, pitch: float = 14) -> str:
    """Lines of text, one below another."""
    return "".join(shown(x, y - pitch * at, text, size) for at, text in enumerate(texts))


def turned(degrees: int, x: float, y: float, text: str, size: float = 11) -> str:
    """Text rotated anticlockwise."""
    a, b = {90: (0, 1), 180: (-1, 0), 270: (0, -1), 45: (0.7071, 0.7071)}[degrees]
    return f"BT /F1 {size} Tf {a} {b} {-b} {a} {x} {y} Tm ({text}) Tj ET\n"


def one_page(content: str, **options: object) -> bytes:
    """A single-page PDF."""
    made = Made()
    made.page(content, **options)
    return made.bytes()
