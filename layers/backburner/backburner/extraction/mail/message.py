"""An Internet message (EML) as Markdown: its main headers, its text, and all attachments in order."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from backburner.documents.plain_text import Extracted
from backburner.errors import JobError
from backburner.extraction.mail import bodies, embedded, signed
from backburner.extraction.mail.blocks import (
    FIRST_LEVEL,
    Block,
    Pictures,
    Read,
    attachment_block,
    compose,
    html_body,
    nested,
    note_block,
    refuse_unread,
    rtf_body,
    unread_attachment,
)
from backburner.extraction.mail.characters import text_of_bytes
from backburner.extraction.mail.headers import Headers
from backburner.extraction.mail.mime import Multipart, Part, parse_entity, split_parts
from backburner.extraction.mail.source import charset_hint, cleaned
from backburner.extraction.markdown import heading, missing

MAX_NESTED = 20
"""How deep parts and mails may be nested; deeper ones become a note."""
_HEADERS = ("Subject", "From", "To", "Cc", "Bcc", "Date")
_TEXTS = ("text/plain", "text/enriched", "text/richtext", "text/markdown", "text/x-markdown")
_PAGES = ("text/html", "application/xhtml+xml", "text/x-amp-html", "text/watch-html")
_SIGNATURES = ("application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature")
_ENVELOPES = ("application/pkcs7-mime", "application/x-pkcs7-mime")
_STYLES = ("text/css", "text/javascript", "application/javascript", "application/x-javascript")
_SUFFIXES = {
    "text/plain": ".txt",
    "text/html": ".html",
    "text/calendar": ".ics",
    "text/vcard": ".vcf",
    "text/csv": ".csv",
    "text/markdown": ".md",
    "message/rfc822": ".eml",
}
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_WRITTEN_FORMATS = (b"%PDF-", b"{\\rtf")
_HEAD_BYTES = 4096
_MARK = "\ufeff"
"""Precedes decoded text, so that charset declarations in it are ignored."""


def read_message(body: bytes, inner: Read) -> Extracted:
    """A mail's headers, text and attachments. Raises `JobError` if everything but the headers is encrypted."""
    blocks = message_blocks(cleaned(body), inner)
    refuse_unread(blocks)
    return compose(blocks)


def message_blocks(source: bytes, inner: Read, level: int = FIRST_LEVEL, depth: int = 0) -> list[Block]:
    """A mail's headers as the first block, then its contents."""
    part = parse_entity(source, charset_hint(source))
    pictures = Pictures()
    walk = _Walk(inner, level, pictures)
    head = "\n".join(f"{name}: {value}" for name in _HEADERS if (value := part.headers.text(name)))
    return pictures.finished([Block(head), *walk.blocks(part, depth)])


