"""`backburner run` over thousands of small documents, killed on the way: speed, memory, and what was paid for.

    python benchmarks/folder.py --documents 3000 --kills 5

The provider is the stand-in, which keeps a list of what was started, whatever died. Exits with 1 if a document has no
result, if more was started than the records count or than a death can cost, or if a process took too much memory.
"""

import argparse
import hashlib
import json
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

BACKBURNER = Path(sys.executable).with_name("backburner")
LOOK_EVERY_S = 0.5
MOST_MB = 200
"""The bound for one process, however many documents there are: twice what was measured."""
AT_ONCE = 48
"""Creates that may be under way when a process dies: 16 in its submits, 32 in its tick."""


@dataclass
class Run:
    """One folder, and what was observed of the processes that worked on it."""

    root: Path
    documents: int
    most_resident_mb: float = 0.0
    lives: int = 0
    outputs: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """The folder of the documents."""
        return self.root / "documents"

    @property
    def out(self) -> Path:
        """The folder of the results."""
        return self.root / "out"

    def write(self) -> None:
        """Write small documents, a hundred to a folder, no two alike."""
        for number in range(self.documents):
            path = self.folder / f"{number // 100:03}" / f"document {number:05}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text_of(number), encoding="utf-8")

    def live(self, until_done: int | None) -> int:
        """One process, killed once this many documents are done; returns its exit code."""
        self.lives += 1
        log = (self.root / f"life-{self.lives}.log").open("w+", encoding="utf-8")
        command = [str(BACKBURNER), "run", str(self.folder), "--out", str(self.out), "--stand-in"]
        with log, subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT) as process:
            while process.poll() is None:
                time.sleep(LOOK_EVERY_S)
                self.most_resident_mb = max(self.most_resident_mb, resident_mb(process.pid))
                if until_done is not None and self.done() >= until_done:
                    process.send_signal(signal.SIGKILL)
            log.seek(0)
            self.outputs.append(log.read())
        return process.returncode

    def done(self) -> int:
        """How many run records there are."""
        return sum(1 for _ in self.out.rglob("*.run.json")) if self.out.exists() else 0

    def started(self) -> Counter[str]:
        """How many generations were started for each text, as the provider knows it."""
        with closing(sqlite3.connect(self.folder / ".backburner" / "stand-in.db")) as kept:
            return Counter(sha for (sha,) in kept.execute("SELECT input_sha256 FROM generations"))

    def problems(self) -> list[str]:
        """What contradicts the promise."""
        found, started = [], self.started()
        for number in range(self.documents):
            name = f"{number // 100:03}/document {number:05}.txt"
            record, result = self.out / f"{name}.run.json", self.out / f"{name}.md"
            if not record.exists() or not result.exists() or not result.read_text(encoding="utf-8").strip():
                found.append(f"no result: {name}")
                continue
            paid = started[hashlib.sha256(text_of(number).encode()).hexdigest()]
            counted = json.loads(record.read_text(encoding="utf-8"))["suspected_orphans"]
            if not 1 <= paid <= 1 + counted:
                found.append(f"{paid} generations, {counted} suspected orphans: {name}")
        return found


def text_of(number: int) -> str:
    """The text of one document, unlike any other."""
    return f"Contract {number} is between Orla and Bram. The rent is {number + 100} a month. It ends on 2031-05-17.\n"


def resident_mb(pid: int) -> float:
    """The most memory that a process ever held; 0 if the system does not report it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0.0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(lines[0].split()[1]) / 1024 if lines else 0.0


def beyond(taken_mb: float, most_mb: int, superfluous: int, kills: int) -> list[str]:
    """What exceeds its bound."""
    found = []
    if taken_mb > most_mb:
        found.append(f"a process took {taken_mb:.0f} MB, more than {most_mb}")
    if superfluous > AT_ONCE * kills:
        found.append(f"{superfluous} generations too many for {kills} deaths, each of which may cost {AT_ONCE}")
    return found


def main() -> int:
    """Measure and report; the exit code says whether the promise was kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--most-mb", type=int, default=MOST_MB, help="MB of memory that a process may take")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="backburner-folder-") as root:
        run = Run(Path(root), asked.documents)
        run.write()
        began = time.monotonic()
        for kill in range(asked.kills):
            run.live(asked.documents * (kill + 1) // (asked.kills + 1))
        code = run.live(None)
        took_s = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = used.ru_utime + used.ru_stime
        began = time.monotonic()
        again, problems = run.live(None), run.problems()
        again_s = time.monotonic() - began
        started = sum(run.started().values())
    problems += beyond(run.most_resident_mb, asked.most_mb, started - asked.documents, asked.kills)
    figures = {
        "documents": asked.documents,
        "kills": asked.kills,
        "seconds": round(took_s, 1),
        "documents_a_second": round(asked.documents / took_s, 1),
        "processor_ms_a_document": round(1000 * cpu_s / asked.documents, 1),
        "most_resident_mb": round(run.most_resident_mb),
        "generations_started": started,
        "exit_codes": [code, again],
        "seconds_of_a_run_with_nothing_to_do": round(again_s, 1),
        "problems": len(problems),
    }
    print(json.dumps(figures, indent=2))
    for problem in problems[:20]:
        print(problem, file=sys.stderr)
    if problems or code or again:
        print(run.outputs[-2][-3000:], file=sys.stderr)
    return int(bool(problems or code or again))


if __name__ == "__main__":
    sys.exit(main())
