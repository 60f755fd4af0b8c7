"""What the ports over a folder promise beyond the contract, since users touch the same files."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from backburner.adapters.folder.adoption import is_ours
from backburner.adapters.folder.database import Database
from backburner.adapters.folder.presence import Presence
from backburner.adapters.folder.queues import DEAD, MAX_RECEIVES, FolderQueue
from backburner.errors import RetryLaterError
from backburner.ledger.keys import FOLDER
from backburner.ports import ABSENT, ConflictError
from support.folders import FolderPorts, folder_ports

TEXT = "text/plain; charset=utf-8"
RESULT = "results/summary/a.txt.md"
RECORD = "results/summary/a.txt.run.json"
OWNED = {"backburner-run": "job.1"}
Reach = Callable[[], FolderPorts]


@pytest.fixture
def reach(tmp_path: Path) -> Iterator[Reach]:
    """Open the same folder as another process would, at each call."""
    opened: list[FolderPorts] = []

    def view() -> FolderPorts:
        opened.append(folder_ports(tmp_path, name=f"process{len(opened)}"))
        return opened[-1]

    yield view
    for ports in opened:
        ports.database.close()


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story to its end."""
    return asyncio.run(story)


def test_two_processes_claim_once(reach: Reach) -> None:
    """If two processes make many puts at once where there must be no object, one put succeeds."""

    async def story() -> list[Any]:
        views = [reach(), reach()]
        puts = [
            views[n % 2].bucket.put("ledger/open/a.1.json", str(n).encode(), match=ABSENT, content_type=TEXT)
            for n in range(20)
        ]
        return await asyncio.gather(*puts, return_exceptions=True)

    assert sorted(type(one).__name__ for one in run(story())) == ["ConflictError"] * 19 + ["str"]


def test_a_state_can_be_created_by_several_threads_at_once(tmp_path: Path) -> None:
    """None of those that open a new file at the same moment finds it locked."""

    def opened(path: Path, others: threading.Barrier) -> None:
        others.wait()
        Database(path).open().close()

    with ThreadPoolExecutor(4) as pool:
        for number in range(100):
            barrier = threading.Barrier(4)
            for done in [pool.submit(opened, tmp_path / f"{number}.db", barrier) for _ in range(4)]:
                done.result()


def test_a_file_that_somebody_edits_is_a_new_version(reach: Reach) -> None:
    """The old ETag no longer matches for a write, and a removed file is gone."""

    async def story() -> None:
        ports = reach()
        etag = await ports.bucket.put(RESULT, b"text", match=ABSENT, content_type=TEXT, metadata=OWNED)
        (ports.out / "a.txt.md").write_text("edited by hand")
        with pytest.raises(ConflictError):
            await ports.bucket.put(RESULT, b"new", match=etag, content_type=TEXT)
        stored = await ports.bucket.get(RESULT)
        assert stored is not None
        assert (stored.body, stored.metadata) == (b"edited by hand", {})
        (ports.out / "a.txt.md").unlink()
        assert await ports.bucket.head(RESULT) is None
        assert [key async for key, _ in ports.bucket.listed("results/")] == []

    run(story())


def record_of(etag: str) -> bytes:
    """The run record of a result."""
    source = {"bucket": FOLDER, "key": "inbox/summary/a.txt"}
    record = {"job_id": "job", "run": 1, "source": source, "result_key": RESULT, "result_etag": etag}
    return json.dumps(record).encode()


def test_a_result_that_was_edited_is_kept(reach: Reach) -> None:
    """The next result is put beside it, and so is the one after that if the second was edited too."""

    async def story() -> list[str]:
        ports = reach()
        etag, expected = ABSENT, set[str]()
        for number in range(3):
            await ports.bucket.put(RESULT, b"text", match=etag, content_type=TEXT, metadata=OWNED)
            file = await ports.bucket.file_of(RESULT)
            assert file is not None
            file.write_text(f"edited {number}")
            expected.add(f"edited {number}")
            edited = await ports.bucket.head(RESULT)
            assert edited is not None
            etag = edited.etag
        assert {path.read_text() for path in ports.out.iterdir()} == expected
        return [path.name for path in ports.out.iterdir()]

    assert "a.txt.md" in run(story())


