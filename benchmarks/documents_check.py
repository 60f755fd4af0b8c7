"""Read every file in a folder as the functions would, and with every independent reader on this machine.

    documents_check.py ~/archive                  # `make documents-check DIR=~/archive` runs it

Nothing is uploaded or written. For each kind of file the table shows how many readings agree, differ, or were refused;
a difference without a note comes first, since it is a silent loss. `disputed`: the other readers differ
among themselves; `unchecked`: none of them reads that kind. `s` is the median.
"""

import argparse
import asyncio
import resource
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from backburner.adapters.extraction import ChildExtractor
from backburner.documents.plain_text import MAX_DOCUMENT_BYTES
from backburner.errors import JobError
from reading.comparing import Agreement, compare
from reading.independent import Reader, readers_here

WORKERS = 2
_WORST_SHOWN = 20
_VERDICTS = ("agrees", "disputed", "differs", "noted", "unchecked", "refused")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What our reader made of one file, refused with a reason or read with notes, and how far each other one agrees."""

    path: str
    kind: str
    seconds: float
    memory_mb: float
    refused: str | None = None
    notes: list[str] = []
    agreements: dict[str, Agreement] = {}

    @property
    def best(self) -> float:
        """The share of words, or of their order, on which the best-agreeing reader agrees."""
        return max((min(one.found, one.in_order) for one in self.agreements.values()), default=1.0)

    @property
    def verdict(self) -> str:
        """In one word: `disputed` if the other readers disagree among themselves, `noted` if a note says it."""
        if self.refused:
            return "refused"
        if not self.agreements:
            return "unchecked"
        held = [one.holds for one in self.agreements.values()]
        if any(held):
            return "agrees" if all(held) else "disputed"
        return "noted" if self.notes else "differs"


def main() -> int:
    """Check a folder; returns exit code 1 if any document differs without a note."""
    options, out, err = _options(), Console(soft_wrap=True), Console(stderr=True, soft_wrap=True)
    here, lacking = readers_here()
    for reader in lacking:
        err.print(f"{reader.name} is not on this machine and is left out: apt-get install {reader.package}")
    paths = sorted(path for path in options.folder.rglob("*") if path.is_file())
    if not paths:
        err.print(f"{options.folder} has no files: name a folder of documents.")
        return 2
    names = [reader.name for reader in here]
    with ProcessPoolExecutor(WORKERS, max_tasks_per_child=1) as pool:
        read = pool.map(_read, paths, [names] * len(paths))
        readings = list(track(read, "reading", total=len(paths), console=err))
    readings.sort(key=lambda reading: (reading.verdict != "differs", reading.verdict != "noted", reading.best))
    if options.json:
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(readings)))
    out.print(_by_kind(readings))
    for reading in readings[:_WORST_SHOWN]:
        if reading.verdict in ("differs", "disputed", "noted"):
            out.print(_told(reading, options.folder), markup=False)
    for path, why in _refusals(readings, options.folder):
        out.print(f"refused  {path}: {why}", markup=False)
    return int(any(reading.verdict == "differs" for reading in readings))


def _read(path: Path, names: Sequence[str]) -> Reading:
    """One file, in a process of its own, so that the memory of its child can be measured."""
    kind = path.suffix.lower() or "(none)"
    begun = time.monotonic()
    refused, text, notes = None, "", list[str]()
    try:
        if path.stat().st_size > MAX_DOCUMENT_BYTES:
            refused = f"document_too_large: over {MAX_DOCUMENT_BYTES >> 20} MB"
        else:
            extracted = asyncio.run(ChildExtractor().extract(path.read_bytes(), path.name))
            text, notes = extracted.text, list(extracted.notes)
    except JobError as error:
        refused = f"{error.reason}: {error}"
    seconds = time.monotonic() - begun
    memory_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    asked = [] if refused else [reader for reader in readers_here()[0] if reader.name in names]
    return Reading(
        path=str(path),
        kind=kind,
        seconds=seconds,
        memory_mb=memory_mb,
        refused=refused,
        notes=notes,
        agreements=dict(_agreements(path, kind, text, asked)),
    )


def _agreements(path: Path, kind: str, text: str, readers: Sequence[Reader]) -> Iterator[tuple[str, Agreement]]:
    for reader in readers:
        if kind not in reader.suffixes:
            continue
        try:
            theirs = reader.read(path)
        except Exception:  # noqa: BLE001, S112 - a reader that fails, in whatever way, has no opinion on this file
            continue
        yield reader.name, compare(text, theirs)


def _by_kind(readings: Sequence[Reading]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("kind", "files", *_VERDICTS, "s", "max s", "MB"):
        table.add_column(name, justify="left" if name == "kind" else "right", no_wrap=True)
    kinds: dict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        kinds[reading.kind].append(reading)
    for kind, those in sorted(kinds.items(), key=lambda item: -_count(item[1])["differs"]):
        counts, seconds = _count(those), [reading.seconds for reading in those]
        numbers = [len(those), *(counts[name] for name in _VERDICTS)]
        max_mb = max(reading.memory_mb for reading in those)
        measures = f"{statistics.median(seconds):.2f}", f"{max(seconds):.2f}", f"{max_mb:.0f}"
        table.add_row(kind, *map(str, numbers), *measures)
    return table


def _count(readings: Sequence[Reading]) -> Counter[str]:
    return Counter(reading.verdict for reading in readings)


def _told(reading: Reading, folder: Path) -> str:
    lines = [f"{reading.verdict}  {Path(reading.path).relative_to(folder)}"]
    for name, one in reading.agreements.items():
        words = f"; missing: {', '.join(one.missing)}" if one.missing else ""
        lines.append(f"    {name}: {one.found:.1%} of its words, {one.in_order:.1%} in its order{words}")
    return "\n".join(lines + [f"    note: {note}" for note in reading.notes])


def _refusals(readings: Sequence[Reading], folder: Path) -> Iterator[tuple[Any, str]]:
    for reading in readings:
        if reading.refused:
            yield Path(reading.path).relative_to(folder), reading.refused


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder; everything below it is read")
    parser.add_argument("--json", type=Path, help="also write every reading to this file")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
