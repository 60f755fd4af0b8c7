"""What the core may expect of every `Bucket`, of the fake and of the real adapters alike."""

import asyncio
import hashlib
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from backburner.ports import ABSENT, Bucket, ConflictError, TooLargeError

from .conftest import BucketSubject

TEXT = "text/plain; charset=utf-8"
AWKWARD = [
    "inbox/a b+c%20d.txt",
    "inbox/100%.txt",
    "inbox/../up.txt",
    "inbox/a/../../b.txt",
    "inbox/./dot/.",
    "inbox//double//slash.txt",
    "inbox/\"quotes\" and 'more' & <tags>?x=1#y.txt",
    "inbox/back\\slash;semi:colon,at@home=$~*().txt",
    "inbox/годовой отчёт + приложения.txt",
    "inbox/e\u0301 and \u00e9.txt",
    "inbox/🐘/🧵.txt",
    "inbox/" + "é" * 497,
]


async def _put(bucket: Bucket, key: str, body: bytes = b"x", match: str = ABSENT) -> str:
    return await bucket.put(key, body, match=match, content_type=TEXT)


@pytest.mark.parametrize("key", AWKWARD)
def test_a_key_names_one_object_however_awkward_it_is(bucket: BucketSubject, key: str) -> None:
    """An object is put, read and deleted under exactly the same key."""

    async def story() -> None:
        etag = await _put(bucket.bucket, key, key.encode())
        read, seen = await bucket.bucket.get(key), await bucket.bucket.head(key)
        assert read is not None
        assert seen is not None
        assert (read.body, read.etag, read.size_bytes) == (key.encode(), etag, len(key.encode()))
        assert (seen.body, seen.etag, seen.size_bytes) == (b"", etag, len(key.encode()))
        await bucket.bucket.delete(key)
        assert await bucket.bucket.get(key) is None

    bucket.run(story())


def test_awkward_keys_are_all_different_objects(bucket: BucketSubject) -> None:
    """No key is taken for another, not even for its decoded form."""
    keys = [*AWKWARD, "inbox/a b c d.txt", "inbox/a+b+c%20d.txt", "inbox/up.txt", "up.txt", "inbox/double/slash.txt"]

    async def story() -> list[bytes]:
        for key in keys:
            await _put(bucket.bucket, key, key.encode())
        return [stored.body for key in keys if (stored := await bucket.bucket.get(key))]

    assert bucket.run(story()) == [key.encode() for key in keys]


def test_an_absent_object_reads_as_none_and_deletes_without_error(bucket: BucketSubject) -> None:
    """It is an answer, not an error."""

    async def story() -> None:
        assert await bucket.bucket.get("inbox/nothing") is None
        assert await bucket.bucket.head("inbox/nothing") is None
        await bucket.bucket.delete("inbox/nothing")

    bucket.run(story())


def test_only_one_of_many_claims_succeeds(bucket: BucketSubject) -> None:
    """Any number of puts that require an absent object are made at once."""

    async def story() -> list[object]:
        puts = [_put(bucket.bucket, "ledger/open/a.1.json", str(n).encode()) for n in range(12)]
        return await asyncio.gather(*puts, return_exceptions=True)

    ended = bucket.run(story())
    assert sorted(type(one).__name__ for one in ended) == ["ConflictError"] * 11 + ["str"]


def test_a_match_replaces_what_it_names_and_nothing_else(bucket: BucketSubject) -> None:
    """The ETag last read permits the next write; an older one is a conflict and changes nothing."""

    async def story() -> bytes:
        first = await _put(bucket.bucket, "k", b"1")
        second = await _put(bucket.bucket, "k", b"2", first)
        with pytest.raises(ConflictError):
            await _put(bucket.bucket, "k", b"3", first)
        with pytest.raises(ConflictError):
            await _put(bucket.bucket, "k", b"4", ABSENT)
        stored = await bucket.bucket.get("k")
        assert stored is not None
        assert stored.etag == second
        return stored.body

    assert bucket.run(story()) == b"2"


def test_a_match_on_a_missing_key_is_a_conflict(bucket: BucketSubject) -> None:
    """A deleted object has changed, and is not created again."""

    async def story() -> None:
        etag = await _put(bucket.bucket, "k")
        await bucket.bucket.delete("k")
        with pytest.raises(ConflictError):
            await _put(bucket.bucket, "k", b"2", etag)
        assert await bucket.bucket.get("k") is None

    bucket.run(story())


def test_the_same_bytes_have_the_same_etag(bucket: BucketSubject) -> None:
    """An ETag identifies the content, not the writer: hence the nonces."""

    async def story() -> list[str]:
        return [await _put(bucket.bucket, key, b"same") for key in ("a", "b")]

    assert bucket.run(story()) == [hashlib.md5(b"same", usedforsecurity=False).hexdigest()] * 2


