"""The child is bounded, sees none of its parent's secrets, and leaves nothing running."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters import extraction
from backburner.adapters.extraction import ChildExtractor
from backburner.documents.plain_text import Extracted
from backburner.errors import JobError, Reason
from support.depth import depth

from . import corpus
from .conftest import Extract

SECRETS = {"AWS_SECRET_ACCESS_KEY": "secret-1", "AWS_SESSION_TOKEN": "secret-2", "OPENAI_API_KEY": "secret-3"}


class Program:
    """Another program in the child's place. A pipe delivers what it writes to `output`, and then closes."""

    def __init__(self, folder: Path) -> None:
        self._pipe = folder / "output"
        self._package = folder / "backburner" / "extraction"
        self._package.mkdir(parents=True)
        (self._package.parent / "__init__.py").touch()
        (self._package / "__init__.py").touch()
        os.mkfifo(self._pipe)
        self._output = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)

    def __call__(self, code: str) -> None:
        """Install a program with this code."""
        (self._package / "__main__.py").write_text(f"output = open({str(self._pipe)!r}, 'wb', 0)\n{code}")

    def output(self) -> bytes | None:
        """What it has written; None if it is alive and has written nothing, empty if no process is left to write."""
        with suppress(BlockingIOError):
            return os.read(self._output, 1000)
        return None

    def is_gone(self) -> bool:
        """Whether it and everything it started has ended, within half a minute."""
        end_s = time.monotonic() + 30
        while (output := self.output()) != b"" and time.monotonic() < end_s:
            time.sleep(0.01)
        return output == b""

    def close(self) -> None:
        """Close the pipe."""
        os.close(self._output)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Program]:
    """Replaces the child by a program of the test's choice."""
    made = Program(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with closing(made):
        yield made


@pytest.mark.parametrize(
    ("code", "bounds", "says"),
    [
        ("import time; time.sleep(600)", {"limit_s": 0.2}, "0.2 s"),
        ("import time; held = bytearray(2**26); time.sleep(600)", {"memory_bytes": 20 * 2**20}, "20 MiB"),
    ],
    ids=["time", "memory"],
)
def test_a_child_over_its_bounds_fails_only_its_document(
    program: Program, monkeypatch: pytest.MonkeyPatch, code: str, bounds: dict[str, Any], says: str
) -> None:
    """It is killed, the message names the remedy, and the same extractor reads the next document."""
    program(code)
    extractor = ChildExtractor(**bounds)

    async def story() -> str:
        with pytest.raises(JobError) as refused:
            await extractor.extract(corpus.pdf(), "a.pdf")
        monkeypatch.undo()  # the real program is there again
        assert refused.value.reason is Reason.DOCUMENT_TOO_LARGE
        assert says in str(refused.value)
        return (await replace(extractor, limit_s=60.0, memory_bytes=2**29).extract(corpus.pdf(), "a.pdf")).text

    assert corpus.SENTENCES[0] in asyncio.run(story())
    assert program.is_gone()


@pytest.mark.parametrize("ending", ["SIGSEGV", "SIGBUS"])
def test_a_child_that_dies_fails_only_its_document(program: Program, ending: str) -> None:
    """The signal that killed it is reported."""
    program(f"import os, signal; os.kill(os.getpid(), signal.{ending})")
    with pytest.raises(JobError, match=ending) as refused:
        asyncio.run(ChildExtractor().extract(corpus.pdf(), "a.pdf"))
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


@pytest.mark.parametrize("answer", ["", "rubbish\n", '{"size_bytes": 5}\nabc', '{"size_bytes": 3}\nabcdef'])
def test_an_invalid_answer_of_a_child_fails_its_document(program: Program, answer: str) -> None:
    """Half a text is never taken for a whole one."""
    program(f"import sys; sys.stdout.write({answer!r})")
    with pytest.raises(JobError) as refused:
        asyncio.run(ChildExtractor().extract(corpus.pdf(), "a.pdf"))
    assert refused.value.reason is Reason.UNREADABLE_DOCUMENT


def test_no_credential_reaches_a_child(monkeypatch: pytest.MonkeyPatch, program: Program) -> None:
    """Its environment and arguments contain no credential, key, bucket or document name."""
    program(
        "import json, os, sys; text = json.dumps([sys.argv, dict(os.environ)])\n"
        'print(json.dumps({"size_bytes": len(text)})); print(text, end="")'
    )
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    arguments, environment = json.loads(asyncio.run(ChildExtractor().extract(corpus.pdf(), "inbox/secret-4.pdf")).text)
    assert set(environment) <= {"PYTHONPATH", "PYTHONUTF8", "MALLOC_ARENA_MAX", "LC_CTYPE", *extraction._KEPT}
    assert "secret" not in json.dumps([arguments, environment])


def test_a_cancelled_parent_leaves_no_child(program: Program) -> None:
    """The child and all it started have ended before the cancellation continues."""
    program("import os, time; os.fork() or output.write(b'%d\\n' % os.getppid()); time.sleep(600)")

    async def story() -> int:
        reading = asyncio.create_task(ChildExtractor(limit_s=300.0).extract(corpus.pdf(), "a.pdf"))
        while not (output := program.output()):
            assert not reading.done(), reading.result()
            await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        return int(output)

    child = asyncio.run(story())
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert program.is_gone()


def test_children_wait_for_each_other(program: Program, tmp_path: Path) -> None:
    """Only one child runs at a time, however many documents arrive at once."""
    program(
        f"import os, time; taken = {str(tmp_path / 'taken')!r}; os.mkdir(taken); time.sleep(0.1); os.rmdir(taken)\n"
        "print('{\"size_bytes\": 5}'); print('alone', end='')"
    )

    async def story() -> list[Extracted]:
        extractor = ChildExtractor()
        return await asyncio.gather(*(extractor.extract(corpus.epub(), "a.epub") for _ in range(3)))

    assert [one.text for one in asyncio.run(story())] == ["alone"] * 3


@pytest.mark.usefixtures("in_child")
def test_the_same_document_reads_the_same_every_time(extract: Extract) -> None:
    """The library's threads outlive the reading and must not lose the answer on exit."""
    assert len({extract(corpus.docx(), "a.docx") for _ in range(depth(5, 20))}) == 1


def test_the_event_loop_keeps_running_while_a_long_text_is_cut() -> None:
    """Five million characters are cut within a few seconds, in another thread."""
    text = "Ein Satz mit fünf Wörtern. " * 185_000

    async def story() -> float:
        cutting = asyncio.create_task(ChildExtractor().cut(text, 72_000, 600))
        longest, before = 0.0, time.monotonic()
        while not cutting.done():
            await asyncio.sleep(0.01)
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
        assert "".join(text[span.own : span.last] for span in await cutting) == text
        return longest

    assert asyncio.run(story()) < 1.0


def test_plain_text_starts_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most documents are text, and decoding one is cheap."""

    async def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(asyncio, "create_subprocess_exec", never)
    assert asyncio.run(ChildExtractor().extract("ёж".encode("utf-16"), "a.txt")).text == "ёж"


def test_a_parent_never_loads_the_libraries() -> None:
    """They cost a quarter of a second and 40 MB, and read hostile files: only a child imports them."""
    probe = (
        "import sys, backburner.adapters.connect, backburner.extraction.child;"
        "print([name for name in ('lxml', 'chardet', 'pypdfium2_raw') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
