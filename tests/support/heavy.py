"""Heavy work in a process limited to the memory of the smallest function: for `test_smallest_function.py`.

    export FOLDER=/tmp/heavy
    python -m support.heavy documents 20 5        # five documents of 20 MB at once, with an emoji in each
    python -m support.heavy batch 2000 100        # a batch of 2,000 lines whose answers have 100 kB each

Large objects are on disk here, where a bucket would have them, so that only the memory of the code under test counts.
Prints what became of everything as JSON.
"""

import asyncio
import hashlib
import json
import os
import resource
import shutil
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backburner.memory.budget import MEBIBYTE, MemoryBudget
from backburner.ports import Stored
from backburner.wiring.core import Core, assemble
from backburner.wiring.foundation import Ports
from support.fakes import FakeBucket, FakeClock, FakeExtractor, FakeGenerator, Plan
from support.system import TICK_S, System

FUNCTION_MB = 512
"""The smallest function that may be deployed."""
ITSELF_MB = 176
"""Interpreter, libraries and connections of a real function; here they are loaded before the limit is set."""
_LARGE = 64 * 1024
_PARAGRAPH = "One more thing that somebody said in a very long meeting, " * 20 + "and no more.\n\n"
"""Each part has places to cut at: having few of them takes little time, and as much memory."""


@dataclass
class DiskBucket(FakeBucket):
    """A bucket whose large objects take no memory."""

    folder: Path = field(kw_only=True)

    async def put(self, key: str, body: bytes | Path, **rest: Any) -> str:
        """Copy a file without reading it whole."""
        if isinstance(body, bytes):
            return await super().put(key, body, **rest)
        etag = await super().put(key, b"", **rest)
        with body.open("rb") as file:
            etag = hashlib.file_digest(file, "md5").hexdigest()
        shutil.copy(body, self._path(key))
        size_bytes = self._path(key).stat().st_size
        self.objects[key] = replace(self.objects[key], etag=etag, size_bytes=size_bytes)
        return etag

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """Read the body from the disk."""
        stored = await super().get(key, limit_bytes)
        is_apart = stored is not None and not stored.body and stored.size_bytes
        return replace(stored, body=self._path(key).read_bytes()) if stored and is_apart else stored

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:
        """Read a range from the disk."""
        block = await super().get_range(key, first, last, match)
        if block or not self.objects[key].size_bytes:
            return block
        with self._path(key).open("rb") as file:
            file.seek(first)
            return file.read(last - first)

    def upload(self, key: str, body: bytes | str, metadata: Any = None) -> str:
        """Write large bodies to the disk."""
        etag = super().upload(key, body, metadata)
        if len(body) > _LARGE:
            self._path(key).write_bytes(self.objects[key].body)
            self.objects[key] = replace(self.objects[key], body=b"")
        return etag

    def _path(self, key: str) -> Path:
        return self.folder / hashlib.sha256(key.encode()).hexdigest()


@dataclass
class LeanGenerator(FakeGenerator):
    """A provider that remembers the length of its inputs but not their text."""

    sizes: list[int] = field(default_factory=list)

    async def create(self, request: dict[str, Any], limit_s: float) -> Any:
        """Start a generation."""
        self.sizes.append(len(request["input"]))
        json.dumps(request).encode()  # as it goes over the wire
        return await super().create(request | {"input": request["input"][:20]}, limit_s)


def _stage(**environment: str) -> System:
    system = System({"BACKBURNER_PROVIDER": "generic", "OPENAI_BASE_URL": "http://provider/v1", **environment})
    system.bucket = DiskBucket(system.world, folder=Path(os.environ["FOLDER"]))
    system.generator = LeanGenerator(system.world)
    return system


def _function(system: System) -> Core:
    """A function of the smallest size."""
    ports = Ports(
        bucket=system.bucket,
        pending=system.pending,
        backlog=system.backlog,
        dead=system.dead,
        generator=system.generator,
        extractor=FakeExtractor(),
        clock=FakeClock(system.world),
        memory=MemoryBudget(large_bytes=(FUNCTION_MB - 256) * MEBIBYTE),
    )
    return assemble(system.settings, ports, create_limit_s=30.0, swap_tries=12)


def _bind() -> None:
    """Limit the memory to that of such a function from here on."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + (FUNCTION_MB - ITSELF_MB) * MEBIBYTE
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _settle(system: System) -> None:
    checker = _function(system)
    for _ in range(60):
        assert not system.run(checker.tick.run(TICK_S)).left, "a message failed"
        if not system.pending.messages and not system.backlog.messages:
            return
        system.world.later(60)
    raise AssertionError("it does not end")


def documents(size_mb: int, count: int) -> dict[str, Any]:
    """Process large plain texts, all in one event."""
    system = _stage()
    keys = [f"inbox/{number}.txt" for number in range(count)]
    for key in keys:
        text = f"{key} 🗄 " + _PARAGRAPH * (size_mb * 1_000_000 // len(_PARAGRAPH) + 1)
        system.upload(key, text[: size_mb * 1_000_000])
    del text
    _bind()
    submit = _function(system).submitter

    async def event() -> None:
        await asyncio.gather(*map(submit.submit, keys))

    system.run(event())
    _settle(system)
    done = [key for key in keys if f"results/{key[6:]}.run.json" in system.bucket.objects]
    assert isinstance(system.generator, LeanGenerator)
    return {"done": len(done), "problems": system.problems(), "longest": max(system.generator.sizes)}


def batch(lines: int, size_kb: int) -> dict[str, Any]:
    """Process a batch whose answers are large."""
    system = _stage(BACKBURNER_MAX_IN_FLIGHT="5000", BACKBURNER_SUBMITS_PER_MINUTE="5000")
    system.generator.default = Plan(runs_s=1.0, text="word " * (size_kb * 200))
    asked = [json.dumps({"custom_id": f"line-{number}", "input": f"question {number}"}) for number in range(lines)]
    system.upload("inbox/many.jsonl", "\n".join(asked))
    del asked
    _bind()
    system.run(_function(system).submitter.submit("inbox/many.jsonl"))
    _settle(system)
    record = system.run_record("inbox/many.jsonl")
    size = system.bucket.objects["results/many.jsonl.jsonl"].size_bytes
    return {"lines": record["lines"], "creates": len(system.generator.made), "result_bytes": size}


if __name__ == "__main__":
    name, first, second = sys.argv[1:]
    sys.stdout.write(json.dumps({"documents": documents, "batch": batch}[name](int(first), int(second))))
