"""Headers: whatever a provider sends with its answer becomes a bounded wait, or none."""

import math

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.adapters.provider_replies import answer_of, seconds_of
from backburner.adapters.responses import _require_header
from backburner.capacity.timing import MAX_HIDING_S, backoff_s, hidden_s, next_poll_s, probe_s
from backburner.errors import ConfigError
from backburner.provider.answers import Generation
from backburner.provider.reading import hint_s

from .drawing import fuzzed

BITS = st.lists(
    st.sampled_from(
        ["1", "9", "0", "-", "+", ".", "e", "inf", "nan", ",", " ", "Sat,", "17", "May", "2031", "12:00:00", "GMT",
         "+9999999999999", "-0000", "99:99:99", "25:61:61", "Feb", "30", "ms", "s", "_", "\x00", "\xb2", "\u0661"]
    ),
    max_size=8,
).map(" ".join) | st.lists(st.sampled_from("0123456789-+.eE_ :,"), max_size=12).map("".join)  # fmt: skip
HEADERS = BITS | st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1"))
SENDABLE = HEADERS.map(lambda text: "".join(one for one in text if one not in "\r\n\x00").encode(errors="replace"))


def _can_be_waited_for(seconds: float | None) -> None:
    hint = hint_s(seconds)
    assert hint is None or 0 <= hint <= 10**8
    assert 0 < next_poll_s(10.0, hint) <= 300
    assert 60 <= probe_s(hint) <= 300
    assert 0 < backoff_s(3, hint) <= 900
    assert 1 <= hidden_s(hint or 0.0) <= MAX_HIDING_S


@fuzzed
@given(HEADERS)
@example("86400")
@example("1e308")
@example("-1e308")
@example("1e309")
@example("inf")
@example("nan")
@example("9" * 310)
@example("9" * 5000)
@example("1_000")
@example("1, 2")
@example("\x00")
@example("Sat, 17 May 2031 12:00:00 +9999999999999")
@example("Sat, 17 May 2031 12:00:00 -9999999999999")
@example("Sat, 17 May 2031 12:00:00 -0000")
@example("Sat, 17 May 99999 12:00:00 GMT")
@example("Sat, 31 Dec 9999 23:59:59 -2359")
@example("Mon, 01 Jan 0001 00:00:00 +2359")
def test_any_header_is_a_bounded_wait_or_none(header: str) -> None:
    """`Retry-After` becomes a bounded number of seconds, given as such or as a date, or nothing."""
    seconds = seconds_of(header)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)
    _can_be_waited_for(seconds)


@fuzzed
@given(SENDABLE, SENDABLE, st.sampled_from([200, 202, 302, 400, 404, 429, 500, 503]))
@example(b"Sat, 17 May 2031 12:00:00 +9999999999999", b"1e308", 200)
@example(b"9", b"nan", 200)
@example(b"", b"-1", 200)
def test_an_answer_is_read_whatever_its_headers_say(after: bytes, milliseconds: bytes, status: int) -> None:
    """Generations and errors are read with any headers, by the SDK's client and by our own."""
    raw = [(b"retry-after", after), (b"openai-poll-after-ms", milliseconds)]
    ours = {name.decode(): value.decode("utf-8", "surrogateescape") for name, value in raw}
    body = b'{"id": "resp_1", "status": "queued"}'
    for headers in (httpx2.Headers(raw), ours):
        read = answer_of(status, headers, body, called="GET /v1/responses/resp_1", secrets=())
        if isinstance(read, Generation):
            _can_be_waited_for(read.poll_after_s)
        else:
            assert read.status == status
            _can_be_waited_for(read.retry_after_s)


@fuzzed
@given(st.floats() | st.none())
@example(float("nan"))
@example(float("inf"))
@example(-1e308)
def test_any_number_of_seconds_is_a_hint_or_none(seconds: float | None) -> None:
    """The wait is bounded and never negative."""
    _can_be_waited_for(seconds)


@fuzzed
@given(st.text(st.characters(), max_size=20) | st.from_regex(r"[!-~]{1,40}", fullmatch=True))
@example("sk-\u201cquoted\u201d")
@example("sk-\u0430bc")
@example("sk-abc\n")
@example("sk-\ud83d")
def test_a_key_can_be_sent_or_is_refused_with_the_position(key: str) -> None:
    """An accepted key is unchanged as a header; a refused one is reported by the position of its character only."""
    if all("!" <= character <= "~" for character in key):
        _require_header("the key", key)
        assert httpx2.Headers({"authorization": f"Bearer {key}"})["authorization"] == f"Bearer {key}"
        return
    with pytest.raises(ConfigError, match=r"its character \d+ is U\+") as refused:
        _require_header("the key", key)
    assert str(refused.value).encode()
