"""What the page receives and changes, over HTTP."""

import json

from backburner.errors import Reason
from backburner_cli.operator.remedies import REMEDIES
from support.command_deployment import DONE, FAILED, OPEN
from support.fakes import Plan
from support.system import BUCKET, System

QUOTING = "---\nschema: {type: object, additionalProperties: {type: string, x-quote: true}}\n---\nList the facts."
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def listed(console, **asked) -> dict[str, str]:
    """Keys and states, in order."""
    return {row["key"]: row["state"] for row in console.get("/api/jobs", **asked)["rows"]}


def change(console, path: str, **body):
    """The answer to a change."""
    answer = console.http.post(path, json=body)
    return answer.status_code, answer.json()


def test_the_run_is_shown_at_a_glance(console) -> None:
    """Counts by state, tokens, ends over time, places; the bars add up to what has ended."""
    answer = console.ready()
    assert answer["states"] == {"done": 1, "failed": 1, "running": 1}
    assert answer["reasons"] == {"unknown_recipe": 1}
    assert answer["input_tokens"] > 0
    assert answer["limits"]["places_in_use"] == 1
    assert answer["limits"]["dead_letters"] == 0
    everything = console.get("/api/overview", span="all")
    assert sum(bar["done"] + bar["failed"] for bar in everything["bars"]) == 2
    assert console.http.get("/api/overview", params={"span": "century"}).status_code == 400


def test_the_list_is_filtered_sorted_and_paged(console) -> None:
    """It is the same as in `backburner jobs`."""
    console.ready()
    assert listed(console, sort="key", reverse="false") == {DONE: "done", FAILED: "failed", OPEN: "running"}
    assert listed(console, state=["failed", "done"], sort="key", reverse="false") == {DONE: "done", FAILED: "failed"}
    assert listed(console, reason="unknown_recipe") == {FAILED: "failed"}
    assert listed(console, recipe="nosuch") == {FAILED: "failed"}
    assert listed(console, prefix="inbox/o") == {OPEN: "running"}
    assert listed(console, text="OPEN") == {OPEN: "running"}
    assert listed(console, key=[DONE, OPEN], sort="key", reverse="true") == {OPEN: "running", DONE: "done"}
    second = console.get("/api/jobs", sort="key", reverse="false", offset=1, limit=1)
    assert (second["total"], [row["key"] for row in second["rows"]]) == (3, [FAILED])


def test_an_impossible_request_is_explained(console) -> None:
    """The answer says what is wrong, without a traceback."""
    for asked in ({"state": "lost"}, {"sort": "luck"}, {"offset": "-1"}, {"limit": "many"}, {"offset": "9" * 40}):
        answer = console.http.get("/api/jobs", params=asked)
        assert (answer.status_code, set(answer.json())) == (400, {"problem"}), asked


def test_one_document_is_shown_as_show_prints_it(console) -> None:
    """Timeline, outcome, remedy; source and result are unchanged."""
    console.ready()
    done = console.get("/api/story", key=DONE)
    assert done["row"]["state"] == "done"
    assert done["timeline"][0]["what"].startswith("uploaded, 4 bytes")
    assert "results/done.txt.md" in done["timeline"][-1]["what"]
    assert console.get("/api/shown", key=DONE)["text"] == "done"
    assert console.get("/api/shown", key=done["result_key"])["text"]
    failed = console.get("/api/story", key=FAILED)["failure"]
    assert failed["remedy"] == REMEDIES[Reason.UNKNOWN_RECIPE]
    assert "running" in console.get("/api/story", key=OPEN)["standing"]


def test_nothing_but_documents_and_their_outputs_is_shown(console) -> None:
    """The ledger is not, and a missing document is reported."""
    for path in ("/api/story", "/api/shown", "/api/quotes", "/content/raw", "/content/download"):
        for key in ("inbox/never.txt", "ledger/governor.json", "recipes/default.md", "", "../inbox/done.txt"):
            answer = console.http.get(path, params={"key": key})
            assert (answer.status_code in (400, 404), set(answer.json())) == (True, {"problem"}), (path, key)


