"""Documents to text, each in a child process that can be killed: a hostile file harms nothing else."""

import asyncio
import ctypes
import math
import os
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from backburner.documents.chunking import cut
from backburner.documents.passages import Found, find
from backburner.documents.pictures import TEXT_ONLY, Piece, Rendered, Show, Wish
from backburner.documents.plain_text import Extracted, Span, plain_text
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.extraction.child import Bounds, Header

DEFAULT_MEMORY_BYTES = 400 * 1024 * 1024
"""Fits a function of 768 MB."""
CHILDREN = 1
"""Children at a time: more would have to share the memory."""
DEFAULT_LIMIT_S = 30.0
"""Far more than 300 pages need, which is under a second; the function must have time left for the create."""
WATCH_EVERY_S = 0.05
_KEPT = ("LD_LIBRARY_PATH", "PYTHONHOME")
"""The variables that a child gets from our environment: where the interpreter finds its own libraries."""
_OUT_OF_MEMORY = (signal.SIGABRT, signal.SIGKILL)
"""The signals that end a child whose allocation failed, or that the kernel killed to free memory."""
_PR_SET_DUMPABLE = 4
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True)
class ChildExtractor:
    """Decodes plain text itself; gives every other document to a child, one at a time."""

    memory_bytes: int = DEFAULT_MEMORY_BYTES
    limit_s: float = DEFAULT_LIMIT_S
    slots: AbstractAsyncContextManager[None, bool | None] = field(default_factory=lambda: asyncio.Semaphore(CHILDREN))

    async def extract(self, body: bytes, name: str, wish: Wish = TEXT_ONLY) -> Extracted:
        """The document's text and notes. Raises `JobError`, also if the child dies: the document is to blame."""
        text = plain_text(body, name)
        if text is not None:
            return Extracted(text)
        header, raw = await self._answer(body, self._bounds(name, wish))
        try:
            return Extracted(
                raw.decode(), tuple(header.notes), tuple(header.pictures), header.pages, tuple(header.page_starts)
            )
        except UnicodeDecodeError as error:
            raise _died(0) from error

    async def render(self, body: bytes, name: str, pieces: Sequence[Piece], max_side_px: int) -> list[Rendered]:
        """Pages or their pieces as pictures. Raises `JobError` if one of them cannot be shown."""
        wish = Wish(Show.ALL, max_side_px)
        header, raw = await self._answer(body, self._bounds(name, wish, pieces))
        if [one.page for one in header.drawn] != [one.page for one in pieces] or sum(
            one.size_bytes for one in header.drawn
        ) != len(raw):
            raise _died(0)
        pictures, begin = list[Rendered](), 0
        for one in header.drawn:
            body, begin = raw[begin : begin + one.size_bytes], begin + one.size_bytes
            pictures.append(Rendered(page=one.page, media_type=one.media_type, body=body))
        return pictures

    async def _answer(self, body: bytes, bounds: str) -> tuple[Header, bytes]:
        async with self.slots:
            try:
                with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as answer:
                    await asyncio.to_thread(_spool, source, body)
                    code = await self._run(bounds, source, answer)
                    return await asyncio.to_thread(_answered, answer, code)
            except OSError as error:
                raise RetryLaterError(f"no child process could be started: {error.strerror}") from error

    async def cut(self, text: str, max_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut. Runs in a thread, since it is our own code and parses nothing."""
        return await asyncio.to_thread(cut, text, max_chars, overlap_chars)

    async def find(self, text: str, quotes: Sequence[str]) -> list[Found]:
        """The passage of each quote, searched for in a thread."""
        return await asyncio.to_thread(find, text, quotes)

    async def _run(self, bounds: str, source: IO[bytes], answer: IO[bytes]) -> int:
        """Let a child read and answer; returns its exit code. Raises `JobError` if it exceeds its bounds."""
        hide_from_others()
        child = await asyncio.create_subprocess_exec(
            sys.executable or "python3", "-P", "-s", "-B", "-m", "backburner.extraction", bounds,
            stdin=source, stdout=answer, stderr=asyncio.subprocess.DEVNULL, env=_environment(), start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(self.limit_s):
                while (code := await _ended(child)) is None:
                    if _resident_bytes(child.pid) > self.memory_bytes:
                        raise self._too_much_memory()
        except TimeoutError as error:
            raise self._too_slow() from error
        finally:
            await _kill(child)
        if -code == signal.SIGXCPU:
            raise self._too_slow()
        if -code in _OUT_OF_MEMORY:
            raise self._too_much_memory()
        return code

    def _bounds(self, name: str, wish: Wish, pieces: Sequence[Piece] = ()) -> str:
        """The child's argument; of the document's name it only needs the suffix."""
        bounds = Bounds(
            name=f"document{PurePosixPath(name).suffix}",
            memory_bytes=self.memory_bytes,
            cpu_s=math.ceil(self.limit_s) + 1,
            wish=wish,
            pieces=list(pieces),
        )
        return msgspec.json.encode(bounds).decode()

    def _too_slow(self) -> JobError:
        return JobError(
            Reason.DOCUMENT_TOO_LARGE,
            f"it takes more than {self.limit_s:g} s to read or draw: split it up, or show fewer pages at a time "
            "(images.max_pages_per_part)",
        )

    def _too_much_memory(self) -> JobError:
        return JobError(
            Reason.DOCUMENT_TOO_LARGE,
            f"it takes more than {self.memory_bytes >> 20} MiB of memory to read: "
            "split it up, or raise the functions' memory",
        )


def hide_from_others() -> None:
    """Keep this user's other processes from reading our memory and environment; root's still can."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _environment() -> dict[str, str]:
    """A child's environment: where Python's modules and libraries are. No credentials, addresses or keys."""
    kept = {name: value for name in _KEPT if (value := os.environ.get(name))}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)  # noqa: PTH100 - a string as it is
    return kept | {"PYTHONPATH": path, "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}


def _spool(source: IO[bytes], body: bytes) -> None:
    source.write(body)
    source.seek(0)


async def _ended(child: Process) -> int | None:
    """A child's exit code; None if it still runs when its memory is due to be checked."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(child.wait(), WATCH_EVERY_S)
    return None


async def _kill(child: Process) -> None:
    """Kill a child and whatever it started, unless it has ended."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def _resident_bytes(pid: int) -> int:
    """The memory that a process uses; 0 if the system does not say, and the child's own limit must do."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def _answered(answer: IO[bytes], code: int) -> tuple[Header, bytes]:
    """What a child answered. Raises `JobError` if that is a refusal, or incomplete."""
    answer.seek(0)
    try:
        header = msgspec.json.decode(answer.readline(), type=Header)
        body = answer.read(header.size_bytes + 1)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _died(code) from error
    if code or header.size_bytes != len(body):
        raise _died(code)
    if header.reason is not None:
        raise JobError(header.reason, header.message)
    return header, body


def _died(code: int) -> JobError:
    how = signal.Signals(-code).name if code < 0 else f"exit {code}"
    return JobError(
        Reason.UNREADABLE_DOCUMENT,
        f"its reader failed ({how}): the file may be damaged or hostile; save it again and upload it",
    )
