"""Thousands of documents through the real handlers while everything goes wrong; then the audit. `make soak` runs it.

    soak.py --jobs 5000 --minutes 30 --workers 4 --seed 1

The bucket and the queues are MiniStack's, the provider is the stand-in; handlers run in processes that are killed at
random. Three of every hundred documents are poison, and with each hundred comes an object that is not ours. Exits with
1 if anything does not hold.
"""

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests"))

from soaking.audited import audited  # noqa: E402
from soaking.cloud import Cloud, running_cloud  # noqa: E402
from soaking.documents import planned, recipes  # noqa: E402
from soaking.driver import Driver, StuckError  # noqa: E402
from soaking.poison import poisoned  # noqa: E402
from soaking.provider import running_provider  # noqa: E402
from soaking.verdict import Findings, Truth  # noqa: E402
from soaking.workers import OVERLONG, RAISED, Worker, new_gauges  # noqa: E402

MINISTACK = ROOT / ".tools/ministack/bin/python"
SETTINGS = {
    "BACKBURNER_PROVIDER": "openai",
    "BACKBURNER_MODEL": "stand-in",
    "BACKBURNER_LEASE_S": "30",
    "BACKBURNER_SWEEP_EVERY_S": "120",
    "BACKBURNER_MAX_ATTEMPTS": "12",
    "BACKBURNER_MAX_IN_FLIGHT": "200",
    "BACKBURNER_SUBMITS_PER_MINUTE": "100000",
    "BACKBURNER_POLLS_PER_SECOND": "100",
    "OPENAI_API_KEY": "key-of-a-soak",
    "POWERTOOLS_LOG_LEVEL": "WARNING",
}
_MAX_SHOWN = 20


def main() -> int:
    """Run it and return the exit code."""
    options = _options()
    out = Console(soft_wrap=True)
    try:
        with running_cloud(MINISTACK) as cloud, running_provider() as urls:
            return _soak(options, out, cloud, urls)
    except KeyboardInterrupt:
        out.print("stopped")
        return 130


def _soak(options: argparse.Namespace, out: Console, cloud: Cloud, urls: tuple[str, str]) -> int:
    began = time.monotonic()

    def say(text: str) -> None:
        out.print(f"[dim]{time.monotonic() - began:6.0f} s[/]  {text}", highlight=False)

    chance = random.Random(options.seed)  # noqa: S311 - no secrets
    for key, text in recipes().items():
        cloud.put(key, text)
    logs = Path(tempfile.mkdtemp(prefix="soak-logs-"))
    base_url, control_url = urls
    environment = {**cloud.environment, **SETTINGS, "OPENAI_BASE_URL": base_url}
    gauges = new_gauges(options.workers)
    workers = [Worker(row, gauges, environment, str(logs / f"{row}.log")) for row in range(options.workers)]
    documents = poisoned(planned(options.jobs, chance), chance, batches=options.batches, massive=options.massive)
    driver = Driver(cloud, control_url, documents, workers, gauges, chance, options.kill_every, say)
    problems = []
    try:
        driver.run(options.minutes)
    except StuckError as stuck:
        problems.append(str(stuck))
    except KeyboardInterrupt:
        shutil.rmtree(logs)
        raise
    finally:
        driver.stop()
        Path(gauges.path).unlink()
    took_s = time.monotonic() - began
    state = driver.state()
    allowed = state["ambiguous"] + driver.crashed_creates + gauges.total(RAISED) + gauges.total(OVERLONG)
    findings = Truth(cloud, documents[: driver.uploaded], state, driver.noted, allowed, driver.strays).check()
    books, wrong = audited(environment, driver.strays.values())
    out.print(f"audit: {books}", highlight=False)
    findings.problems += problems + wrong
    _report(out, driver, state["faults"], findings)
    table = Table("", "", show_header=False)
    table.add_row("doubtful creates: ambiguous answers, and those of killed processes", str(allowed))
    table.add_row("seconds", f"{took_s:.0f}")
    table.add_row("documents per second", f"{driver.uploaded / took_s:.1f}")
    out.print(table)
    if findings.problems:
        out.print(f"The handlers' warnings are in {logs}")
        return 1
    shutil.rmtree(logs)
    return 0


def _report(out: Console, driver: Driver, provider_faults: Mapping[str, int], findings: Findings) -> None:
    faults = dict(driver.injected) | {f"provider, {kind}": number for kind, number in provider_faults.items()}
    table = Table("injected", "times", title=f"{sum(faults.values())} faults")
    for kind, number in sorted(faults.items()):
        table.add_row(kind, str(number))
    out.print(table)
    table = Table("what became of it", "number", title=f"{driver.uploaded} documents")
    for end, number in sorted(findings.ends.items()):
        table.add_row(end, str(number))
    for what, number in sorted(driver.handled.items()):
        table.add_row(f"invocations: {what}", str(number))
    table.add_section()
    table.add_row("generations", str(findings.generations))
    table.add_row("orphans that happened", str(findings.orphans))
    table.add_row("orphans counted", str(findings.counted))
    out.print(table)
    for problem in findings.problems[:_MAX_SHOWN]:
        out.print(f"[red]{problem}[/]", highlight=False)
    verdict = (
        f"[red]{len(findings.problems)} things do not hold[/]" if findings.problems else "[green]everything holds[/]"
    )
    out.print(verdict)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=5000, help="documents to upload")
    parser.add_argument(
        "--batches", type=int, default=0, help="batches among the documents, besides those among the poison"
    )
    parser.add_argument("--massive", type=int, default=0, help="documents of 20 MB among them, likewise")
    parser.add_argument("--minutes", type=float, default=45, help="minutes to upload for, at most")
    parser.add_argument("--workers", type=int, default=4, help="processes that run handlers; every other one ticks")
    parser.add_argument("--kill-every", type=float, default=3, help="mean seconds between two kills")
    parser.add_argument(
        "--seed", type=int, default=1, help="seed of documents and faults; timing depends on the machine"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
