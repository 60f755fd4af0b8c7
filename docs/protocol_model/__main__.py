"""Runs histories from the command line."""

import argparse
import dataclasses
import sys

from .histories import History
from .protocol import Rules


def main() -> int:
    """Run histories, and report what goes wrong."""
    parser = argparse.ArgumentParser(description="Run random histories of the protocol.")
    parser.add_argument("histories", nargs="?", type=int, default=2000)
    parser.add_argument("first_seed", nargs="?", type=int, default=0)
    rules = [rule.name for rule in dataclasses.fields(Rules)]
    parser.add_argument("--without", action="append", default=[], choices=rules, help="a rule to switch off")
    options = parser.parse_args()
    kills = generations = failures = 0
    for seed in range(options.first_seed, options.first_seed + options.histories):
        history = History(seed, Rules(**dict.fromkeys(options.without, False)))
        wrong = history.run()
        kills, generations = kills + history.world.kills, generations + len(history.world.provider)
        if wrong:
            failures += 1
            print(f"seed {seed}: {wrong}")
    print(f"{options.histories} histories, {generations} generations, {kills} kills, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
