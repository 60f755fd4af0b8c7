"""A mail stored as MAPI properties: its headers, and the version of its body that holds the most."""

from collections.abc import Iterator

from backburner.extraction.mail import bodies, compressed_rtf, mapi
from backburner.extraction.mail.blocks import Block, Pictures, Read, html_body, note_block, rtf_body
from backburner.extraction.mail.characters import text_of_bytes
from backburner.extraction.mail.headers import Headers, parse_headers
from backburner.extraction.mail.mapi import Properties
from backburner.extraction.rtf import encapsulated_html

_TO, _CC, _BCC = 1, 2, 3
_MARK = "\ufeff"
_PLAIN_CLASSES = ("ipm.note", "ipm.schedule", "ipm.appointment", "ipm.post", "report.", "ipm.stickynote")


def mail_blocks(properties: Properties, recipients: list[Properties], pictures: Pictures, inner: Read) -> list[Block]:
    """The headers as the first block, then the body."""
    return [Block(_head(properties, recipients)), *_other_kind(properties), *_body(properties, pictures, inner)]


def _head(properties: Properties, recipients: list[Properties]) -> str:
    headers = _transport_headers(properties)
    sender = _person(properties, mapi.SENT_FOR_NAME, mapi.SENT_FOR_SMTP, mapi.SENT_FOR_ADDRESS) or _person(
        properties, mapi.SENDER_NAME, mapi.SENDER_SMTP, mapi.SENDER_ADDRESS
    )
    date = headers.text("date") or properties.time(mapi.CLIENT_SUBMIT_TIME) or properties.time(mapi.DELIVERY_TIME)
    lines = (
        ("Subject", properties.text(mapi.SUBJECT) or headers.text("subject")),
        ("From", sender or headers.text("from")),
        ("To", _people(recipients, _TO) or properties.text(mapi.DISPLAY_TO) or headers.text("to")),
        ("Cc", _people(recipients, _CC) or properties.text(mapi.DISPLAY_CC) or headers.text("cc")),
        ("Bcc", _people(recipients, _BCC) or properties.text(mapi.DISPLAY_BCC)),
        ("Date", date),
        *_times(properties),
    )
    return "\n".join(f"{name}: {' '.join(value.split())}" for name, value in lines if value.strip())


def _times(properties: Properties) -> Iterator[tuple[str, str]]:
    """The start and end of an appointment."""
    if properties.text(mapi.MESSAGE_CLASS).lower().startswith(("ipm.appointment", "ipm.schedule")):
        yield "Start", properties.time(mapi.START_DATE)
        yield "End", properties.time(mapi.END_DATE)


def _other_kind(properties: Properties) -> Iterator[Block]:
    """A note on contacts, tasks and the like, which have fields that mails do not have."""
    kind = properties.text(mapi.MESSAGE_CLASS)
    if kind and not kind.lower().startswith(_PLAIN_CLASSES):
        yield note_block(f"an Outlook item of type {kind[:80]}: only its subject, text and attachments are read")


def _transport_headers(properties: Properties) -> Headers:
    raw = properties.text(mapi.TRANSPORT_HEADERS).encode("utf-8", "replace").lstrip()
    return parse_headers(raw, 0, len(raw))[0]


def _people(recipients: list[Properties], kind: int) -> str:
    found = (one for one in recipients if (one.number(mapi.RECIPIENT_TYPE) or 0) & 0xF == kind)
    return ", ".join(filter(None, (_person(one, mapi.DISPLAY_NAME, mapi.SMTP, mapi.ADDRESS) for one in found)))


def _person(properties: Properties, name: int, smtp: int, address: int) -> str:
    """As in a mail header; addresses that only Exchange understands are left out."""
    display_name = properties.text(name).strip("'\" ")
    addresses = (properties.text(number).strip() for number in (smtp, address))
    found = next((one for one in addresses if "@" in one), "")
    return f"{display_name} <{found}>" if found and display_name and display_name != found else found or display_name


def _body(properties: Properties, pictures: Pictures, inner: Read) -> Iterator[Block]:
    plain = properties.text(mapi.BODY).replace("\r\n", "\n").replace("\r", "\n")
    options = [[Block(plain, form="plain")]] if plain.strip() else []
    rich = _rich(properties, pictures, inner)
    if rich is not None:
        options.append([rich])
    return bodies.chosen(options)


def _rich(properties: Properties, pictures: Pictures, inner: Read) -> Block | None:
    """The HTML body, the HTML that Outlook encapsulated in RTF, or plain RTF."""
    html = _html(properties)
    packed = properties.bytes(mapi.RTF)
    if html.strip() or not packed:
        return _page(html, pictures, inner) if html.strip() else None
    try:
        rtf = compressed_rtf.decompressed(packed)
    except ValueError:
        return note_block("RTF text of the mail: not read, it is damaged", is_unread=True)
    html = encapsulated_html(rtf) or ""
    return _page(html, pictures, inner) if html else rtf_body(rtf, inner)


def _html(properties: Properties) -> str:
    kind, body = properties.values.get(mapi.HTML, (0, b""))
    if kind == mapi.BINARY:
        return text_of_bytes(body.rstrip(b"\0"), properties.charset(mapi.INTERNET_CODE_PAGE, mapi.MESSAGE_CODE_PAGE))
    return properties.text(mapi.HTML)


def _page(html: str, pictures: Pictures, inner: Read) -> Block:
    pictures.remember(html)
    return html_body((_MARK + html).encode("utf-8", "replace"), inner)
