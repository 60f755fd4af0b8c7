"""Maps each kind of mail to its reader."""

import re
from pathlib import PurePosixPath

from backburner.documents.plain_text import Extracted
from backburner.extraction.formats import Format
from backburner.extraction.mail.blocks import Read

_MIME = re.compile(rb"\s*(?:content-[a-z-]+|mime-version)[ \t]*:", re.IGNORECASE)


def read_mail(body: bytes, name: str, kind: Format, inner: Read) -> Extracted:
    """The text of a mail, a mailbox, or the contents of a signed envelope. Raises `JobError`."""
    match kind:
        case Format.MBOX:
            from backburner.extraction.mail.mbox import read_mbox  # noqa: PLC0415

            return read_mbox(body, inner)
        case Format.MSG:
            from backburner.extraction.mail.outlook import read_outlook  # noqa: PLC0415

            return read_outlook(body, inner)
        case Format.TNEF:
            from backburner.extraction.mail.tnef import read_tnef  # noqa: PLC0415

            return read_tnef(body, inner)
        case Format.SIGNED:
            from backburner.extraction.mail.signed import content  # noqa: PLC0415

            inside = content(body)
            return inner(inside, "signed.eml" if _MIME.match(inside) else PurePosixPath(name).stem)
        case _:
            from backburner.extraction.mail.message import read_message  # noqa: PLC0415

            return read_message(body, inner)