@dataclass(frozen=True)
class _Walk:
    """A walk through one mail, not counting the mails attached to it."""

    inner: Read
    level: int
    pictures: Pictures

    def blocks(self, part: Part, depth: int) -> Iterator[Block]:
        """The blocks of a part, in order."""
        if part.kind == "multipart/encrypted":
            yield note_block("encrypted text (PGP): not read, decrypt it and upload it again", is_unread=True)
        elif part.kind.startswith("multipart/"):
            yield from self._parts(part, depth)
        elif part.kind in ("message/rfc822", "message/global", "message/news"):
            yield from self._attached_mail(part, depth)
        elif part.kind == "message/partial":
            yield from self._partial(part, depth)
        elif part.kind == "message/external-body":
            yield self._external(part)
        elif part.kind in _ENVELOPES:
            yield from self._envelope(part, depth)
        else:
            yield from self._leaf(part)

    def _parts(self, part: Part, depth: int) -> Iterator[Block]:
        if depth >= MAX_NESTED:
            yield note_block(f"parts nested deeper than {MAX_NESTED}: not read, upload them by themselves")
            return
        found = split_parts(part)
        if not found.parts:
            yield from self._without_parts(part, depth)
            return
        yield self._text_around(part, found.before)
        if part.kind == "multipart/alternative":
            yield from bodies.chosen([list(self.blocks(one, depth + 1)) for one in found.parts])
        else:
            for index, one in enumerate(found.parts):
                yield from self._child(part, one, index, depth)
        yield from self._trailer(part, found)

    def _child(self, part: Part, one: Part, index: int, depth: int) -> Iterator[Block]:
        is_resource = part.kind in ("multipart/related", "multipart/appledouble")
        if index and part.kind == "multipart/signed" and one.kind in _SIGNATURES:
            yield note_block(f"signature {one.name or one.kind}: not checked")
        elif not (is_resource and one.kind in (*_STYLES, "application/applefile")):
            yield from self.blocks(one, depth + 1)

    def _trailer(self, part: Part, found: Multipart) -> Iterator[Block]:
        yield self._text_around(part, found.after)
        if not found.is_closed:
            yield note_block("the mail ends in the middle of its last part: it may have been cut off")

    def _text_around(self, part: Part, text: bytes) -> Block:
        return Block(_lines(text_of_bytes(text, part.headers.charset_hint.charset)) if text else "")

    def _without_parts(self, part: Part, depth: int) -> Iterator[Block]:
        """A multipart without parts: encoded as a whole, against the rules, or damaged."""
        body, _ = part.content()
        if part.encoding in ("base64", "quoted-printable") and body != part.raw:
            packed = replace(part, source=body, start=0, end=len(body), headers=_unpacked(part))
            yield from self.blocks(packed, depth + 1)
        elif body.strip():
            yield from embedded.split(_lines(text_of_bytes(body, part.charset)), self.inner, self.level)
            yield note_block("its parts could not be separated: shown as is")

    def _attached_mail(self, part: Part, depth: int) -> Iterator[Block]:
        raw = part.raw
        source, damage = (raw, None) if _begins_as_mail(raw) else part.content()
        name = part.name
        title = f"Attachment: {name}" if name else "Attached mail"
        yield Block(heading(self.level, title))
        if damage:
            yield note_block(f"attachment {name or 'mail'}: {damage}")
        if depth >= MAX_NESTED:
            yield note_block(f"mails nested deeper than {MAX_NESTED}: not read, upload them by themselves")
            return
        blocks = message_blocks(cleaned(source), self.inner, self.level + 1, depth + 1)
        yield from nested(name or "attached mail", blocks)

    def _partial(self, part: Part, depth: int) -> Iterator[Block]:
        """A mail sent in pieces: the first one begins with headers, the others may contain anything."""
        number, total = (part.headers.parameter("content-type", name) for name in ("number", "total"))
        note = f"piece {number or '?'} of {total or '?'} of a mail sent in pieces: the others are missing"
        yield note_block(note)
        if number.strip() == "1":
            yield from message_blocks(cleaned(part.raw), self.inner, self.level, depth + 1)
        else:
            yield Block(_lines(text_of_bytes(part.raw, part.headers.charset_hint.charset)), form="plain")

    def _external(self, part: Part) -> Block:
        """A file that the mail only refers to."""
        inner = parse_entity(part.raw, part.headers.charset_hint)
        names = ("access-type", "url", "site", "directory", "name")
        locations = [text for name in names if (text := part.headers.parameter("content-type", name))]
        name = part.name or inner.name or part.headers.parameter("content-type", "url") or inner.kind
        return unread_attachment(name, f"not in the mail but stored elsewhere ({', '.join(locations)})", self.level)

    def _envelope(self, part: Part, depth: int) -> Iterator[Block]:
        """S/MIME: a signed mail is read, an encrypted one only named."""
        body, damage = part.content()
        try:
            content = signed.content(body)
        except JobError as error:
            name = part.name or "smime.p7m"
            yield unread_attachment(name, f"not read, {error}", self.level, is_unread=signed.is_encrypted(body))
            return
        yield from self.blocks(parse_entity(content, part.headers.charset_hint), depth + 1)
        yield note_block(f"signature {part.name or 'smime.p7m'}: not checked")
        if damage:
            yield note_block(f"attachment {part.name or 'smime.p7m'}: {damage}")

    def _leaf(self, part: Part) -> Iterator[Block]:
        is_own_text = not part.name and part.disposition != "attachment"
        body, damage = part.content()
        if is_own_text and part.kind in _TEXTS:
            yield from self._text(part, body)
            if damage:
                yield Block(missing(f"text of the mail: {damage}"), (f"text of the mail: {damage}",))
        elif is_own_text and part.kind in _PAGES:
            yield from self._page(part, body, damage)
        elif is_own_text and part.kind in ("text/rtf", "application/rtf"):
            yield rtf_body(body, self.inner)
        else:
            yield from self._attachment(part, body, damage)

    def _text(self, part: Part, body: bytes) -> Iterator[Block]:
        text = _lines(text_of_bytes(body, part.charset))
        if part.headers.parameter("content-type", "format").lower() == "flowed":
            is_delsp = part.headers.parameter("content-type", "delsp").lower() == "yes"
            text = bodies.unflowed(text, delete_space=is_delsp)
        if part.kind in ("text/enriched", "text/richtext"):
            text = bodies.unenriched(text)
        yield from embedded.split(text, self.inner, self.level)

    def _page(self, part: Part, body: bytes, damage: str | None) -> Iterator[Block]:
        text = text_of_bytes(body, part.charset) if part.charset else ""
        self.pictures.remember(text or body.decode("latin-1"))
        yield html_body((_MARK + text).encode("utf-8", "replace") if text else body, self.inner)
        if damage:
            yield note_block(f"text of the mail: {damage}")

    def _attachment(self, part: Part, body: bytes, damage: str | None) -> Iterator[Block]:
        location = part.headers.readable(part.headers.raw("content-location"))
        name = part.name or location.rpartition("/")[2] or part.kind
        if part.charset and part.kind.startswith("text/") and _is_text(body):
            body = (_MARK + text_of_bytes(body, part.charset)).encode("utf-8", "replace")
        inner_name = name if part.name or location else f"attachment{_SUFFIXES.get(part.kind, '')}"
        block = attachment_block(name, body, lambda inside, _: self.inner(inside, inner_name), self.level)
        if part.kind.startswith("image/") and part.disposition != "attachment":
            content_id = part.headers.readable(part.headers.raw("content-id")).strip("<>") or location
            self.pictures.content_ids.update(filter(None, [location]))
            block = block.as_picture(name, content_id)
        yield block
        if damage:
            yield note_block(f"attachment {name}: {damage}")


def _unpacked(part: Part) -> Headers:
    """The headers of a part after its transfer encoding has been decoded."""
    fields = tuple(field for field in part.headers.fields if field[0] != "content-transfer-encoding")
    return replace(part.headers, fields=fields)


def _begins_as_mail(raw: bytes) -> bool:
    """Whether an attached mail is not encoded, whatever transfer encoding it declares."""
    head = parse_entity(cleaned(raw[:_HEAD_BYTES])).headers.fields
    return bool(head) and not any(b"=3D" in value for _, value in head)


def _is_text(body: bytes) -> bool:
    return not _BINARY.search(body[:_HEAD_BYTES]) and not body.lstrip().startswith(_WRITTEN_FORMATS)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