def test_a_result_only_touched_or_replaced_by_a_run_keeps_its_place(reach: Reach) -> None:
    """Copying a folder is not an edit, and neither is another recipe's run, which leaves its record."""

    async def story() -> None:
        ports = reach()
        etag = await ports.bucket.put(RESULT, b"text", match=ABSENT, content_type=TEXT, metadata=OWNED)
        file = ports.out / "a.txt.md"
        os.utime(file, (1, 1))
        touched = await ports.bucket.head(RESULT)
        assert touched is not None
        assert (touched.etag, touched.metadata) == (etag, OWNED)
        await ports.bucket.put(RESULT, b"next", match=etag, content_type=TEXT, metadata=OWNED)
        file.write_text("of another recipe")
        replaced = await ports.bucket.head(RESULT)
        assert replaced is not None
        (ports.out / "a.txt.run.json").write_bytes(record_of(replaced.etag))
        await ports.bucket.put(RESULT, b"last", match=replaced.etag, content_type=TEXT, metadata=OWNED)
        assert [(path.name, path.read_text()) for path in sorted(ports.out.glob("*.md"))] == [("a.txt.md", "last")]

    run(story())


def test_a_users_file_named_like_a_result_stays_untouched(tmp_path: Path) -> None:
    """Its document's record is beside it but names the marked result, even if the table is gone."""

    async def story() -> None:
        first = folder_ports(tmp_path)
        theirs = first.out / "a.txt.md"
        theirs.write_text("my own")
        etag = await first.bucket.put(RESULT, b"text", match=ABSENT, content_type=TEXT, metadata=OWNED)
        await first.bucket.put(RECORD, record_of(etag), match=ABSENT, content_type=TEXT)
        marked = await first.bucket.file_of(RESULT)
        assert marked is not None
        assert (is_ours(theirs), is_ours(marked), is_ours(first.out / "a.txt.run.json")) == (False, True, True)
        first.database.close()
        for left in first.state.glob("state.db*"):
            left.unlink()
        later = folder_ports(tmp_path)
        adopted = await later.bucket.get(RESULT)
        assert adopted is not None
        assert (adopted.body, adopted.metadata) == (b"text", OWNED)
        await later.bucket.put(RESULT, b"next", match=adopted.etag, content_type=TEXT, metadata=OWNED)
        assert (theirs.read_text(), marked.read_text()) == ("my own", "next")
        later.database.close()

    run(story())


def test_a_document_is_the_users_file(reach: Reach) -> None:
    """It is read where it is, counts as uploaded again whenever it is written, and is never written by the ports."""

    async def story() -> None:
        ports, key = reach(), "inbox/summary/a/b.txt"
        file = ports.documents / "a/b.txt"
        file.parent.mkdir()
        file.write_text("first")
        first = await ports.bucket.get(key)
        again = await ports.bucket.head(key)
        assert first is not None
        assert again is not None
        assert (first.body, first.etag, first.last_modified) == (b"first", again.etag, again.last_modified)
        os.utime(file, (1, 1))  # very old by its time: it was written just now all the same
        touched = await ports.bucket.head(key)
        assert touched is not None
        assert touched.etag == first.etag
        assert touched.last_modified > first.last_modified
        assert await ports.bucket.get_range(key, 1, 3, first.etag) == b"ir"
        file.write_text("second")
        with pytest.raises(ConflictError):
            await ports.bucket.get_range(key, 1, 3, first.etag)
        with pytest.raises(RetryLaterError):
            await ports.bucket.put(key, b"x", match=ABSENT, content_type=TEXT)
        assert [key async for key, _ in ports.bucket.listed("inbox/")] == [key]
        file.unlink()
        assert await ports.bucket.get(key) is None

    run(story())


@pytest.mark.timeout(20)
def test_only_regular_files_are_documents(reach: Reach) -> None:
    """A pipe is not waited for."""

    async def story() -> None:
        ports = reach()
        os.mkfifo(ports.documents / "pipe.txt")
        (ports.documents / "folder.txt").mkdir()
        assert await ports.bucket.get("inbox/summary/pipe.txt") is None
        assert await ports.bucket.head("inbox/summary/folder.txt") is None

    run(story())


