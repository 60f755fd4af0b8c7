"""Outlook files, made here: a compound file ([MS-CFB]) that contains a mail's properties ([MS-OXMSG])."""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

Tree = Mapping[str, "bytes | Tree"]
SECTOR, MINI, CUTOFF = 512, 64, 4096
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
PER_SECTOR = SECTOR // 4
STRING8, UNICODE, BINARY, INTEGER, TIME = 0x001E, 0x001F, 0x0102, 0x0003, 0x0040
SUBJECT, BODY, HTML, RTF, MESSAGE_CLASS = 0x0037, 0x1000, 0x1013, 0x1009, 0x001A
SENDER, SENDER_SMTP, TO, NAME, SMTP, KIND = 0x0C1A, 0x5D01, 0x0E04, 0x3001, 0x39FE, 0x0C15
SUBMITTED, CODE_PAGE, HTML_PAGE, HEADERS = 0x0039, 0x3FFD, 0x3FDE, 0x007D
DATA, FILENAME, METHOD, CONTENT_ID, LINK, MIME = 0x3701, 0x3707, 0x3705, 0x3712, 0x370D, 0x370E


def message(
    properties: Mapping[int, object],
    attachments: Sequence[Mapping[int, object] | Tree] = (),
    recipients: Sequence[Mapping[int, object]] = (),
) -> bytes:
    """A mail as a file. An attachment that contains a mail has `embedded(…)` as its data."""
    names = {f"__substg1.0_000{number}0102": b"" for number in (2, 3, 4)}
    return compound({**folder(properties, attachments, recipients, 32), "__nameid_version1.0": names})


def folder(
    properties: Mapping[int, object],
    attachments: Sequence[Mapping[int, object]] = (),
    recipients: Sequence[Mapping[int, object]] = (),
    header: int = 24,
) -> Tree:
    """A mail as a storage folder: that of a file, or of an attachment of another mail."""
    tree = dict(_streams(properties, header))
    for number, one in enumerate(recipients):
        tree[f"__recip_version1.0_#{number:08X}"] = _streams(one, 8)
    for number, one in enumerate(attachments):
        tree[f"__attach_version1.0_#{number:08X}"] = _streams(one, 8)
    return tree


def _streams(properties: Mapping[int, object], header: int) -> dict[str, "bytes | Tree"]:
    tree: dict[str, bytes | Tree] = {}
    fixed = bytearray(header)
    for number, value in properties.items():
        match value:
            case int():
                fixed += struct.pack("<HHIi4x", INTEGER, number, 6, value)
            case datetime():
                ticks = int((value - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds()) * 10_000_000
                fixed += struct.pack("<HHIQ", TIME, number, 6, ticks)
            case str():
                tree[f"__substg1.0_{number:04X}{UNICODE:04X}"] = value.encode("utf-16-le")
            case bytes():
                tree[f"__substg1.0_{number:04X}{BINARY:04X}"] = value
            case (int() as kind, bytes() as raw):
                tree[f"__substg1.0_{number:04X}{kind:04X}"] = raw
            case _:
                tree[f"__substg1.0_{number:04X}000D"] = value
    return tree | {"__properties_version1.0": bytes(fixed)}


def compound(tree: Tree) -> bytes:
    """A compound file: a header, the sector table, then the contents."""
    entries = _entries(tree)
    mini = bytearray()
    mini_table: list[int] = []
    chains: list[bytes] = []
    for entry in entries:
        body = entry["body"]
        if isinstance(body, bytes) and body and len(body) < CUTOFF:
            count = -(-len(body) // MINI)
            entry["start"] = len(mini_table)
            mini_table += [*range(len(mini_table) + 1, len(mini_table) + count), END]
            mini += body.ljust(count * MINI, b"\0")
    directory_sectors = -(-len(entries) * 128 // SECTOR)
    table: list[int] = []
    mini_fat = struct.pack(f"<{len(mini_table)}I", *mini_table)
    places = [_chain(table, chains, bytes(directory_sectors * SECTOR))]
    places += [_chain(table, chains, mini_fat, b"\xff"), _chain(table, chains, bytes(mini))]
    for entry in entries:
        body = entry["body"]
        if isinstance(body, bytes) and len(body) >= CUTOFF:
            entry["start"] = _chain(table, chains, body)
    count = next(n for n in range(1, 110) if n * PER_SECTOR >= len(table) + n)
    for entry in entries:
        body = entry["body"]
        if isinstance(body, bytes) and len(body) >= CUTOFF:
            entry["start"] = int(str(entry["start"])) + count
    entries[0] |= {"start": places[2] if places[2] == END else places[2] + count, "size": len(mini)}
    chains[0] = b"".join(map(_packed, entries)).ljust(directory_sectors * SECTOR, b"\0")
    return _header_and_table(table, places, len(mini_fat), count) + b"".join(chains)


def _chain(table: list[int], chains: list[bytes], body: bytes, fill: bytes = b"\0") -> int:
    count = -(-len(body) // SECTOR)
    if not count:
        chains.append(b"")
        return END
    start = len(table)
    table += [*range(start + 1, start + count), END]
    chains.append(body.ljust(count * SECTOR, fill))
    return start


def _header_and_table(table: list[int], places: list[int], mini_bytes: int, count: int) -> bytes:
    moved = [FAT] * count + [one if one >= FAT else one + count for one in table]
    moved += [FREE] * (count * PER_SECTOR - len(moved))
    directory, mini_table = (one if one == END else one + count for one in places[:2])
    header = struct.pack(
        "<8s16x5H6x9I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6, 0, count, directory, 0,
        CUTOFF, mini_table, -(-mini_bytes // SECTOR), END, 0,
    )  # fmt: skip
    fats = [*range(count), *[FREE] * (109 - count)]
    return header + struct.pack("<109I", *fats) + struct.pack(f"<{len(moved)}I", *moved)


def _entries(tree: Tree) -> list[dict[str, object]]:
    entries: list[dict[str, object]] = [{"name": "Root Entry", "kind": 5, "body": tree, "left": FREE, "right": FREE}]
    place = 0
    while place < len(entries):
        body = entries[place]["body"]
        if not isinstance(body, bytes):
            names = sorted(body, key=lambda name: (len(name), name.upper()))
            first = len(entries)
            entries += [
                {
                    "name": n,
                    "kind": 2 if isinstance(body[n], bytes) else 1,
                    "body": body[n],
                    "left": FREE,
                    "right": FREE,
                }
                for n in names
            ]
            entries[place]["child"] = _balanced(entries, first, len(entries))
        place += 1
    return entries


def _balanced(entries: list[dict[str, object]], first: int, last: int) -> int:
    if first >= last:
        return FREE
    middle = (first + last) // 2
    entries[middle]["left"] = _balanced(entries, first, middle)
    entries[middle]["right"] = _balanced(entries, middle + 1, last)
    return middle


def _packed(entry: dict[str, object]) -> bytes:
    name = (str(entry["name"]) + "\0").encode("utf-16-le")
    body = entry["body"]
    size = entry.get("size", len(body) if isinstance(body, bytes) else 0)
    start = entry.get("start", END if isinstance(body, bytes) else 0)
    return struct.pack(
        "<64sHBBIII36xIQ", name, len(name), entry["kind"], 1, entry["left"], entry["right"], entry.get("child", FREE),
        start, size,
    )  # fmt: skip
