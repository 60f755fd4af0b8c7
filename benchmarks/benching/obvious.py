"""The obvious way, written with care: AsyncOpenAI's calls gathered, boto3 in threads, the queue in batches of ten.

    python -m benching.obvious check 1000    # `look`, `submit` and `batch` as well

No ledger that survives a crash, no conditions, no deadlines, no budget: what a good engineer writes in an afternoon.
"""

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from openai import AsyncOpenAI, OpenAI

from benching.documents import BATCH, BATCH_RESULT, WARM, key_of, keys
from benching.measure import clocked, silenced, timed
from benching.told import Told

_THREADS = 32
_WORKERS = 6
_AT_ONCE = 64
_EVERY_S = 2.0
BUCKET = os.environ["BACKBURNER_BUCKET"]
QUEUE = os.environ["BACKBURNER_PENDING_QUEUE_URL"]


def _clients() -> tuple[Any, Any]:
    config = Config(max_pool_connections=_THREADS)
    return boto3.client("s3", config=config), boto3.client("sqs", config=config)


async def _checked(number: int) -> Told:
    s3, sqs = _clients()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS))
    done = 0
    async with AsyncOpenAI(max_retries=0) as provider:

        async def finish(message: Any) -> None:
            job = json.loads(message["Body"])
            response = await provider.responses.retrieve(job["response_id"])
            if response.status != "completed":
                return
            usage = response.usage.model_dump() if response.usage else None
            record = {"key": job["key"], "id": response.id, "model": response.model, "usage": usage}
            place = job["key"].replace("inbox/", "results/")
            puts = [(f"{place}.md", response.output_text), (f"{place}.run.json", json.dumps(record))]
            for key, text in puts:
                await asyncio.to_thread(s3.put_object, Bucket=BUCKET, Key=key, Body=text.encode())
            await asyncio.to_thread(s3.delete_object, Bucket=BUCKET, Key=f"ledger/{job['response_id']}")

        async def work() -> None:
            nonlocal done
            while done < number:
                answer = await asyncio.to_thread(sqs.receive_message, QueueUrl=QUEUE, MaxNumberOfMessages=10)
                if not (messages := answer.get("Messages", [])):
                    return
                await asyncio.gather(*map(finish, messages))
                entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
                await asyncio.to_thread(sqs.delete_message_batch, QueueUrl=QUEUE, Entries=entries)
                done += len(messages)

        return await clocked(lambda: asyncio.gather(*(work() for _ in range(_WORKERS))), lambda: done)


async def _looked(seconds: int, number: int) -> Told:
    looks, end, at_once = 0, time.monotonic() + seconds, asyncio.Semaphore(_AT_ONCE)
    async with AsyncOpenAI(max_retries=0) as provider:

        async def look(response_id: str) -> None:
            nonlocal looks
            async with at_once:
                await provider.responses.retrieve(response_id)
            looks += 1

        async def work() -> None:
            while time.monotonic() < end:
                await asyncio.gather(*(look(f"resp_{n:032x}") for n in range(number)))

        return await clocked(work, lambda: looks)


async def _batched(number: int) -> Told:
    """A batch: every line created, polled every two seconds, deleted; one file at the end, nothing kept before."""
    s3, _ = _clients()
    at_once = asyncio.Semaphore(_AT_ONCE)
    async with AsyncOpenAI(max_retries=0) as provider:

        async def run(line: Any) -> str:
            async with at_once:
                response = await provider.responses.create(**line["body"], background=True)
            while response.status != "completed":
                await asyncio.sleep(_EVERY_S)
                async with at_once:
                    response = await provider.responses.retrieve(response.id)
            async with at_once:
                await provider.responses.delete(response.id)
            answer = {"status_code": 200, "request_id": response.id, "body": response.model_dump()}
            return json.dumps({"id": response.id, "custom_id": line["custom_id"], "response": answer, "error": None})

        async def work() -> None:
            source = await asyncio.to_thread(s3.get_object, Bucket=BUCKET, Key=BATCH)
            lines = map(json.loads, source["Body"].read().splitlines())
            told = "\n".join(await asyncio.gather(*map(run, lines)))
            await asyncio.to_thread(s3.put_object, Bucket=BUCKET, Key=BATCH_RESULT, Body=told.encode())

        return await clocked(work, lambda: number)


def _submitted(number: int) -> Told:
    s3, sqs = _clients()
    provider = OpenAI(max_retries=0)

    def submit(key: str) -> None:
        text = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()
        recipe = s3.get_object(Bucket=BUCKET, Key="recipes/bench.md")["Body"].read().decode()
        response = provider.responses.create(model="stand-in", instructions=recipe, input=text, background=True)
        job = {"key": key, "response_id": response.id}
        s3.put_object(Bucket=BUCKET, Key=f"ledger/{response.id}", Body=json.dumps(job).encode())
        sqs.send_message(QueueUrl=QUEUE, MessageBody=json.dumps(job), DelaySeconds=2)

    for n in range(WARM):
        submit(key_of(n, "warm"))

    def work() -> int:
        for key in keys(number):
            submit(key)
        return number

    return timed(work)


def main(verb: str, number: int) -> Told:
    """Do it."""
    match verb:
        case "check":
            return asyncio.run(_checked(number))
        case "look":
            return asyncio.run(_looked(int(sys.argv[3]), number))
        case "batch":
            return asyncio.run(_batched(number))
        case _:
            return _submitted(number)


if __name__ == "__main__":
    tell = silenced()
    tell(main(sys.argv[1], int(sys.argv[2])).as_json())
