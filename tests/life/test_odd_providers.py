"""Odd answers of providers: nothing is paid twice because of them, nothing hangs, and no other job suffers."""

import json
import logging

import pytest

from backburner.provider.answers import FailedCall, Generation, Usage
from backburner.provider.reading import generation_of
from support.depth import depth
from support.fakes import Plan
from support.system import System

STEP_S = depth(30, 15)
KEY = "inbox/a.txt"
BATCH = "inbox/batch.jsonl"
DAY_S = 86_400.0


def ended_generation(**more):
    """A generation that has ended, as a create or a retrieve may return it."""
    ended = {"id": "", "status": "completed", "text": "answered at once", "usage": Usage(total_tokens=5)}
    return Generation(**ended | more)


def batch(*bodies):
    """A batch whose lines have these bodies."""
    lines = [
        {"custom_id": f"id-{number}", "method": "POST", "url": "/v1/responses", "body": {"model": "model-1"} | body}
        for number, body in enumerate(bodies)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


def read(system, key):
    """The lines of an output file."""
    return [json.loads(line) for line in system.bucket.body(key).splitlines()]


def governor(system):
    """The governor's current state."""
    return system.bucket.json("ledger/governor.json")


def tick_for(system, seconds, step_s=STEP_S):
    """Run ticks for `seconds`, one every `step_s`."""
    for _ in range(int(seconds / step_s)):
        system.run(system.tick())
        system.world.later(step_s)


def finished_by_the_create(**more):
    """A server that ignores `background`: the create returns the finished generation, which is absent afterwards."""
    return Plan(create=ended_generation(id="resp_now", **more), forgets=True)


# A create that returns the finished generation.


@pytest.mark.parametrize("spelt", ["completed", "COMPLETED"])
def test_a_create_that_is_answered_with_the_text_is_a_result(spelt):
    """It is paid once though every retrieve is answered 404, and submit writes no result."""
    system = System()
    system.generator.plan(finished_by_the_create(status=spelt))
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    assert system.bucket.keys("results/") == []
    system.settle()
    assert system.result(KEY) == "answered at once"
    assert len(system.generator.requests) == 1
    record = system.run_record(KEY)
    assert (record["suspected_orphans"], record["usage"]["total_tokens"]) == (0, 5)
    assert [response["status"] for response in record["responses"]] == [spelt]
    assert system.problems() == []


def test_a_line_whose_create_is_answered_with_the_text_is_a_result():
    """The same holds for a line of a batch."""
    system = System()
    system.generator.plan(finished_by_the_create(body={"id": "resp_now", "output": []}), document="one")
    system.process(BATCH, batch({"input": "one"}, {"input": "two"}))
    first, _ = read(system, "results/batch.jsonl.jsonl")
    assert first["response"]["request_id"] == "resp_now"
    assert len(system.generator.requests) == 2
    assert system.generator.retrieved.count("resp_now") == 0


@pytest.mark.parametrize(
    ("more", "reason", "creates"),
    [
        ({"status": "failed", "text": "", "error_code": "invalid_prompt"}, "rejected_by_provider", 1),
        ({"text": ""}, "empty_output", 3),
        ({"refusal": "No."}, "refused", 1),
        ({"status": "incomplete", "incomplete_reason": "content_filter"}, "content_filter", 1),
    ],
)
def test_any_end_that_a_create_returns_is_an_end(more, reason, creates):
    """It has the same consequences as if a retrieve had returned it."""
    system = System()
    for number in range(3):
        system.generator.plan(Plan(create=ended_generation(id=f"resp_now{number}", **more), forgets=True))
    system.process(KEY, "text")
    assert system.error_record(KEY)["reason"] == reason
    assert len(system.generator.requests) == creates
    assert system.generator.retrieved == []


# What a retrieve returns while the generation runs.

ODD = {
    "400": FailedCall(status=400),
    "404": FailedCall(status=404, code="not_found"),
    "405": FailedCall(status=405),
    "409": FailedCall(status=409),
    "410": FailedCall(status=410),
    "425": FailedCall(status=425),
    "302": FailedCall(status=302),
    "a page": FailedCall(status=None, is_garbled=True),
    "expired": Generation(id="", status="expired"),
    "requires_action": Generation(id="", status="requires_action"),
    "validating": Generation(id="", status="validating"),
    "no status": Generation(id="", status=""),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_answer_while_a_generation_runs_does_not_end_it(odd):
    """Whether it comes once or for half a minute, documents and lines are paid once."""
    alive = Generation(id="", status="in_progress")
    system = System()
    system.generator.default = Plan(runs_s=700.0, retrieves=(alive, alive, *(ODD[odd],) * 3, alive, ODD[odd]))
    system.upload(KEY, "text")
    system.upload(BATCH, batch({"input": "one"}, {"input": "two"}))
    system.run(system.submit(KEY))
    system.run(system.submit(BATCH))
    tick_for(system, 1400)
    assert system.result(KEY) == "In short: text"
    assert len(read(system, "results/batch.jsonl.jsonl")) == 2
    assert len(system.generator.requests) == 3
    assert system.problems() == []


def test_a_lasting_absence_is_a_loss_that_the_record_shows():
    """After two minutes of absence a generation is lost, and the record of the result shows that, not `queued`."""
    system = System()
    system.generator.plan(Plan(forgets=True))
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    tick_for(system, 600)
    record = system.run_record(KEY)
    assert [response["status"] for response in record["responses"]] == ["lost", "completed"]
    assert record["suspected_orphans"] == 1
    first, second = system.generator.made.values()
    assert 120 <= second.created_s - first.created_s <= 240
    assert system.generator.retrieved.count(first.id) >= 4


def test_absences_far_apart_are_not_a_loss():
    """Two 404s with another answer in between mean nothing, however long the generation runs."""
    gone, alive = FailedCall(status=404), Generation(id="", status="in_progress")
    system = System()
    system.generator.default = Plan(runs_s=3000.0, retrieves=(gone, alive) * 8)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    tick_for(system, 4000, step_s=60)
    assert system.result(KEY)
    assert len(system.generator.made) == 1


def test_an_unknown_status_ends_at_the_deadline_and_is_recorded_verbatim():
    """It is polled until then, and paid once."""
    system = System({"BACKBURNER_DEADLINE_S": "600"})
    system.generator.default = Plan(runs_s=1.0, ending=Generation(id="", status="requires_action"))
    system.upload(KEY, "text")
    system.upload(BATCH, batch({"input": "one"}, {"input": "two"}))
    system.run(system.submit(KEY))
    system.run(system.submit(BATCH))
    tick_for(system, 1200)
    error = system.error_record(KEY)
    assert (error["reason"], error["responses"][0]["status"]) == ("deadline_exceeded", "requires_action")
    assert "requires_action" in error["message"]
    codes = [line["error"]["code"] for line in read(system, "failed/batch.jsonl.errors.jsonl")]
    assert codes == ["deadline_exceeded"] * 2
    assert len(system.generator.requests) == 3


@pytest.mark.parametrize("page", [FailedCall(status=None, is_garbled=True), FailedCall(status=302)])
def test_endless_html_pages_end_a_day_after_the_deadline(page):
    """It then fails as `provider_failed`; an outage of any length does not."""
    system = System({"BACKBURNER_DEADLINE_S": "600"})
    system.generator.plan(Plan(retrieves=(page,) * 10_000), document="text")
    system.generator.plan(Plan(retrieves=(page,) * 10_000), document="one")
    system.generator.plan(Plan(retrieves=(FailedCall(status=503),) * 10_000), document="outage")
    system.upload(KEY, "text")
    system.upload("inbox/b.txt", "outage")
    system.upload(BATCH, batch({"input": "one"}, {"input": "two"}))
    for key in (KEY, "inbox/b.txt", BATCH):
        system.run(system.submit(key))
    tick_for(system, DAY_S, step_s=1500)
    assert system.bucket.keys("failed/") == []
    tick_for(system, 4000, step_s=60)
    error = system.error_record(KEY)
    assert (error["reason"], error["responses"][0]["status"]) == ("provider_failed", "unknown")
    assert [line["error"]["code"] for line in read(system, "failed/batch.jsonl.errors.jsonl")] == ["provider_failed"]
    assert len(system.generator.requests) == 4
    assert [record["state"] for record in map(system.bucket.json, system.bucket.keys("ledger/open/"))] == ["running"]


@pytest.mark.parametrize("hint_s", [86_400.0, 365 * DAY_S, 1e8])
def test_a_retry_after_hides_no_message_beyond_its_deadline(hint_s):
    """With a `Retry-After` of a day, a deadline of ten minutes is kept and what has ended is collected."""
    system = System({"BACKBURNER_DEADLINE_S": "600"})
    late = FailedCall(status=429, retry_after_s=hint_s)
    system.generator.plan(Plan(runs_s=1e9, retrieves=(late, late)), document="text")
    system.generator.plan(Plan(runs_s=20.0, retrieves=(late,)), document="quick")
    system.upload(KEY, "text")
    system.upload("inbox/b.txt", "quick")
    system.run(system.submit(KEY))
    system.run(system.submit("inbox/b.txt"))
    tick_for(system, 400)
    assert system.result("inbox/b.txt")
    tick_for(system, 300)
    assert system.error_record(KEY)["reason"] == "deadline_exceeded"


# Whose answer it is.


def test_an_id_that_belongs_to_another_run_is_ambiguous():
    """A caching gateway gives the first document's id to the second, which never gets the first one's text."""
    system = System()
    system.process(KEY, "text")
    (first,) = system.generator.made
    for document in ("second", "third"):
        system.generator.plan(Plan(create=Generation(id=first, status="queued")), document=document)
    system.process("inbox/b.txt", "second")
    assert system.result("inbox/b.txt") == "In short: second"
    record = system.run_record("inbox/b.txt")
    assert (record["suspected_orphans"], len(system.generator.requests)) == (1, 3)
    assert first not in [response["id"] for response in record["responses"]]
    assert first not in system.generator.cancelled
    system.process(BATCH, batch({"input": "x"}, {"input": "third"}, {"input": "y"}))
    assert system.problems() == []


def test_an_id_that_the_same_run_already_had_is_ambiguous():
    """A gateway answers every create with the same generation: the job ends, and never with that old answer."""
    system = System()
    system.generator.default = Plan(create=ended_generation(id="resp_same", text="", usage=None))
    system.process(KEY, "text")
    error = system.error_record(KEY)
    assert (error["reason"], error["suspected_orphans"]) == ("provider_failed", 2)
    assert "resp_same" in error["message"]


def test_lines_that_get_the_same_id_never_share_an_answer():
    """If two lines of a batch get one id, the second is tried again."""
    system = System()
    system.generator.plan(Plan(create=Generation(id="resp_1", status="queued")), document="two")
    system.process(BATCH, batch({"input": "one"}, {"input": "two"}))
    texts = [
        line["response"]["body"]["output"][0]["content"][0]["text"]
        for line in read(system, "results/batch.jsonl.jsonl")
    ]
    assert texts == ["In short: one", "In short: two"]


@pytest.mark.parametrize("provider", ["openai", "generic"])
def test_a_create_that_echoes_another_job_id_is_another_jobs_answer(provider):
    """The echo is checked only where `metadata.job_id` is sent."""
    environment = {"BACKBURNER_PROVIDER": provider, "OPENAI_BASE_URL": "http://host/v1"}
    system = System(environment)
    system.generator.plan(Plan(create=ended_generation(id="resp_other", job="f" * 32)))
    system.process(KEY, "text")
    is_checked = provider == "openai"
    assert system.result(KEY) == ("In short: text" if is_checked else "answered at once")
    assert system.run_record(KEY)["suspected_orphans"] == is_checked


def test_a_retrieve_that_echoes_another_job_id_is_not_an_answer():
    """The generation is polled again; a few such answers do not end it."""
    system = System()
    system.generator.plan(Plan(retrieves=(ended_generation(id="resp_1", job="f" * 32),) * 2))
    system.process(KEY, "text")
    assert system.result(KEY) == "In short: text"
    assert len(system.generator.requests) == 1


# Pauses.


def test_a_provider_without_a_store_is_paused_and_no_attempt_counted():
    """As with vLLM, the pause shows the server's own words, no attempt or orphan is counted, and it ends by itself."""
    system = System()
    words = "`store=True` (default) is not supported. Set `VLLM_ENABLE_RESPONSES_API_STORE=1`."
    system.generator.default = Plan(
        create=FailedCall(status=501, code="invalid_request_error", param="store", message=words)
    )
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    tick_for(system, 600, step_s=60)
    (record,) = map(system.bucket.json, system.bucket.keys("ledger/open/"))
    assert (record["attempt"], record["suspected_orphans"], record["waiting_for"]) == (0, 0, "provider")
    assert "`store=True`" in governor(system)["pauses"]["*"]["why"]
    system.generator.default = Plan()
    system.settle()
    assert system.result(KEY)
    assert governor(system)["pauses"] == {}


def test_an_address_without_an_api_fails_no_document():
    """If the base URL lacks `/v1`, everything waits, and the pause names the address."""
    system = System()
    nowhere = FailedCall(status=404, is_api_error=False, url="POST http://host:8000/responses")
    system.generator.default = Plan(create=nowhere)
    for number in range(5):
        system.upload(f"inbox/{number}.txt", f"text {number}")
        system.run(system.submit(f"inbox/{number}.txt"))
    tick_for(system, 300, step_s=60)
    assert system.bucket.keys("failed/") == []
    assert "http://host:8000/responses" in governor(system)["pauses"]["*"]["why"]
    system.generator.default = Plan()
    system.settle()
    assert len(system.bucket.keys("results/")) == 10


@pytest.mark.parametrize("call", ["create", "retrieve"])
def test_a_pause_for_a_refused_key_ends_with_any_accepted_call(call):
    """If no job waits, no create comes: the first retrieve that is accepted ends the pause and its alarm."""
    system, refused = System(), FailedCall(status=401)
    system.generator.plan(Plan(runs_s=500.0, retrieves=(refused,) * 2 if call == "retrieve" else ()), document="text")
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    if call == "create":
        system.generator.plan(Plan(create=refused), document="other")
        system.upload("inbox/b.txt", "other")
        system.run(system.submit("inbox/b.txt"))
        system.bucket.remove("inbox/b.txt")
    else:
        system.world.later(3)
        system.run(system.tick())
    assert "*" in governor(system)["pauses"]
    tick_for(system, 240)
    assert system.bucket.keys("results/") == []
    assert governor(system)["pauses"] == {}


def test_a_pause_for_an_exhausted_quota_does_not_end_with_a_retrieve():
    """A retrieve costs nothing, so it proves nothing about the next create."""
    system = System()
    system.generator.plan(Plan(runs_s=500.0), document="text")
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.generator.default = Plan(create=FailedCall(status=429, code="insufficient_quota"))
    system.upload("inbox/b.txt", "other")
    system.run(system.submit("inbox/b.txt"))
    tick_for(system, 180)
    assert "*" in governor(system)["pauses"]
    assert len(system.generator.requests) <= 2 + system.world.seconds / 60  # two uploads, and one probe a minute


def test_a_pause_that_no_job_waits_for_ends():
    """The job that caused it is gone and nobody probes, so the pause and its alarm end."""
    system = System()
    system.generator.plan(Plan(create=FailedCall(status=403)))
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.bucket.remove(KEY)
    tick_for(system, 4000, step_s=60)
    counters, _ = system.run(system.parts().governor.counters())
    assert counters.pauses == {}


# Answers that were cut off, and caps.


def test_a_text_that_reaches_its_cap_is_retried_with_twice_the_cap():
    """A completed answer with exactly as many tokens as its cap is not taken for a result."""
    system = System()
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 100\n---\nDo it.")
    met = ended_generation(text="half a", usage=Usage(input_tokens=5, output_tokens=100, total_tokens=105))
    system.generator.plan(Plan(ending=met), document="text")
    system.generator.plan(Plan(ending=ended_generation(text="half a", is_cut_off=True)), document="other")
    system.process(KEY, "text")
    system.process("inbox/b.txt", "other")
    assert [request["max_output_tokens"] for request in system.generator.requests] == [100, 200, 100, 200]
    assert (system.result(KEY), system.result("inbox/b.txt")) == ("In short: text", "In short: other")


def test_a_line_without_a_cap_is_not_retried_with_the_providers_own():
    """Only a cap that was sent is doubled, not the one that vLLM echoes."""
    cut = Generation(id="", status="incomplete", incomplete_reason="max_output_tokens")
    system = System()
    for document in ("one", "two"):
        system.generator.plan(Plan(ending=cut), document=document)
    echo = {"max_output_tokens": 8192}
    truth = system.generator._truth
    system.generator._truth = lambda made: _with_body(truth(made), echo)
    system.process(BATCH, batch({"input": "one"}, {"input": "two", "max_output_tokens": 50}, {"input": "three"}))
    caps = [request.get("max_output_tokens") for request in system.generator.requests]
    assert sorted(caps, key=str) == [100, 50, None, None]
    (error,) = read(system, "failed/batch.jsonl.errors.jsonl")
    assert (error["custom_id"], error["error"]["code"]) == ("id-0", "output_truncated")


def _with_body(generation, more):
    return type(generation)(
        **{name: getattr(generation, name) for name in generation.__struct_fields__ if name != "body"},
        body=generation.body | more,
    )


def test_a_doubled_cap_beyond_the_window_does_not_make_the_document_too_large():
    """The failure is `output_truncated`, since only the doubled cap does not fit."""
    system = System()
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 100\n---\nDo it.")
    cut = Generation(id="", status="incomplete", text="half a", incomplete_reason="max_output_tokens")
    system.generator.plan(Plan(ending=cut))
    system.generator.plan(Plan(create=FailedCall(status=400, code="context_length_exceeded")))
    system.process(KEY, "text")
    error = system.error_record(KEY)
    assert (error["reason"], error["partial_text"]) == ("output_truncated", "half a")


def test_a_context_overflow_of_vllm_is_cut_smaller_and_sent_again():
    """It is recognised by its words, since vLLM gives no code for it."""
    system = System()
    words = (
        "This model's maximum context length is 8192 tokens. However, your prompt contains at least 9000 input tokens."
    )
    long = FailedCall(status=400, code="BadRequestError", param="input_tokens", message=words)
    text = "A sentence about harbours. " * 40
    system.generator.plan(Plan(create=long), document=text)
    system.process(KEY, text)
    assert len(system.run_record(KEY)["parts"]) >= 2
    assert system.problems() == []


# What a provider leaves out, and what it repeats.


@pytest.mark.parametrize("usage", [None, Usage()])
def test_if_usage_is_not_reported_the_estimate_counts(usage):
    """Otherwise a provider that reports no usage would never use up a budget."""
    system = System({"BACKBURNER_DAILY_TOKENS": "1000000"})
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 500\n---\nDo it.")
    system.generator.default = Plan(ending=ended_generation(usage=usage))
    system.process(KEY, "text " * 100)
    documents = governor(system)["tokens"]
    assert documents > 500
    assert system.run_record(KEY)["usage"]["total_tokens"] == 0
    system.process(BATCH, batch({"input": "one"}, {"input": "two"}))
    assert governor(system)["tokens"] > documents + 2 * 500
    assert system.problems() == []


DIARY = "My dear diary"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 501, 503])
def test_a_providers_words_are_in_the_error_record_and_nowhere_else(status, caplog):
    """They repeat the document and the key, so they are neither logged nor shown to readers of the governor."""
    caplog.set_level(logging.DEBUG)
    said = FailedCall(status=status, code="odd code of mine", message=f"{DIARY}, refused")
    system = System()
    for document in (DIARY, "one", "two"):
        system.generator.plan(Plan(create=said), document=document, times=9)
    system.upload(KEY, DIARY)
    system.upload(BATCH, batch({"input": "one"}, {"input": "two"}))
    system.run(system.submit(KEY))
    system.run(system.submit(BATCH))
    tick_for(system, 300, step_s=60)
    logged = "\n".join(str(vars(record)) for record in caplog.records)
    assert DIARY not in logged
    assert "odd code of mine" not in logged
    holding = [key for key in system.bucket.objects if DIARY in system.bucket.body(key)]
    assert [key for key in holding if not key.startswith(("inbox/", "failed/", "ledger/work/"))] == []


