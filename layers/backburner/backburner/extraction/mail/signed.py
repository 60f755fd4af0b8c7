"""The contents of a signed envelope (CMS, PKCS #7): a mail's `smime.p7m`, a signing program's `contract.pdf.p7m`.

Signatures are not checked. An encrypted envelope is refused.
"""

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass

from backburner.errors import JobError, Reason
from backburner.extraction.packages import MAX_UNPACKED_BYTES

_PKCS7 = bytes.fromhex("06092a864886f70d0107")
_SIGNED = _PKCS7 + b"\x02"
_ENCRYPTED = (_PKCS7 + b"\x03", _PKCS7 + b"\x06", bytes.fromhex("060b2a864886f70d0109100117"))
_COMPRESSED = bytes.fromhex("060b2a864886f70d0109100109")
_HEAD_BYTES = 64
_SEQUENCE, _OCTETS, _CONSTRUCTED_OCTETS, _CONTENT = 0x30, 0x04, 0x24, 0xA0
_LONG = 0x80
_MAX_DEPTH = 40
_TEXT_FORM = re.compile(rb"\s*(?:-----BEGIN (?:PKCS7|CMS|PKCS #7 SIGNED DATA)-----)?\s*(MI[A-Za-z0-9+/=\s]+)")


@dataclass(frozen=True)
class _Element:
    tag: int
    start: int
    end: int
    after: int


def is_envelope(body: bytes) -> bool:
    """Whether bytes are a signed, encrypted or compressed envelope."""
    head = body[:_HEAD_BYTES]
    return body[:1] == b"\x30" and any(mark in head for mark in (_SIGNED, *_ENCRYPTED, _COMPRESSED))


def from_text_form(body: bytes) -> bytes:
    """The bytes of an envelope written as text (PEM, base64); other bytes are returned unchanged."""
    found = _TEXT_FORM.match(body)
    if found is None:
        return body
    packed = b"".join(found[1].split()).rstrip(b"=")
    packed = packed[: len(packed) - 1] if len(packed) % 4 == 1 else packed
    return b64decode(packed + b"=" * (-len(packed) % 4))


def is_encrypted(body: bytes) -> bool:
    """Whether an envelope can only be opened with a key."""
    return any(mark in from_text_form(body)[:_HEAD_BYTES] for mark in _ENCRYPTED)


def content(body: bytes) -> bytes:
    """What was signed. Raises `JobError` if it is encrypted, damaged, or not in the envelope."""
    body = from_text_form(body)
    if is_encrypted(body):
        raise JobError(Reason.UNREADABLE_DOCUMENT, "encrypted (S/MIME): decrypt it and upload it again")
    try:
        inside = b"".join(_octets(body))
        return _unpacked(inside) if _COMPRESSED in body[:_HEAD_BYTES] else inside
    except (ValueError, IndexError, zlib.error) as error:
        raise JobError(
            Reason.UNREADABLE_DOCUMENT,
            "a signed envelope that is damaged or has only a signature: upload the signed document itself",
        ) from error


def _unpacked(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    body = unpacking.decompress(packed, MAX_UNPACKED_BYTES // 4)
    if unpacking.unconsumed_tail:
        raise JobError(Reason.DOCUMENT_TOO_LARGE, "an envelope that unpacks to too much: upload its contents")
    return body


def _octets(body: bytes) -> Iterator[bytes]:
    """ContentInfo → [0] → SignedData → EncapsulatedContentInfo → [0] → OCTET STRING (RFC 5652)."""
    info = list(_children(body, _element(body, 0, 0)))
    envelope = list(_children(body, _last(_children(body, info[1]), _SEQUENCE)))
    wrapped = _last(iter(envelope), _SEQUENCE)
    wrapper = _last(_children(body, wrapped), _CONTENT)
    yield from _strings(body, list(_children(body, wrapper))[0], 0)  # noqa: RUF015 - an empty list is an error


def _last(elements: Iterator[_Element], tag: int) -> _Element:
    return [one for one in elements if one.tag == tag][-1]


def _strings(body: bytes, element: _Element, depth: int) -> Iterator[bytes]:
    """A string, or the strings that it consists of."""
    if element.tag == _OCTETS:
        yield body[element.start : element.end]
    elif element.tag == _CONSTRUCTED_OCTETS and depth < _MAX_DEPTH:
        for one in _children(body, element):
            yield from _strings(body, one, depth + 1)
    else:
        raise ValueError(element.tag)


def _children(body: bytes, element: _Element) -> Iterator[_Element]:
    offset = element.start
    while offset < element.end:
        child = _element(body, offset, 0)
        yield child
        offset = child.after


def _element(body: bytes, offset: int, depth: int) -> _Element:
    """The element at an offset; one without a declared length ends after its last child."""
    tag, length, start = body[offset], body[offset + 1], offset + 2
    if length == _LONG:
        if depth > _MAX_DEPTH:
            raise ValueError(depth)
        end = start
        while body[end : end + 2] != b"\x00\x00":
            end = _element(body, end, depth + 1).after
        return _Element(tag, start, end, end + 2)
    if length > _LONG:
        many = length - _LONG
        length = int.from_bytes(body[start : start + many])
        start += many
    end = start + length
    if end > len(body):
        raise ValueError(end)
    return _Element(tag, start, end, end)
