"""A thousand chat lines in the shapes that public projects write, and their answers as those projects read them."""

import io
import json

import msgspec
from openai.types.chat import ChatCompletion

from support.chat_lines import PUBLIC
from support.fakes import DEAD
from support.system import System

KEY, RESULT = "inbox/batch.jsonl", "results/batch.jsonl.jsonl"
SHAPES = list(PUBLIC.values())
SAID = ", it said:\u2028\u0085“Grüße”\r\n\t\x1f"
"""What the provider answers, which must come through every reader unchanged."""


def public(number):
    """A line in one of the public shapes, with its own question."""
    shape = SHAPES[number % len(SHAPES)]
    body = shape["body"] | {
        "messages": [{"role": "user", "content": f"Question {number}."}, *shape["body"]["messages"]]
    }
    return {"custom_id": f"id-{number}"} | shape | {"body": body}


class _Response(msgspec.Struct):
    body: msgspec.Raw


class _Answered(msgspec.Struct):
    custom_id: str
    response: _Response


def by_the_bytes(written):
    """Read the texts from the bytes of the file with the client's types."""
    for line in written.removesuffix(b"\n").split(b"\n"):
        answered = msgspec.json.decode(line, type=_Answered)
        raw = bytes(answered.response.body)
        completion = ChatCompletion.model_validate_json(raw, strict=True)
        assert json.loads(completion.model_dump_json(exclude_unset=True)) == json.loads(raw)
        yield answered.custom_id, completion.choices[0].message.content


def as_the_cookbook_reads(written):
    """Read a text file line by line, stripped, as OpenAI's cookbook and SGLang do."""
    for line in io.TextIOWrapper(io.BytesIO(written), encoding="utf-8"):
        read_line = json.loads(line.strip())
        yield read_line["custom_id"], read_line["response"]["body"]["choices"][0]["message"]["content"]


def as_distilabel_reads(written):
    """Read by `splitlines`, keep status code 200, sort, and parse leniently into the client's types."""
    answers = sorted(map(json.loads, written.decode().splitlines()), key=lambda each: int(each["custom_id"][3:]))
    for answer in answers:
        assert answer["response"]["status_code"] == 200
        yield answer["custom_id"], ChatCompletion(**answer["response"]["body"]).choices[0].message.content


def as_azures_guide_reads(written):
    """Strip the whole text and split it at line feeds; add up usage by its field names, as Curator does."""
    for line in written.decode().strip().split("\n"):
        answer = json.loads(line)
        assert answer["response"]["body"]["usage"].get("prompt_tokens", 0) > 0
        yield answer["custom_id"], answer["response"]["body"]["choices"][0]["message"]["content"]


READERS = [by_the_bytes, as_the_cookbook_reads, as_distilabel_reads, as_azures_guide_reads]


def test_a_thousand_lines_of_public_shapes_survive_five_deaths(monkeypatch):
    """Every line is answered, in order and valid to the byte for each reader, and what was cut off is counted."""
    monkeypatch.setattr("backburner.batch.segmenter.SEGMENT_LINES", 250)
    system = System()
    monkeypatch.setattr(system.generator, "text_of", lambda document: f"{document}{SAID}")
    system.upload(KEY, "".join(json.dumps(public(number)) + "\n" for number in range(1000)))
    system.run(system.submit(KEY))
    for gap, moment in ((40, "before"), (300, "after"), (600, "before"), (500, "after"), (400, "before")):
        system.world.kill_at(len(system.world.effects) + gap, moment)
        assert system.run(system.tick()) is DEAD
        system.world.later(1200)
    system.settle()
    written = system.bucket.objects[RESULT].body
    for reader in READERS:
        answers = list(reader(written))
        assert [custom_id for custom_id, _ in answers] == [f"id-{number}" for number in range(1000)]
        assert all(f"Question {number}." in text and text.endswith(SAID) for number, (_, text) in enumerate(answers)), (
            reader
        )
    record = system.run_record(KEY)
    assert record["lines"] == {"total": 1000, "completed": 1000, "failed": 0}
    assert len(system.generator.requests) - 1000 <= record["suspected_orphans"]
    assert system.problems() == []