def test_metadata_is_read_with_names_in_lower_case(bucket: BucketSubject) -> None:
    """Both ways of reading return it; it may be empty."""

    async def story() -> list[dict[str, str]]:
        metadata = {"Backburner-Run": "Job.1", "plain": "x y"}
        await bucket.bucket.put("k", b"x", match=ABSENT, content_type=TEXT, metadata=metadata)
        await _put(bucket.bucket, "bare")
        read = await bucket.bucket.get("k"), await bucket.bucket.head("k"), await bucket.bucket.head("bare")
        return [stored.metadata for stored in read if stored]

    assert bucket.run(story()) == [{"backburner-run": "Job.1", "plain": "x y"}] * 2 + [{}]


def test_a_limit_is_inclusive(bucket: BucketSubject) -> None:
    """An object of that size is read; one byte more is refused, and the size is named."""

    async def story() -> None:
        await _put(bucket.bucket, "k", b"x" * 100)
        stored = await bucket.bucket.get("k", 100)
        assert stored is not None
        assert stored.size_bytes == 100
        with pytest.raises(TooLargeError) as refused:
            await bucket.bucket.get("k", 99)
        assert refused.value.size_bytes == 100

    bucket.run(story())


def test_an_empty_object_is_an_object(bucket: BucketSubject) -> None:
    """It is not taken for an absent one."""

    async def story() -> None:
        await _put(bucket.bucket, "k", b"")
        stored = await bucket.bucket.get("k", 0)
        assert stored is not None
        assert stored.body == b""

    bucket.run(story())


def test_both_times_are_the_stores_and_in_utc(bucket: BucketSubject) -> None:
    """A new object has almost no age, and never a negative one beyond rounding."""

    async def story() -> None:
        await _put(bucket.bucket, "k")
        for stored in (await bucket.bucket.get("k"), await bucket.bucket.head("k")):
            assert stored is not None
            assert stored.last_modified.utcoffset() == stored.read_at.utcoffset() == timedelta(0)
            assert stored.last_modified.tzinfo is UTC
            assert -1 <= stored.age_s <= 5

    bucket.run(story())


def test_a_list_is_complete_and_in_order(bucket: BucketSubject) -> None:
    """It has all keys with a prefix and no others, each with its ETag and size, or only those after one."""
    keys = sorted(key for key in AWKWARD if key.startswith("inbox/"))

    async def story() -> tuple[list[str], list[str]]:
        etags = {key: await _put(bucket.bucket, key, key.encode()) for key in keys}
        await _put(bucket.bucket, "other/a")
        seen = [(key, stored) async for key, stored in bucket.bucket.listed("inbox/")]
        assert {key: stored.etag for key, stored in seen} == etags
        assert all(stored.size_bytes == len(key.encode()) and -1 <= stored.age_s <= 30 for key, stored in seen)
        return [key for key, _ in seen], [key async for key, _ in bucket.bucket.listed("inbox/", keys[3])]

    by_bytes = sorted(keys, key=str.encode)
    found, behind = bucket.run(story())
    assert (found, behind) == (by_bytes, [key for key in by_bytes if key.encode() > keys[3].encode()])


def test_a_list_may_have_several_pages(bucket: BucketSubject) -> None:
    """A page of S3 has 1,000 keys."""

    async def story() -> int:
        for at in range(0, 1005, 15):
            await asyncio.gather(*(_put(bucket.bucket, f"inbox/{n:04d}") for n in range(at, at + 15)))
        return len([key async for key, _ in bucket.bucket.listed("inbox/")])

    assert bucket.run(story()) == 1005


def test_a_range_is_of_the_object_that_was_seen(bucket: BucketSubject) -> None:
    """With another ETag it is a conflict; without an object it is None."""

    async def story() -> None:
        etag = await _put(bucket.bucket, "k", b"0123456789")
        assert await bucket.bucket.get_range("k", 2, 5, etag) == b"234"
        with pytest.raises(ConflictError):
            await bucket.bucket.get_range("k", 2, 5, "0" * 32)
        assert await bucket.bucket.get_range("nothing", 0, 1, etag) is None

    bucket.run(story())


def test_a_file_is_put_as_bytes_are(bucket: BucketSubject, tmp_path: Path) -> None:
    """An empty one is too."""

    async def story() -> list[bytes]:
        bodies = [b"x" * 3_000_000, b""]
        for number, body in enumerate(bodies):
            path = tmp_path / str(number)
            path.write_bytes(body)
            await bucket.bucket.put(str(number), path, match=ABSENT, content_type=TEXT)
        read = [await bucket.bucket.get(str(number)) for number in range(2)]
        assert [stored.body for stored in read if stored] == bodies
        return bodies

    bucket.run(story())
