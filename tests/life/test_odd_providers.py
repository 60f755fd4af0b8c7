"""Providers that say odd things: nothing is paid for twice because of it, nothing hangs, nobody else has to suffer."""

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


def told(**more):
    """How a generation ended, as a create or a retrieve may tell it."""
    ended = {"id": "", "status": "completed", "text": "told at once", "usage": Usage(total_tokens=5)}
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
    """Ticks for so long, twice a minute or more often."""
    for _ in range(int(seconds / step_s)):
        system.run(system.tick())
        system.world.later(step_s)


def answered_at_once(**more):
    """A server that ignores `background`: the create brings the end, and nothing is known of it afterwards."""
    return Plan(create=told(id="resp_now", **more), forgets=True)


# A create that is answered with the end.


@pytest.mark.parametrize("spelt", ["completed", "COMPLETED"])
def test_a_create_that_is_answered_with_the_text_is_a_result(spelt):
    """Paid once, though every later question about it is answered 404; submit writes no result."""
    system = System()
    system.generator.plan(answered_at_once(status=spelt))
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    assert system.bucket.keys("results/") == []
    system.settle()
    assert system.result(KEY) == "told at once"
    assert len(system.generator.requests) == 1
    record = system.run_record(KEY)
    assert (record["suspected_orphans"], record["usage"]["total_tokens"]) == (0, 5)
    assert [response["status"] for response in record["responses"]] == [spelt]
    assert system.problems() == []


def test_a_line_whose_create_is_answered_with_the_text_is_a_result():
    """The same for a batch."""
    system = System()
    system.generator.plan(answered_at_once(body={"id": "resp_now", "output": []}), document="one")
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
def test_any_end_reported_by_a_create_is_an_end(more, reason, creates):
    """With what follows from it, as if a retrieve had told it."""
    system = System()
    for number in range(3):
        system.generator.plan(Plan(create=told(id=f"resp_now{number}", **more), forgets=True))
    system.process(KEY, "text")
    assert system.error_record(KEY)["reason"] == reason
    assert len(system.generator.requests) == creates
    assert system.generator.retrieved == []


# What a retrieve says while the generation runs.

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
def test_an_odd_answer_while_it_runs_gives_nothing_up(odd):
    """Neither once nor for half a minute in the middle: documents and lines are paid once."""
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
    """Told again and again for two minutes; the lost one is not "queued" in the record of what is done."""
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


def test_absences_that_are_far_apart_are_no_loss():
    """Two 404s with an answer between them say nothing, however long the generation runs."""
    gone, alive = FailedCall(status=404), Generation(id="", status="in_progress")
    system = System()
    system.generator.default = Plan(runs_s=3000.0, retrieves=(gone, alive) * 8)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    tick_for(system, 4000, step_s=60)
    assert system.result(KEY)
    assert len(system.generator.made) == 1


def test_a_status_that_nobody_knows_ends_at_the_deadline_verbatim():
    """Looked at again until then, paid once."""
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
def test_a_page_of_html_for_ever_ends_a_day_after_the_deadline(page):
    """It is the provider's failure; an outage of any length is not."""
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
def test_a_hint_hides_nothing_beyond_its_deadline(hint_s):
    """`Retry-After` of a day on one retrieve: a deadline of ten minutes is kept, and what has ended is collected."""
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


def test_an_id_that_another_run_has_is_ambiguous():
    """A caching gateway gives the first document's id to the second: it never gets the first one's text."""
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


def test_an_id_that_is_given_again_to_the_same_run_is_ambiguous_too():
    """A gateway that answers every create with what it has: the job ends, and never with an old answer."""
    system = System()
    system.generator.default = Plan(create=told(id="resp_same", text="", usage=None))
    system.process(KEY, "text")
    error = system.error_record(KEY)
    assert (error["reason"], error["suspected_orphans"]) == ("provider_failed", 2)
    assert "resp_same" in error["message"]


def test_lines_that_are_given_one_id_never_share_an_answer():
    """Two lines of one batch, one id: the second is tried again."""
    system = System()
    system.generator.plan(Plan(create=Generation(id="resp_1", status="queued")), document="two")
    system.process(BATCH, batch({"input": "one"}, {"input": "two"}))
    texts = [
        line["response"]["body"]["output"][0]["content"][0]["text"]
        for line in read(system, "results/batch.jsonl.jsonl")
    ]
    assert texts == ["In short: one", "In short: two"]


@pytest.mark.parametrize("provider", ["openai", "generic"])
def test_an_echo_of_another_jobs_name_is_another_jobs_answer(provider):
    """Where `metadata.job_id` is sent, its echo is checked; elsewhere nothing is made of it."""
    environment = {"BACKBURNER_PROVIDER": provider, "OPENAI_BASE_URL": "http://host/v1"}
    system = System(environment)
    system.generator.plan(Plan(create=told(id="resp_other", job="f" * 32)))
    system.process(KEY, "text")
    is_checked = provider == "openai"
    assert system.result(KEY) == ("In short: text" if is_checked else "told at once")
    assert system.run_record(KEY)["suspected_orphans"] == is_checked