POISON = [
    {"usage": {"input_tokens": 5, "output_tokens": 1e308, "total_tokens": 1e308}},
    {"usage": {"input_tokens": 10**310, "output_tokens": -5, "total_tokens": 10**310}},
    {"usage": {"input_tokens": "12", "output_tokens": "many"}},
    {"created_at": 1e308, "completed_at": -1e308},
    {"created_at": 1_900_000_000_000, "completed_at": 0},
    {"error": {"code": "\ud83d", "message": ["\ud83d"]}, "model": "\ud83d"},
    {"metadata": {"a": float("nan"), "b": "\ud83d", "c": 10**310}},
    {"output": [{"type": {}}, {"type": "message", "content": [{"type": "output_text", "text": "half \ud83d"}]}]},
]


@pytest.mark.parametrize("poison", POISON, ids=range(len(POISON)))
def test_impossible_values_in_an_answer_harm_no_other_job(poison):
    """With a price and a budget, every document and line ends, and the governor stays readable."""
    system = System({"BACKBURNER_DAILY_COST": "1000", "BACKBURNER_DAILY_TOKENS": "1000000"})
    system.bucket.upload("recipes/default.md", "---\nprice: {input: 1, output: 2}\n---\nDo it.")
    message = {"type": "message", "content": [{"type": "output_text", "text": "fine"}]}
    ended = generation_of({"id": "r", "status": "completed", "output": [message]} | poison, 1e308)
    for document in ("text", "one"):
        system.generator.plan(Plan(ending=ended), document=document)
    system.process(KEY, "text")
    system.process(BATCH, batch({"input": "one"}, {"input": "two"}))
    system.process("inbox/b.txt", "healthy")
    assert system.result("inbox/b.txt") == "In short: healthy"
    assert len(read(system, "results/batch.jsonl.jsonl")) == 2
    assert system.result(KEY)
    assert 0 < governor(system)["cost"] < 1
    assert governor(system)["usual_s"]["model-1"] <= 60
    assert system.problems() == []


def test_an_id_that_returns_after_an_uncounted_attempt_is_noticed():
    """The first attempt ended for lack of quota and was not counted, yet the same id is not a new generation."""
    system = System()
    system.generator.plan(Plan(runs_s=1.0, ending=Generation(id="", status="failed", error_code="insufficient_quota")))
    system.generator.plan(Plan(create=Generation(id="resp_1", status="queued")))
    system.process(KEY, "text")
    record = system.run_record(KEY)
    assert [response["id"] for response in record["responses"]] == ["resp_1", "resp_2"]
    assert record["suspected_orphans"] == 1


def test_the_first_look_comes_before_the_deadline():
    """That holds however long the model's generations usually take."""
    system = System()
    system.bucket.upload("ledger/governor.json", json.dumps({"usual_s": {"model-1": 90_000.0}}))
    system.bucket.upload("recipes/default.md", "---\ndeadline: 60s\n---\nDo it.")
    system.generator.default = Plan(runs_s=1e9)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    tick_for(system, 120)
    assert system.error_record(KEY)["reason"] == "deadline_exceeded"
