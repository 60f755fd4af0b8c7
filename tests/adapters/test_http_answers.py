"""An HTTP/1 answer is read whole or not at all, in whatever pieces it arrives."""

import gzip
import itertools
import zlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backburner.adapters.http import NoAnswerError, Reply, TooManyBytesError
from backburner.adapters.wire.answers import (
    MAX_HEAD_BYTES,
    MAX_REFUSAL_BYTES,
    Headers,
    Incoming,
    unpacked,
)


@dataclass(frozen=True)
class Answer:
    """An answer on the wire, and its content."""

    raw: bytes
    body: bytes
    ends_with_connection: bool = False
    has_body: bool = True
    head_bytes: int = 0


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """Well-formed answers with every way to mark the end of a body."""
    body = draw(st.binary(max_size=300))
    interim = draw(
        st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"])
    )
    begin = interim + b"HTTP/1.1 %d Any\r\nETag: e\r\n" % draw(st.sampled_from([200, 206, 404, 500]))
    match draw(st.sampled_from(["length", "chunks", "end", "nothing", "head"])):
        case "length":
            return Answer(begin + b"Content-Length: %d\r\n\r\n" % len(body) + body, body)
        case "chunks":
            size = draw(st.integers(1, 60))
            chunks = [body[at : at + size] for at in range(0, len(body), size)]
            extension, trailer = draw(st.sampled_from([(b"", b""), (b";a=b", b"Digest: x\r\n")]))
            sent = b"".join(b"%x%s\r\n%s\r\n" % (len(one), extension, one) for one in chunks)
            return Answer(begin + b"Transfer-Encoding: chunked\r\n\r\n" + sent + b"0\r\n" + trailer + b"\r\n", body)
        case "end":
            return Answer(begin + b"\r\n" + body, body, ends_with_connection=True, head_bytes=len(begin) + 2)
        case "nothing":
            status = draw(st.sampled_from([204, 304]))
            return Answer(interim + b"HTTP/1.1 %d None\r\nContent-Length: 5\r\n\r\n" % status, b"")
        case _:
            length = draw(st.sampled_from([b"", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n"]))
            return Answer(begin + length + b"\r\n", b"", has_body=False)


def pieces(raw: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places."""
    places = sorted({cut % (len(raw) + 1) for cut in cuts} | {0, len(raw)})
    return [raw[first:last] for first, last in itertools.pairwise(places)]


def read(raw: list[bytes], **more: object) -> Incoming:
    """What has been read once all pieces have arrived."""
    incoming = Incoming(**more)  # type: ignore[arg-type]
    for piece in raw:
        incoming.feed(piece)
    return incoming


CUTS = st.lists(st.integers(0, 1000), max_size=8)


@given(answers(), CUTS)
def test_an_answer_is_the_same_however_it_is_cut(answer: Answer, cuts: list[int]) -> None:
    """It is the same byte for byte, and nothing is left over."""
    incoming = read(pieces(answer.raw, cuts), has_body=answer.has_body)
    assert incoming.is_whole is not answer.ends_with_connection
    incoming.end()
    assert incoming.reply().body == answer.body
    assert incoming.reply().headers.get("ETAG", "e") == "e"
    assert not {"link", "digest"} & {name.lower() for name in incoming.reply().headers}
    assert not incoming.has_leftover
    assert not (answer.ends_with_connection and incoming.is_kept)


@given(answers(), CUTS, st.integers(0, 2000))
def test_a_truncated_answer_is_an_error(answer: Answer, cuts: list[int], cut: int) -> None:
    """It may break off anywhere, unless the end of the connection marks the end of the body."""
    cut %= len(answer.raw)
    incoming = read(pieces(answer.raw[:cut], cuts) if cut else [], has_body=answer.has_body)
    if answer.ends_with_connection and cut >= answer.head_bytes:
        incoming.end()
        assert incoming.reply().body == answer.body[: cut - answer.head_bytes]
        return
    with pytest.raises(NoAnswerError) as broken:
        incoming.end()
    assert broken.value.is_broken_off is (cut > 0)
    assert not incoming.is_whole


@given(
    answers().filter(lambda answer: not answer.ends_with_connection),
    st.sampled_from([b"x", b"HTTP/1.1 200 OK\r\n", b"\0", b"0\r\n\r\n", b"5"]),
)
def test_bytes_after_an_answer_do_not_belong_to_it(answer: Answer, more: bytes) -> None:
    """The connection is not used again, but the answer is valid."""
    incoming = read([answer.raw + more], has_body=answer.has_body)
    assert incoming.reply().body == answer.body
    assert incoming.has_leftover


@pytest.mark.parametrize("more", [b"5", b"5;x", b"0\r\n\r\n", b"x", b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize(
    "framing", [b"", b"Content-Length: 0\r\n", b"Content-Length: 7\r\n", b"Transfer-Encoding: chunked\r\n"]
)
def test_bytes_after_an_answer_to_a_head_are_seen(framing: bytes, more: bytes) -> None:
    """Even the first half of a body is noticed."""
    assert read([b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n" + more], has_body=False).has_leftover


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        b"HTTP/1.1 200 OK\r\nA header without a colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
    ],
)
def test_a_malformed_answer_is_an_error(raw: bytes) -> None:
    """None of it is believed."""
    with pytest.raises(NoAnswerError) as malformed:
        read([raw])
    assert malformed.value.is_broken_off


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\nContent-Length: 3\n\nyes",
        b"HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nyes",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nyes\r\n0\r\n\r\n",
    ],
)
def test_an_odd_answer_is_understood(raw: bytes) -> None:
    """If its body is unambiguous: some servers are old."""
    incoming = read([raw])
    assert incoming.is_whole
    assert incoming.reply().body == b"yes"


@pytest.mark.parametrize(
    ("version", "connection", "is_kept"),
    [
        ("1.1", "", True),
        ("1.1", "Connection: close\r\n", False),
        ("1.1", "Connection: Keep-Alive, Close\r\n", False),
        ("1.0", "", False),
        ("1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_a_server_says_whether_it_keeps_the_connection(version: str, connection: str, *, is_kept: bool) -> None:
    """Its version and its header do."""
    incoming = read([f"HTTP/{version} 200 OK\r\n{connection}Content-Length: 0\r\n\r\n".encode()])
    assert incoming.is_whole
    assert incoming.is_kept is is_kept


def test_a_body_is_bounded_if_the_caller_says_so() -> None:
    """It is checked before the read if its length is known, otherwise as it grows; errors may be slightly longer."""
    head = b"HTTP/1.1 200 OK\r\n"
    with pytest.raises(TooManyBytesError) as announced:
        read([head + b"Content-Length: 11\r\n\r\n"], limit_bytes=10)
    assert announced.value.size_bytes == 11
    for more in (b"Transfer-Encoding: chunked\r\n\r\nb\r\n", b"\r\n"):
        with pytest.raises(TooManyBytesError) as grown:
            read([head + more + b"x" * 11], limit_bytes=10)
        assert grown.value.size_bytes == 11
    assert read([head + b"Content-Length: 10\r\n\r\n" + b"x" * 10], limit_bytes=10).is_whole
    refusal = b"HTTP/1.1 503 No\r\nContent-Length: 11\r\n\r\n" + b"x" * 11
    assert read([refusal], limit_bytes=10).reply().body == b"x" * 11
    with pytest.raises(NoAnswerError):
        read([b"HTTP/1.1 503 No\r\n\r\n" + b"x" * (MAX_REFUSAL_BYTES + 1)], limit_bytes=10)


@pytest.mark.parametrize(
    "raw",
    [
        [b"HTTP/1.1 200 OK\r\nX: ", *[b"x" * 8192] * (MAX_HEAD_BYTES // 8192)],
        [b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6 + 1)],
        [b"HTTP/1.1 100 Continue\r\n\r\n"] * (MAX_HEAD_BYTES // 25 + 1),
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * (MAX_HEAD_BYTES // 6 + 1)],
    ],
    ids=["long", "many", "interim", "trailers"],
)
def test_a_head_without_end_is_refused(raw: list[bytes]) -> None:
    """It cannot fill the memory."""
    with pytest.raises(NoAnswerError, match="too long"):
        read(raw)


def test_headers_are_found_in_any_case() -> None:
    """A look-up gives the first of a name; all are kept in order."""
    reply = read([b"HTTP/1.1 200 OK\r\nX-A: 1\r\nETag: \xc3\xa9\xff\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"]).reply()
    assert (reply.headers["x-A"], reply.headers.get("etag"), reply.headers.get("none", "-")) == ("1", "é\udcff", "-")
    fields = [("X-A", "1"), ("ETag", "é\udcff"), ("x-a", "2"), ("Content-Length", "0")]
    assert list(reply.headers.items()) == fields
    assert len(reply.headers) == 4
    assert "X-B" not in reply.headers
    assert [name for name, _ in fields] == list(reply.headers)


def _packed(body: bytes, encoding: str) -> Reply:
    return Reply(200, Headers([("content-encoding", encoding)]), body)


@given(st.binary(max_size=2000), st.integers(1, 3))
def test_a_compressed_body_is_unpacked(body: bytes, members: int) -> None:
    """All forms that servers call gzip and deflate are read; other encodings are left unchanged."""
    raw = zlib.compressobj(wbits=-15)
    for encoding, packed in (
        ("gzip", gzip.compress(body)),
        ("X-GZIP", gzip.compress(body) + b"\0\0"),
        ("deflate", zlib.compress(body)),
        ("deflate", raw.compress(body) + raw.flush()),
        ("identity", body),
    ):
        assert unpacked(_packed(packed, encoding)).body == body
    assert unpacked(_packed(gzip.compress(body) * members, "gzip")).body == body * members


@given(st.binary(min_size=1, max_size=2000), st.integers(1, 10_000), st.sampled_from(["gzip", "deflate"]))
def test_a_damaged_compressed_body_is_an_error(body: bytes, cut: int, encoding: str) -> None:
    """It may be cut anywhere, or followed by something else."""
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    for wrong in (packed[: 1 + cut % (len(packed) - 1)], packed + b"more"):
        with pytest.raises(NoAnswerError) as broken:
            unpacked(_packed(wrong, encoding))
        assert broken.value.is_broken_off


def test_a_bomb_is_not_unpacked() -> None:
    """The bytes that were sent may be few; up to the limit they are unpacked."""
    for members in (1, 3):
        bomb = _packed(gzip.compress(b"\0" * 100_000) * members, "gzip")
        assert len(unpacked(bomb, 100_000 * members).body) == 100_000 * members
        with pytest.raises(NoAnswerError, match="too long"):
            unpacked(bomb, 100_000 * members - 1)