def test_a_retrieve_that_echoes_another_jobs_name_is_no_answer():
    """It is looked at again; one such answer gives nothing up."""
    system = System()
    system.generator.plan(Plan(retrieves=(told(id="resp_1", job="f" * 32),) * 2))
    system.process(KEY, "text")
    assert system.result(KEY) == "In short: text"
    assert len(system.generator.requests) == 1


# Pauses.


def test_a_store_that_is_off_pauses_and_counts_nothing():
    """As vLLM does without its store: its own words are shown, no attempt, no orphan; it continues by itself."""
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
    """A base URL without `/v1`: everything waits, and the pause names the address."""
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
def test_a_refused_key_is_forgiven_by_any_call_that_is_accepted(call):
    """With nothing that waits no create would ever come: the alarm ends with the first retrieve that goes through."""
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


def test_a_pause_for_money_is_not_forgiven_by_a_retrieve():
    """Looking costs nothing: it proves nothing about the next create."""
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


def test_a_pause_for_which_nobody_waits_ends():
    """The job that met it is gone: nobody probes any more, and the alarm does not continue for ever."""
    system = System()
    system.generator.plan(Plan(create=FailedCall(status=403)))
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    system.bucket.remove(KEY)
    tick_for(system, 4000, step_s=60)
    counters, _ = system.run(system.parts().governor.counters())
    assert counters.pauses == {}


# Cut off, and what caps mean.


def test_a_text_that_meets_its_cap_is_tried_with_twice_the_cap():
    """Called completed, and yet as many tokens as were asked for: never a result."""
    system = System()
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 100\n---\nDo it.")
    met = told(text="half a", usage=Usage(input_tokens=5, output_tokens=100, total_tokens=105))
    system.generator.plan(Plan(ending=met), document="text")
    system.generator.plan(Plan(ending=told(text="half a", is_cut_off=True)), document="other")
    system.process(KEY, "text")
    system.process("inbox/b.txt", "other")
    assert [request["max_output_tokens"] for request in system.generator.requests] == [100, 200, 100, 200]
    assert (system.result(KEY), system.result("inbox/b.txt")) == ("In short: text", "In short: other")


def test_a_line_without_a_cap_is_not_sent_again_with_the_providers_own():
    """As vLLM echoes it; only a cap that was sent is doubled."""
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


def test_a_doubled_cap_that_does_not_fit_the_window_is_no_document_that_is_too_long():
    """The text was cut off; what does not fit is only the doubled cap."""
    system = System()
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 100\n---\nDo it.")
    cut = Generation(id="", status="incomplete", text="half a", incomplete_reason="max_output_tokens")
    system.generator.plan(Plan(ending=cut))
    system.generator.plan(Plan(create=FailedCall(status=400, code="context_length_exceeded")))
    system.process(KEY, "text")
    error = system.error_record(KEY)
    assert (error["reason"], error["partial_text"]) == ("output_truncated", "half a")


def test_vllms_too_long_is_cut_smaller_and_sent_once_more():
    """By its words, since it gives no code for it."""
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


# What is not told, and what is told too much.


@pytest.mark.parametrize("usage", [None, Usage()])
def test_if_usage_is_never_reported_the_estimate_counts(usage):
    """A budget that a silent provider could never spend would be none."""
    system = System({"BACKBURNER_DAILY_TOKENS": "1000000"})
    system.bucket.upload("recipes/default.md", "---\nmax_output_tokens: 500\n---\nDo it.")
    system.generator.default = Plan(ending=told(usage=usage))
    system.process(KEY, "text " * 100)
    documents = governor(system)["tokens"]
    assert documents > 500
    assert system.run_record(KEY)["usage"]["total_tokens"] == 0
    system.process(BATCH, batch({"input": "one"}, {"input": "two"}))
    assert governor(system)["tokens"] > documents + 2 * 500
    assert system.problems() == []


DIARY = "My dear diary"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 501, 503])
def test_a_providers_words_stand_in_the_error_record_and_nowhere_else(status, caplog):
    """It repeats the document and the key: neither is logged, nor shown to whoever may read the governor."""
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
def test_poison_in_an_answer_ends_its_job_and_harms_no_other(poison):
    """For a document and a line, with a price and a budget: everything ends, and the governor stays readable."""
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


def test_an_id_that_comes_back_after_the_attempt_was_given_back_is_noticed():
    """It ended for want of money, so no attempt was used: the same id again is still no new generation."""
    system = System()
    system.generator.plan(Plan(runs_s=1.0, ending=Generation(id="", status="failed", error_code="insufficient_quota")))
    system.generator.plan(Plan(create=Generation(id="resp_1", status="queued")))
    system.process(KEY, "text")
    record = system.run_record(KEY)
    assert [response["id"] for response in record["responses"]] == ["resp_1", "resp_2"]
    assert record["suspected_orphans"] == 1


def test_the_first_look_comes_before_the_deadline():
    """However long generations of that model usually take."""
    system = System()
    system.bucket.upload("ledger/governor.json", json.dumps({"usual_s": {"model-1": 90_000.0}}))
    system.bucket.upload("recipes/default.md", "---\ndeadline: 60s\n---\nDo it.")
    system.generator.default = Plan(runs_s=1e9)
    system.upload(KEY, "text")
    system.run(system.submit(KEY))
    tick_for(system, 120)
    assert system.error_record(KEY)["reason"] == "deadline_exceeded"
