"""How fast documents are read and cut, compared with the library for the format alone. One table, and JSON.

    documents.py --paragraphs 2000           # `make bench-documents` runs it

All figures are processor time for the text that comes out, the best of the rounds; only ratios within one run mean
anything. *As submit* is the same document through `ChildExtractor`: plain text in UTF-8 is decoded in the function
itself, everything else is read by a child process, whose own time counts. A small document has three paragraphs: it
costs as much as starting a child.
"""

import argparse
import asyncio
import json
import resource
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.table import Table

from backburner.adapters.extraction import ChildExtractor
from backburner.documents.chunking import cut
from backburner.documents.plain_text import plain_text
from backburner.extraction.reading import read
from reading.alone import ALONE
from reading.corpora import CORPORA
from tables import console

_SMALL = 3
_PART_CHARS, _OVERLAP_CHARS = 80_000, 600
"""A document of about 24,000 tokens."""
_MEGA = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One format: megabytes of the text in it, and seconds of processor time for the document."""

    library: str
    library_s: float
    ours_s: float
    child_s: float
    small_s: float
    cut_s: float
    text_megabytes: float

    @property
    def ratio(self) -> float:
        """How fast ours is, if the library alone is 1."""
        return self.library_s / self.ours_s


def main() -> int:
    """Run it and return the exit code."""
    options, out = _options(), console()
    found = {name: _measured(name, options) for name in CORPORA}
    bare_s = _best(options.rounds, _bare)
    columns = ("MB", "library", "alone", "ours", "ratio", "as submit", "cut")
    table = Table("MB of text per second of processor time", *columns)
    for name, one in found.items():
        speeds = (one.text_megabytes / seconds for seconds in (one.library_s, one.ours_s, one.child_s))
        alone, ours, child = (f"{speed:,.1f}" for speed in speeds)
        cutting = f"{one.text_megabytes / one.cut_s:,.0f}"
        table.add_row(name, f"{one.text_megabytes:.2f}", one.library, alone, ours, f"{one.ratio:.2f}", child, cutting)
    out.print(table)
    table = Table("a small document, whole", "milliseconds of processor time")
    for name, one in found.items():
        table.add_row(name, f"{1000 * one.small_s:.1f}")
    table.add_row("[dim]a Python that does nothing", f"[dim]{1000 * bare_s:.1f}")
    out.print(table)
    told = json.dumps({"python_s": bare_s} | {name: asdict(one) for name, one in found.items()}, indent=1)
    out.print(told, highlight=False) if options.json is None else options.json.write_text(told + "\n")
    return 0


def _measured(name: str, options: argparse.Namespace) -> Figures:
    """One format."""
    key, make, share = CORPORA[name]
    library, alone = ALONE[name]
    body, small = make(max(_SMALL, round(options.paragraphs * share))), make(_SMALL)
    text = _text(body, key)
    return Figures(
        library=library,
        library_s=_best(options.rounds, lambda: alone(body)),
        ours_s=_best(options.rounds, lambda: _text(body, key)),
        child_s=_best(options.rounds, lambda: _extracted(body, key)),
        small_s=_best(options.rounds, lambda: _extracted(small, key)),
        cut_s=_best(options.rounds, lambda: cut(text, _PART_CHARS, _OVERLAP_CHARS)),
        text_megabytes=len(text.encode()) / _MEGA,
    )


def _text(body: bytes, key: str) -> str:
    """Read a document as the function and the child do, but in this process."""
    return plain_text(body, key) or read(body, key).text


def _extracted(body: bytes, key: str) -> str:
    return asyncio.run(ChildExtractor().extract(body, key)).text


def _bare() -> None:
    async def run() -> None:
        await (await asyncio.create_subprocess_exec(sys.executable, "-P", "-s", "-B", "-c", "")).wait()

    asyncio.run(run())


def _best(rounds: int, work: Callable[[], object]) -> float:
    """Seconds of processor time, including children's; the best of the rounds after one that warms up."""
    work()
    found = []
    for _ in range(rounds):
        before = _cpu_s()
        work()
        found.append(_cpu_s() - before)
    return max(min(found), 1e-6)


def _cpu_s() -> float:
    both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in both)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=4000, help="paragraphs of the documents that are plain text")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, of which the best counts")
    parser.add_argument("--json", type=Path, help="write the figures to this file instead of printing them")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