def test_the_quotes_of_a_result_are_shown_in_its_source(console, cloud) -> None:
    """Places are in characters, not UTF-16 units; none are shown if there are none or the source has changed."""
    key, text = "inbox/facts/lease.txt", "\U0001f600 <b>The rent is\n1,250 euros</b> a month."
    system = System()
    system.bucket.upload("recipes/facts.md", QUOTING)
    system.generator.plan(
        Plan(text=json.dumps({"rent": "The rent is 1,250 euros", "all": "rent is 1,250 euros</b> a month"}))
    )
    system.process(key, text)
    cloud.settle_in(system, old=())
    answer = console.get("/api/quotes", key=key)
    assert (answer["checked"], answer["problem"]) == (2, None)
    assert [(each["pointer"], each["text"]) for each in answer["quotes"]] == [
        ("/rent", "The rent is 1,250 euros"),
        ("/all", "rent is 1,250 euros</b> a month"),
    ]
    assert answer["quotes"][0]["where"] == "characters 5 to 28"
    assert answer["pieces"] == [
        ["\U0001f600 <b>", []], ["The ", [0]], ["rent is\n1,250 euros", [0, 1]], ["</b> a month", [1]], [".", []],
    ]  # fmt: skip
    assert console.get("/api/story", key=key)["details"]["quotes"] == "2, all found in the document"
    assert console.get("/api/quotes", key=DONE)["checked"] == 0
    cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=b"Another one.")
    changed = console.get("/api/quotes", key=key)
    assert (changed["pieces"], "replaced" in changed["problem"]) == ([], True)


def test_pictures_and_pdfs_are_shown_as_they_are_and_nothing_else_is(console, cloud) -> None:
    """A document that a browser would run as a page of ours is sent as text or as a download."""
    put = {"inbox/a.png": PNG, "inbox/b.pdf": b"%PDF-1.4\n", "inbox/c.html": SCRIPT.encode(), "inbox/d.svg": b"<svg/>"}
    for key, body in put.items():
        cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="text/html")
    raw = {key: console.http.get("/content/raw", params={"key": key}) for key in put}
    assert {key: (answer.status_code, answer.headers["content-type"]) for key, answer in raw.items()} == {
        "inbox/a.png": (200, "image/png"),
        "inbox/b.pdf": (200, "application/pdf"),
        "inbox/c.html": (404, "application/json"),
        "inbox/d.svg": (404, "application/json"),
    }
    assert console.get("/api/shown", key="inbox/a.png")["kind"] == "picture"
    assert console.get("/api/shown", key="inbox/b.pdf")["kind"] == "pdf"
    whole = console.http.get("/content/download", params={"key": "inbox/c.html"})
    assert (whole.content, whole.headers["content-type"]) == (SCRIPT.encode(), "application/octet-stream")
    assert whole.headers["content-disposition"].startswith("attachment;")


def test_content_from_users_is_served_as_json_only(console, cloud) -> None:
    """Whatever a key, a message or a text contains, the answer is not markup."""
    key = f"inbox/notes/{SCRIPT}.txt"
    cloud.s3.put_object(Bucket=BUCKET, Key="recipes/notes.md", Body=b"Say it.")
    console.http.put("/api/upload", params={"recipe": "notes", "path": f"{SCRIPT}.txt"}, content=SCRIPT.encode())
    assert key in cloud.keys("inbox/")
    console.until(lambda _: console.get("/api/jobs", text="alert")["total"])
    for path in ("/api/jobs", "/api/failures"):
        answer = console.http.get(path)
        assert answer.headers["content-type"] == "application/json"
    assert console.get("/api/shown", key=key)["text"] == SCRIPT


def test_failures_are_grouped_with_their_remedy_and_messages(console) -> None:
    """The groups are those of `backburner failed`."""
    console.ready()
    (group,) = console.get("/api/failures")["reasons"]
    assert (group["reason"], group["count"], group["remedy"]) == ("unknown_recipe", 1, REMEDIES[Reason.UNKNOWN_RECIPE])
    (example,) = group["examples"]
    assert (example["key"], "nosuch" in example["message"]) == (FAILED, True)


def test_failures_are_replayed_once_their_number_is_confirmed(console, cloud) -> None:
    """The message for the next run is sent; if the number has changed since it was shown, it is refused."""
    console.ready()
    cloud.take("pending")
    status, told = change(console, "/api/replay", states=["failed"], agreed=2)
    assert (status, "is 1 now, not 2" in told["problem"]) == (409, True)
    assert cloud.take("backlog") == []
    status, told = change(console, "/api/replay", states=["failed"], reasons=["unknown_recipe"], agreed=1)
    assert (status, told["what"], told["total"]) == (200, "run again", 1)
    over = console.until(lambda told: told["actions"][-1]["is_over"])
    assert over["actions"][-1]["outcomes"] == {"to run again": 1}
    (message,) = [json.loads(body) for body in cloud.take("backlog") + cloud.take("pending")]
    assert (message["key"], message["run"]) == (FAILED, 2)


