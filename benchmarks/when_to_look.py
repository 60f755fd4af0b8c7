"""When a running generation is looked at, and how late its result is: the real policy and ones that people write.

    when_to_look.py --generations 150 --seeds 10        # `make bench-looks` runs it

The whole core runs on the tests' fakes in virtual time, so neither the machine nor its load changes a figure. Each seed
draws other generations; the figures are those of all of them together.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]

from looking.report import as_json, shown, simulated  # noqa: E402
from tables import console  # noqa: E402


def main() -> int:
    """Run it and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=150, help="generations of each kind, for each seed")
    parser.add_argument("--seeds", type=int, default=10, help="how often each kind is drawn; 7 s for each")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    logging.getLogger("backburner").addHandler(logging.NullHandler())
    kinds = simulated(options.generations, options.seeds)
    shown(kinds, console())
    if options.json is not None:
        options.json.write_text(json.dumps(as_json(kinds), indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
