"""The servers of a run in a process of their own, and the measured processes, on separate cores if there are two."""

import asyncio
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp  # type: ignore[import-not-found]

from benching.documents import BATCH, BATCH_RESULT, WARM, batch, key_of, uploads
from benching.told import Told

ROOT = Path(__file__).parents[2]
CLIENT_CORE, SERVER_CORE = "0", "1"
_AT_ONCE = 32
_BATCH = 10
_FOREIGN = ("AWS_", "OPENAI_", "BACKBURNER_", "POWERTOOLS_", "PYTHONDONTWRITEBYTECODE")
"""Variables withheld from a measured process: settings, and the one that makes Python compile at each start."""


@dataclass(frozen=True)
class Stage:
    """Running servers."""

    port: int

    @property
    def url(self) -> str:
        """The address of the servers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every measured process is started with: the limits are out of the way."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        queues = ("pending", "backlog", "dead")
        return kept | {
            **{f"BACKBURNER_{name.upper()}_QUEUE_URL": f"{self.url}/000000000000/{name}" for name in queues},
            "PYTHONPATH": f"{ROOT / 'benchmarks'}:{ROOT / 'tests'}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_KEY": "key-of-a-benchmark",
            "BACKBURNER_BUCKET": "documents",
            "BACKBURNER_PROVIDER": "openai",
            "BACKBURNER_MODEL": "stand-in",
            "BACKBURNER_MAX_IN_FLIGHT": "200000",
            "BACKBURNER_SUBMITS_PER_MINUTE": "10000000",
            "BACKBURNER_POLLS_PER_SECOND": "1000000",
            "BACKBURNER_SWEEP_EVERY_S": "86400",
            "POWERTOOLS_LOG_LEVEL": "WARNING",
        }

    def ask(self, verb: str, text: str = "") -> Any:
        """Tell the servers something, or ask them something."""
        request = urllib.request.Request(f"{self.url}/_bench/{verb}?{quote(text)}", data=b"", method="POST")  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310 - our own server
            return json.load(answer)

    def measured(self, module: str, *arguments: str | int, core: str = CLIENT_CORE) -> Told:
        """Run a module in a process of its own. Returns what it reports."""
        command = [*pinned(core), sys.executable, "-m", f"benching.{module}", *map(str, arguments)]
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if ended.returncode or not ended.stdout:
            raise RuntimeError(f"{module} {arguments} ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
        told = json.loads(ended.stdout)
        return Told(**{name: told[name] for name in ("items", "seconds", "cpu_s", "peak_mb")})

    def started(self, *arguments: str | int) -> float:
        """Run a first call in a fresh process; returns the processor time from start to end, as the others do."""
        command = [*pinned(CLIENT_CORE), sys.executable, "-m", "benching.cold", *map(str, arguments)]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        ended = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if ended.returncode:
            raise RuntimeError(f"cold {arguments} ended with {ended.returncode}:\n{ended.stderr[-4000:]}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def fill(self, number: int) -> None:
        """Forget everything and upload the documents."""
        self.ask("reset")
        self.upload(number)

    def upload(self, number: int) -> None:
        """Upload the documents, those that warm up, and the recipe."""
        asyncio.run(self._fill(number))

    def open(self, number: int) -> None:
        """Submit all documents, from a process on each core; none of this is measured.

        Documents that were held up because the processes collided wait in the backlog; ticks start them.
        """
        cores = (CLIENT_CORE, SERVER_CORE)
        with ThreadPoolExecutor(len(cores)) as pool:
            shares = [
                pool.submit(self.measured, "ours", "open", number, share, len(cores), core=core)
                for share, core in enumerate(cores)
            ]
            for each in shares:
                each.result()
        while self.ask("far")["created"] < number + WARM and self.ask("show_queue", "backlog"):
            self.measured("ours", "look", 10)

    def fill_batch(self, lines: int) -> None:
        """Forget everything and upload a batch."""
        self.fill(0)
        body = batch(lines)
        request = urllib.request.Request(f"{self.url}/documents/{BATCH}", data=body, method="PUT")  # noqa: S310
        urllib.request.urlopen(request).close()  # noqa: S310 - our own server

    def must_hold_lines(self, lines: int) -> None:
        """Raises `RuntimeError` if the result does not have every line of the batch, in the input's order."""
        with urllib.request.urlopen(f"{self.url}/documents/{BATCH_RESULT}") as answer:  # noqa: S310 - our own server
            names = [json.loads(line)["custom_id"] for line in answer]
        if names != [f"line-{n}" for n in range(lines)]:
            raise RuntimeError(f"{len(names)} lines in the result of a batch of {lines}, or in another order")

    def seed(self, number: int) -> None:
        """Start the given number of generations, with a ledger entry and a message each, as a baseline leaves them."""
        self.fill(number)
        asyncio.run(self._seed(number))

    async def _fill(self, number: int) -> None:
        remaining = uploads(number)
        async with _http() as http:

            async def put() -> None:
                for key, body in remaining:
                    async with http.put(f"{self.url}/documents/{key}", data=body) as answer:
                        await answer.read()

            await asyncio.gather(*(put() for _ in range(_AT_ONCE)))

    async def _seed(self, number: int) -> None:
        async with _http() as http:

            async def begin(n: int) -> dict[str, str]:
                body = json.dumps({"model": "stand-in", "metadata": {}}).encode()
                async with http.post(f"{self.url}/v1/responses", data=body) as answer:
                    response_id = json.loads(await answer.read())["id"]
                job = {"key": key_of(n), "response_id": response_id}
                url = f"{self.url}/documents/ledger/{response_id}"
                async with http.put(url, data=json.dumps(job).encode()) as answer:
                    await answer.read()
                return job

            jobs = await asyncio.gather(*map(begin, range(number)))
            for at in range(0, number, _BATCH):
                batch = enumerate(jobs[at : at + _BATCH])
                entries = [{"Id": str(n), "MessageBody": json.dumps(job)} for n, job in batch]
                asked = {"QueueUrl": f"{self.url}/000000000000/pending", "Entries": entries}
                headers = {"X-Amz-Target": "AmazonSQS.SendMessageBatch"}
                async with http.post(f"{self.url}/", data=json.dumps(asked).encode(), headers=headers) as answer:
                    await answer.read()


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE))


def pinned(core: str) -> list[str]:
    """What pins a command to a core, if there are two and a program that can."""
    can = shutil.which("taskset") and {int(CLIENT_CORE), int(SERVER_CORE)} <= os.sched_getaffinity(0)
    return ["taskset", "-c", core] if can else []


@contextlib.contextmanager
def running_stage() -> Iterator[Stage]:
    """Servers while the block runs."""
    command = [*pinned(SERVER_CORE), sys.executable, "-m", "benching.server"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "benchmarks")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield Stage(int(server.stdout.readline()))
        finally:
            server.terminate()