def test_a_done_document_is_rerun_only_on_request(console) -> None:
    """It is billed again."""
    console.ready()
    for rerun, said in ((False, "left alone: done"), (True, "to run again")):
        change(console, "/api/replay", keys=[DONE], agreed=1, rerun=rerun)
        told = console.until(lambda told: told["actions"][-1]["is_over"])
        assert told["actions"][-1]["outcomes"] == {said: 1}


def test_a_job_is_cancelled(console, cloud) -> None:
    """The request is in its record; ended jobs do not count."""
    console.ready()
    assert change(console, "/api/cancel", agreed=3)[0] == 409
    assert change(console, "/api/cancel", agreed=1)[0] == 200
    told = console.until(lambda told: told["actions"][-1]["is_over"])
    assert told["actions"][-1]["outcomes"] == {"cancelled at the next tick": 1}
    (record,) = cloud.keys("ledger/open/")
    assert cloud.json(record)["cancelled_for"] == "cancelled"


def test_an_unclear_change_changes_nothing(console, cloud) -> None:
    """A misspelt filter must not select everything."""
    console.ready()
    cloud.take("pending")
    for body in (b"", b"[]", b"{", b'{"agreed": "1"}', b'{"agreed": 1, "everything": true}', b"[" * 100_000):
        answer = console.http.post("/api/replay", content=body)
        assert (answer.status_code, "problem" in answer.json()) == (400, True), body[:40]
    assert cloud.take("backlog") + cloud.take("pending") == []


def test_a_dropped_document_is_put_with_its_tree(console, cloud) -> None:
    """Its bytes are unchanged, a repetition is skipped, and the list shows it as not started."""
    body = bytes(range(256)) * 5000
    cloud.s3.put_object(Bucket=BUCKET, Key="recipes/summary.md", Body=b"Say it.")
    for said in ("uploaded", "skipped: under way"):
        answer = console.http.put("/api/upload", params={"recipe": "summary", "path": "2024/ä b.bin"}, content=body)
        told = answer.json()
        assert (answer.status_code, told["key"], told["upload"]) == (200, "inbox/summary/2024/ä b.bin", said)
    assert cloud.s3.get_object(Bucket=BUCKET, Key="inbox/summary/2024/ä b.bin")["Body"].read() == body
    console.until(lambda told: told["states"].get("unclaimed") == 1)
    assert listed(console, state="unclaimed") == {"inbox/summary/2024/ä b.bin": "unclaimed"}


def test_without_a_recipe_a_folder_is_not_taken_for_one(console, cloud) -> None:
    """Keys are named as by `put`."""
    for path, key in (("a.txt", "inbox/a.txt"), ("b/a.txt", "inbox/default/b/a.txt")):
        answer = console.http.put("/api/upload", params={"recipe": "", "path": path}, content=b"text")
        assert answer.json()["key"] == key
        assert key in cloud.keys("inbox/")


def test_a_document_for_a_missing_recipe_is_refused(console, cloud) -> None:
    """It would only fail as unknown_recipe."""
    answer = console.http.put("/api/upload", params={"recipe": "nope", "path": "a.txt"}, content=b"text")
    assert (answer.status_code, "recipes/nope.md" in answer.json()["problem"]) == (400, True)
    assert cloud.keys("inbox/nope/") == []


def test_an_impossible_key_is_reported(console) -> None:
    """It is reported before anything is uploaded."""
    for asked in ({"path": "a", "recipe": "a/b"}, {"path": ""}, {"path": "/"}, {"path": "a" * 1100}):
        answer = console.http.put("/api/upload", params=asked, content=b"text")
        assert (answer.status_code, "problem" in answer.json()) == (400, True), asked


def test_recipes_for_uploads_are_listed(console, cloud) -> None:
    """They are those of the bucket, and the built-in one."""
    cloud.s3.put_object(Bucket=BUCKET, Key="recipes/lease.md", Body=b"Say it.")
    assert console.get("/api/recipes")["recipes"] == ["default", "lease"]
