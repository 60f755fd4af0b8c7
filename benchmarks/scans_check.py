"""Can the pages that are sent be read? Scans go through `backburner run` to an OCR engine in a model's place.

    scans_check.py --sides 1024 1568 2048         # `make scans-check` runs it, in an environment of its own

The engine knows nothing of the pages but their pictures. The table says what share of the printed words it has read,
and whether they came back in order, by the longer side of the pictures. Exits with 1 if, at 2048 pixels, a document
comes back with fewer than nine words in ten, or out of order.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # its tools make the scans

from reading.comparing import Agreement, compare
from seeing.pages import Scan, all_scans
from seeing.reader import MODEL, serving, version

ENOUGH, ENOUGH_AT_PX = 0.9, 2048


def processed(scans: list[Scan], side_px: int, address: str) -> dict[str, Agreement]:
    """Take all documents the whole way, and compare the results with what was printed."""
    with tempfile.TemporaryDirectory() as place:
        folder, out, recipe = Path(place, "scans"), Path(place, "out"), Path(place, "copy.md")
        folder.mkdir()
        for scan in scans:
            (folder / scan.name).write_bytes(scan.body)
        recipe.write_text(f"---\nimages: {{max_side_px: {side_px}}}\n---\nCopy the text of every page.\n")
        environment = {
            "PATH": os.environ["PATH"],
            "BACKBURNER_PROVIDER": "generic",
            "BACKBURNER_MODEL": MODEL,
            "BACKBURNER_VISION_MODELS": MODEL,
            "OPENAI_BASE_URL": address,
            "OPENAI_API_KEY": "none",
        }
        backburner = Path(sys.executable).with_name("backburner")
        command = [str(backburner), "run", str(folder), "--recipe", str(recipe), "--out", str(out)]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return {scan.name: compare((out / f"{scan.name}.md").read_text(encoding="utf-8"), scan.words) for scan in scans}


def _told(one: Agreement) -> str:
    return f"{one.found:.1%}" + ("" if one.in_order >= ENOUGH else ", out of order")


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[1024, 1568, 2048], metavar="PX")
    arguments = parser.parse_args()
    os.environ.setdefault("OMP_THREAD_LIMIT", "1")
    scans, began = all_scans(), time.monotonic()
    with serving() as address:
        found = {side: processed(scans, side, address) for side in arguments.sides}
    table = Table("document", *(f"{side} px" for side in found), title=f"words read correctly ({version()})")
    for scan in scans:
        table.add_row(scan.name, *(_told(found[side][scan.name]) for side in found))
    Console().print(table, f"{time.monotonic() - began:.0f} s", sep="\n")
    judged = found.get(ENOUGH_AT_PX, {})
    return int(any(min(one.found, one.in_order) < ENOUGH for one in judged.values()))


if __name__ == "__main__":
    sys.exit(main())