def test_lists_are_in_the_order_of_keys(reach: Reach) -> None:
    """They can start after a key or be limited to a prefix, and documents are listed among the rest."""

    async def story() -> None:
        ports = reach()
        keys = ["inbox/a", "inbox/summary/b.txt", "inbox/summary/b/c.txt", "inbox/z", "results/summary/b.txt.md"]
        (ports.documents / "b").mkdir()
        for key in keys:
            if key.startswith("inbox/summary/"):
                (ports.documents / key.removeprefix("inbox/summary/")).write_text("x")
                await ports.bucket.head(key)
            else:
                await ports.bucket.put(key, b"x", match=ABSENT, content_type=TEXT)

        async def listed(prefix: str, after: str = "") -> list[str]:
            return [key async for key, _ in ports.bucket.listed(prefix, after)]

        assert await listed("") == sorted(keys)
        assert await listed("inbox/") == keys[:4]
        assert await listed("inbox/", keys[1]) == keys[2:4]
        assert await listed("inbox/summary/", keys[1]) == keys[2:3]
        assert await listed("inbox/summary/b/") == keys[2:3]
        assert await listed("results/", "results/summary/b.txt.md") == []

    run(story())


def test_a_name_too_long_for_the_disk_is_marked(reach: Reach) -> None:
    """Result and record are still side by side, and no two names collide."""

    async def story() -> None:
        ports = reach()
        keys = [f"results/summary/d/{'é' * 125}{n}.txt{suffix}" for n in (1, 2) for suffix in (".md", ".run.json")]
        for key in keys:
            await ports.bucket.put(key, key.encode(), match=ABSENT, content_type=TEXT)
        stored = [await ports.bucket.get(key) for key in keys]
        assert [one.body for one in stored if one] == [key.encode() for key in keys]
        names = sorted(path.name.removesuffix(".md").removesuffix(".run.json") for path in (ports.out / "d").iterdir())
        assert len(names) == 4
        assert len(set(names)) == 2

    run(story())


def test_a_folder_and_a_result_may_have_the_same_name(reach: Reach) -> None:
    """`a` becomes `a.md`, and `a.md/b` needs a folder of that name: both find a place."""

    async def story() -> None:
        ports = reach()
        for key in ("results/summary/a.md", "results/summary/a.md/b.md", "results/summary/c/d.md", "results/summary/c"):
            await ports.bucket.put(key, key.encode(), match=ABSENT, content_type=TEXT)
            stored = await ports.bucket.get(key)
            assert stored is not None
            assert stored.body == key.encode()

    run(story())


def test_messages_of_dead_processes_show_at_once(reach: Reach, tmp_path: Path) -> None:
    """That holds for those they received and those they delayed; messages of the living stay hidden."""

    async def story() -> list[str]:
        views = [reach(), reach()]
        folder = tmp_path / "processes"
        folder.mkdir()
        presences = [Presence(folder=folder, name=view.room.process) for view in views]
        for view, presence in zip(views, presences, strict=True):
            presence.enter()
            await FolderQueue(room=view.room, name="q").send(f"of {view.room.process}", 900)
        assert presences[1].enter() is None
        assert await presences[1].bury(views[1].bucket.objects) == 0
        lock = presences[0]._lock
        assert lock is not None
        os.close(lock)  # what the system does when a process dies
        assert await presences[1].bury(views[1].bucket.objects) == 1
        return [message.body for message in await FolderQueue(room=views[1].room, name="q").receive(10, 0)]

    assert run(story()) == ["of process0"]


def test_a_message_received_again_and_again_becomes_a_dead_letter(reach: Reach) -> None:
    """As in the clouds, that happens after a thousand receives."""

    async def story() -> tuple[int, list[str]]:
        ports = reach()
        queue, dead = (FolderQueue(room=ports.room, name=name) for name in ("pending", DEAD))
        await queue.send("m", 0)
        await ports.database.run(lambda turn: turn.db.execute("UPDATE messages SET receives = ?", (MAX_RECEIVES,)))
        return len(await queue.receive(10, 0)), [message.body for message in await dead.receive(10, 0)]

    assert run(story()) == (0, ["m"])


def test_a_closed_room_ends_waiting_receives(reach: Reach) -> None:
    """A receive that waits in it fails at once."""

    async def story() -> None:
        room = reach().room
        waiting = asyncio.create_task(FolderQueue(room=room, name="q").receive(10, 60))
        await asyncio.sleep(0.05)
        room.close()
        with pytest.raises(RetryLaterError):
            await asyncio.wait_for(waiting, 5)

    run(story())
