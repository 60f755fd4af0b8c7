"""Web archives (MHTML): a page saved by a browser with all its resources, in the form of a mail."""

from email import message_from_bytes, policy
from email.message import EmailMessage, Message

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from backburner.extraction.web.html import markdown_of
from backburner.extraction.web.pages import page_of

_PAGES = frozenset({"text/html", "application/xhtml+xml"})


def read_mhtml(body: bytes) -> Extracted:
    """The page as Markdown, with the pages in its frames. Raises `JobError`."""
    message = message_from_bytes(body.lstrip(), EmailMessage, policy=policy.compat32)
    pages = [part for part in message.walk() if part.get_content_type() in _PAGES]
    if not pages:
        raise JobError(Reason.UNREADABLE_DOCUMENT, "a web archive without a page: save the page again from a browser")
    main = _main(message, pages)
    texts = {id(part): _page(part) for part in pages}
    addresses = {address: part for part in pages for address in _addresses(part)}
    shown = {id(main)}

    def framed(address: str) -> str | None:
        part = addresses.get(address.strip())
        if part is None or part is main:
            return None
        shown.add(id(part))
        return texts[id(part)]

    found = markdown_of(texts[id(main)], with_title=True, framed=framed)
    parts = [found, *(markdown_of(texts[id(part)]) for part in pages if id(part) not in shown)]
    text = "\n".join(part.text for part in parts if part.text.strip())
    return Extracted(text, tuple(note for part in parts for note in part.notes))


def _main(message: Message, pages: list[Message]) -> Message:
    """The main page of the archive: the one it names, else the first."""
    named = {
        str(message.get("Snapshot-Content-Location", "")).strip(),
        str(message.get_param("start") or "").strip("<> "),
    }
    return next((part for part in pages if named & set(_addresses(part)) - {""}), pages[0])


def _addresses(part: Message) -> list[str]:
    """The addresses by which other parts may refer to it."""
    identity = str(part.get("Content-ID", "")).strip("<> \r\n\t")
    location = "".join(str(part.get("Content-Location", "")).split())
    return [address for address in (location, identity, f"cid:{identity}" if identity else "") if address]


def _page(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return page_of(payload if isinstance(payload, bytes) else b"", part.get_content_charset())
