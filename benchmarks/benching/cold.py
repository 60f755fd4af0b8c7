"""A function's first call in a fresh process: `python -m benching.cold idle` or `submit`, or `usual` for comparison.

`reach` is a submit up to its first connection, whatever it is for: all that is imported before any call goes out.
`usual` is the start of the obvious way: the two SDKs and a client of each, with no call.
"""

import os
import sys

from benching.documents import key_of


def _idle() -> None:
    from support.events import TIMERS  # noqa: PLC0415
    from support.functions import context_of, load  # noqa: PLC0415

    load("checker").handler(TIMERS["aws"], context_of(1))


def _submit() -> None:
    from support.events import s3_notification  # noqa: PLC0415
    from support.functions import context_of, load  # noqa: PLC0415

    bucket, number = os.environ["BACKBURNER_BUCKET"], int(sys.argv[2])
    load("submit").handler(s3_notification(bucket, [key_of(number)]), context_of(60))


def _reach() -> None:
    sys.addaudithook(lambda event, _: os._exit(0) if event == "socket.connect" else None)
    _submit()
    sys.exit("no connection was made")


def _usual() -> None:
    import boto3  # noqa: PLC0415
    import openai  # noqa: PLC0415

    openai.OpenAI()
    boto3.client("s3")


if __name__ == "__main__":
    sys.modules["aiohttp"] = None  # type: ignore[assignment] # here for the limit's row: the SDK would import it
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    {"idle": _idle, "reach": _reach, "submit": _submit, "usual": _usual}[sys.argv[1]]()
    os._exit(0)
