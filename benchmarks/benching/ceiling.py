"""What one core can do: aiohttp and obstore on uvloop, with the calls that Backburner makes and nothing else.

    python -m benching.ceiling check 1000    # `look`, `submit` and `batch` as well

No call to the provider or the queue is signed, nothing is decided, nothing is kept: the least that it can cost.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp  # type: ignore[import-not-found]
import obstore
import uvloop
from obstore.store import S3Store

from benching.documents import BATCH, BATCH_RESULT, WARM, key_of, keys
from benching.measure import clocked, silenced
from benching.told import Told

_AT_ONCE = 64
_EVERY_S = 2.0
BUCKET = os.environ["BACKBURNER_BUCKET"]
QUEUE = os.environ["BACKBURNER_PENDING_QUEUE_URL"]
PROVIDER = os.environ["OPENAI_BASE_URL"]
KEY = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}


def _store() -> S3Store:
    return S3Store(
        BUCKET,
        endpoint=os.environ["AWS_ENDPOINT_URL"],
        region="eu-central-1",
        access_key_id="test",
        secret_access_key="test",  # noqa: S106 - of a local server
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


def _http() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=_AT_ONCE))


async def _queue(http: aiohttp.ClientSession, name: str, **asked: Any) -> Any:
    url = urlsplit(QUEUE)
    headers = {"X-Amz-Target": f"AmazonSQS.{name}", "Content-Type": "application/x-amz-json-1.0"}
    body = json.dumps({"QueueUrl": QUEUE, **asked}).encode()
    async with http.post(f"{url.scheme}://{url.netloc}/", data=body, headers=headers) as answer:
        return json.loads(await answer.read())


async def _retrieved(http: aiohttp.ClientSession, response_id: str) -> Any:
    async with http.get(f"{PROVIDER}/responses/{response_id}", headers=KEY) as answer:
        return json.loads(await answer.read())


async def _checked(number: int) -> Told:
    store, done = _store(), 0
    async with _http() as http:

        async def finish(message: Any) -> None:
            job = json.loads(message["Body"])
            record = f"ledger/{job['response_id']}"
            await (await obstore.get_async(store, record)).bytes_async()
            response = await _retrieved(http, job["response_id"])
            await obstore.head_async(store, job["key"])
            place = job["key"].replace("inbox/", "results/")
            text = response["output"][0]["content"][0]["text"]
            await obstore.put_async(store, f"{place}.md", text.encode())
            told = json.dumps({"key": job["key"], "id": response["id"], "usage": response["usage"]})
            await obstore.put_async(store, f"{place}.run.json", told.encode())
            await obstore.delete_async(store, record)
            async with http.delete(f"{PROVIDER}/responses/{job['response_id']}", headers=KEY) as answer:
                await answer.read()

        async def work() -> None:
            nonlocal done
            while done < number:
                messages = (await _queue(http, "ReceiveMessage", MaxNumberOfMessages=10)).get("Messages", [])
                if not messages:
                    return
                await asyncio.gather(*map(finish, messages))
                entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
                await _queue(http, "DeleteMessageBatch", Entries=entries)
                done += len(messages)

        return await clocked(lambda: asyncio.gather(*(work() for _ in range(6))), lambda: done)


async def _looked(seconds: int, number: int) -> Told:
    looks, end, at_once = 0, time.monotonic() + seconds, asyncio.Semaphore(_AT_ONCE)
    async with _http() as http:

        async def look(response_id: str) -> None:
            nonlocal looks
            async with at_once:
                await _retrieved(http, response_id)
            looks += 1

        async def work() -> None:
            while time.monotonic() < end:
                await asyncio.gather(*(look(f"resp_{n:032x}") for n in range(number)))

        return await clocked(work, lambda: looks)


async def _batched(number: int) -> Told:
    store, at_once = _store(), asyncio.Semaphore(_AT_ONCE)
    async with _http() as http:

        async def run(line: Any) -> bytes:
            body = json.dumps(line["body"] | {"background": True}).encode()
            async with at_once, http.post(f"{PROVIDER}/responses", data=body, headers=KEY) as answer:
                response = json.loads(await answer.read())
            while response["status"] != "completed":
                await asyncio.sleep(_EVERY_S)
                async with at_once:
                    response = await _retrieved(http, response["id"])
            url = f"{PROVIDER}/responses/{response['id']}"
            async with at_once, http.delete(url, headers=KEY) as answer:
                await answer.read()
            told = {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": response}, "error": None}
            return json.dumps(told).encode()

        async def work() -> None:
            source = bytes(await (await obstore.get_async(store, BATCH)).bytes_async())
            lines = map(json.loads, source.splitlines())
            await obstore.put_async(store, BATCH_RESULT, b"\n".join(await asyncio.gather(*map(run, lines))))

        return await clocked(work, lambda: number)


async def _submitted(number: int) -> Told:
    store, done = _store(), 0
    async with _http() as http:

        async def submit(key: str) -> None:
            text = await (await obstore.get_async(store, key)).bytes_async()
            recipe = await (await obstore.get_async(store, "recipes/bench.md")).bytes_async()
            named = {"model": "stand-in", "background": True}
            body = json.dumps({**named, "instructions": bytes(recipe).decode(), "input": bytes(text).decode()}).encode()
            async with http.post(f"{PROVIDER}/responses", data=body, headers=KEY) as answer:
                response_id = json.loads(await answer.read())["id"]
            job = json.dumps({"key": key, "response_id": response_id})
            await obstore.put_async(store, f"ledger/{response_id}", job.encode())
            await _queue(http, "SendMessage", MessageBody=job, DelaySeconds=2)

        for n in range(WARM):
            await submit(key_of(n, "warm"))

        async def work() -> None:
            nonlocal done
            for key in keys(number):
                await submit(key)
                done += 1

        return await clocked(work, lambda: done)


def main(verb: str, number: int) -> Told:
    """Do it."""
    match verb:
        case "check":
            return uvloop.run(_checked(number))
        case "look":
            return uvloop.run(_looked(int(sys.argv[3]), number))
        case "batch":
            return uvloop.run(_batched(number))
        case _:
            return uvloop.run(_submitted(number))


if __name__ == "__main__":
    tell = silenced()
    tell(main(sys.argv[1], int(sys.argv[2])).as_json())
