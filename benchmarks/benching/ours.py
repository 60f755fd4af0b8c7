"""The real handlers, warm, in a process of their own: `python -m benching.ours submit 1000`.

`submit` sends one event for each document, as the trigger does; `open 1000 0 2` submits the first of two shares of
them, with ten to an event, and does not warm up; `look` runs one tick of the given seconds; `check` runs ticks until
nothing is left; `drain` runs ticks until no record is open; `batch` submits a batch of the given number of lines and
runs ticks until its run record is written.
"""

import importlib
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from benching.documents import BATCH, BATCH_RECORD, WARM, all_keys, key_of, keys
from benching.measure import silenced, timed
from support.events import TIMERS, s3_notification
from support.functions import context_of, load

_TICK_S = 50.0
_IN_EVENT = 10


def submit(number: int) -> int:
    """One event after the other."""
    handler = load("submit").handler
    bucket = os.environ["BACKBURNER_BUCKET"]
    events = [s3_notification(bucket, [key]) for key in keys(number)]
    for n in range(WARM):
        handler(s3_notification(bucket, [key_of(n, "warm")]), context_of(60))

    def work() -> int:
        for event in events:
            handler(event, context_of(60))
        return len(events)

    tell(timed(work).as_json())
    return 0


def open_share(number: int, share: int, shares: int) -> int:
    """One of several shares of all documents, including those that warm up."""
    handler = load("submit").handler
    bucket, mine = os.environ["BACKBURNER_BUCKET"], all_keys(number)[share::shares]

    def work() -> int:
        for first in range(0, len(mine), _IN_EVENT):
            handler(s3_notification(bucket, mine[first : first + _IN_EVENT]), context_of(60))
        return len(mine)

    tell(timed(work).as_json())
    return 0


def look(seconds: int) -> int:
    """One tick. Only the server knows how many were looked at."""
    handler = _warm_checker()

    def work() -> int:
        handler(TIMERS["aws"], context_of(seconds))
        return 0

    tell(timed(work).as_json())
    return 0


def check(checkers: int) -> int:
    """Ticks until one handles nothing; they begin once the given number of checkers have run an empty one."""
    handler = _warm_checker()
    if checkers:
        handler(TIMERS["aws"], context_of(_TICK_S))
        meet = f"{os.environ['AWS_ENDPOINT_URL']}/_bench/meet?{checkers}"
        urllib.request.urlopen(meet, data=b"").close()  # noqa: S310 - our own server

    def work() -> int:
        handled = 0
        while counts := handler(TIMERS["aws"], context_of(_TICK_S)):
            handled += counts.get("handled", 0)
            if not counts.get("handled"):
                break
        return handled

    tell(timed(work).as_json())
    return 0


def drain(documents: int) -> int:
    """Ticks until no record is open."""
    handler = _warm_checker()
    listing = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['BACKBURNER_BUCKET']}/?list-type=2&prefix=ledger/open/"

    def work() -> int:
        while b"<Key>" in urllib.request.urlopen(listing).read():  # noqa: S310 - our own server
            handler(TIMERS["aws"], context_of(_TICK_S))
        return documents

    tell(timed(work).as_json())
    return 0


def batch(lines: int) -> int:
    """The event of a batch, then ticks until it has ended; both functions in this process."""
    submit_handler, handler = load("submit").handler, _warm_checker()
    bucket = os.environ["BACKBURNER_BUCKET"]
    record = f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}/{BATCH_RECORD}"

    def work() -> int:
        submit_handler(s3_notification(bucket, [BATCH]), context_of(60))
        while not _stands(record):
            handler(TIMERS["aws"], context_of(_TICK_S))
        return lines

    tell(timed(work).as_json())
    return 0


def _stands(url: str) -> bool:
    """Whether an object of the local store is there."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD")).close()  # noqa: S310 - our own server
    except urllib.error.HTTPError:
        return False
    return True


def _warm_checker() -> Callable[[Any, Any], Any]:
    """A checker that has imported what its first job would make it import; its clients are made by the first tick."""
    importlib.import_module("openai.resources.responses")
    handler: Callable[[Any, Any], Any] = load("checker").handler
    return handler


if __name__ == "__main__":
    tell = silenced()
    modes: dict[str, Callable[..., int]] = {
        "submit": submit, "open": open_share, "look": look, "check": check, "drain": drain, "batch": batch,
    }  # fmt: skip
    sys.exit(modes[sys.argv[1]](*map(int, sys.argv[2:])))
