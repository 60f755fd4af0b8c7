"""Documents to text, each in a process of its own that can be killed: a hostile file takes nothing else along."""

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
from backburner.documents.pictures import TEXT_ONLY, Rendered, Show, Wish
from backburner.documents.plain_text import Extracted, Span, plain_text
from backburner.errors import JobError, Reason, RetryLaterError
from backburner.extraction.child import Bounds, Header

DEFAULT_MEMORY_BYTES = 400 * 1024 * 1024
"""Fits a function of 768 MB."""
CHILDREN = 1
"""At a time in one process: more would have to share its memory."""
DEFAULT_LIMIT_S = 30.0
"""300 pages take under a second; a function must still have time for the create."""
WATCH_EVERY_S = 0.05
_KEPT = ("LD_LIBRARY_PATH", "PYTHONHOME")
"""Where the interpreter finds its own libraries: all that a child gets of our environment."""
_OUT_OF_MEMORY = (signal.SIGABRT, signal.SIGKILL)
"""How a child ends whose allocation failed, or that the kernel chose."""
_PR_SET_DUMPABLE = 4
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, kw_only=True)
class ChildExtractor:
    """Plain text is decoded here; all else is read by a child, one after the other."""

    memory_bytes: int = DEFAULT_MEMORY_BYTES
    limit_s: float = DEFAULT_LIMIT_S
    slots: AbstractAsyncContextManager[None, bool | None] = field(default_factory=lambda: asyncio.Semaphore(CHILDREN))

    async def extract(self, body: bytes, name: str, wish: Wish = TEXT_ONLY) -> Extracted:
        """The document's text and notes. Raises `JobError`: what a child dies of is this document's fault."""
        text = plain_text(body, name)
        if text is not None:
            return Extracted(text)
        header, raw = await self._answer(body, self._bounds(name, wish))
        try:
            return Extracted(raw.decode(), tuple(header.notes), tuple(header.pictures), header.pages)
        except UnicodeDecodeError as error:
            raise _died(0) from error

    async def render(self, body: bytes, name: str, pages: Sequence[int], max_side_px: int) -> list[Rendered]:
        """Pages as pictures. Raises `JobError` if one of them cannot be shown."""
        wish = Wish(Show.ALL, max_side_px)
        header, raw = await self._answer(body, self._bounds(name, wish, pages))
        if [one.page for one in header.drawn] != list(pages) or sum(one.size_bytes for one in header.drawn) != len(raw):
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

    async def cut(self, text: str, most_chars: int, overlap_chars: int) -> list[Span]:
        """Where to cut, in a thread: our own code, which parses nothing."""
        return await asyncio.to_thread(cut, text, most_chars, overlap_chars)

    async def _run(self, bounds: str, source: IO[bytes], answer: IO[bytes]) -> int:
        """Let a child read and answer; how it ended. Raises `JobError` where it wants more than its bounds."""
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

    def _bounds(self, name: str, wish: Wish, pages: Sequence[int] = ()) -> str:
        """The child's argument. Of the name it gets no more than it needs: what stands behind the last dot."""
        bounds = Bounds(
            name=f"document{PurePosixPath(name).suffix}",
            memory_bytes=self.memory_bytes,
            cpu_s=math.ceil(self.limit_s) + 1,
            wish=wish,
            pages=list(pages),
        )
        return msgspec.json.encode(bounds).decode()

    def _too_slow(self) -> JobError:
        return JobError(Reason.DOCUMENT_TOO_LARGE, f"it takes more than {self.limit_s:g} s to read: split it up")

    def _too_much_memory(self) -> JobError:
        return JobError(
            Reason.DOCUMENT_TOO_LARGE,
            f"it takes more than {self.memory_bytes >> 20} MiB of memory to read: "
            "split it up, or raise the functions' memory",
        )


def hide_from_others() -> None:
    """Keep other processes of this user from reading our memory and environment; those of root still can."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _environment() -> dict[str, str]:
    """No credentials, no addresses, no key: where Python's modules and libraries are, and nothing else."""
    kept = {name: value for name in _KEPT if (value := os.environ.get(name))}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)  # noqa: PTH100 - a string as it is
    return kept | {"PYTHONPATH": path, "PYTHONUTF8": "1", "MALLOC_ARENA_MAX": "2"}


def _spool(source: IO[bytes], body: bytes) -> None:
    source.write(body)
    source.seek(0)


async def _ended(child: Process) -> int | None:
    """A child's end, if it comes before the next look at its memory."""
    with suppress(TimeoutError):
        return await asyncio.wait_for(child.wait(), WATCH_EVERY_S)
    return None


async def _kill(child: Process) -> None:
    """End a child and whatever it started; nothing if it ended by itself."""
    if child.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()


def _resident_bytes(pid: int) -> int:
    """Memory that a process holds; 0 where the system does not tell, and the child's own bound must do."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def _answered(answer: IO[bytes], code: int) -> tuple[Header, bytes]:
    """What a child answered with. Raises `JobError`: its refusal, or that it gave no whole answer."""
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
        Reason.UNREADABLE_DOCUMENT, f"its reader failed ({how}): damaged, or hostile; save it again and upload it"
    )
