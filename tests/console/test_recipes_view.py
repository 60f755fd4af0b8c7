"""Recipes over HTTP: read, changed, tried on one document, compared."""

from datetime import UTC, datetime

from backburner.ledger.records import State
from backburner_cli.console.recipes import TRIAL, compared, path_below_recipe
from backburner_cli.operator.job import Job
from backburner_cli.pages.difference import pieces
from support.command_deployment import DONE
from support.system import BUCKET

TEXT = "Say it in five words."


def put(console, **body):
    """The answer to saving a recipe."""
    answer = console.http.put("/api/recipe", json=body)
    return answer.status_code, answer.json()


def test_a_recipe_is_changed_only_as_it_was_read(console, cloud) -> None:
    """A new one only if there is none; another person's change in between is kept."""
    assert put(console, name="lease", text=TEXT, etag="")[0] == 200
    read = console.get("/api/recipe", name="lease")
    assert read["text"] == TEXT
    assert put(console, name="lease", text=TEXT + " Please.", etag=read["etag"])[0] == 200
    for etag in ("", read["etag"]):
        status, answer = put(console, name="lease", text="Mine.", etag=etag)
        assert (status, "changed meanwhile" in answer["problem"]) == (409, True)
    assert cloud.s3.get_object(Bucket=BUCKET, Key="recipes/lease.md")["Body"].read().decode() == TEXT + " Please."


def test_the_built_in_recipe_can_be_read_and_replaced(console, cloud) -> None:
    """It has no file until then."""
    read = console.get("/api/recipe", name="default")
    assert (read["etag"], bool(read["text"])) == ("", True)
    assert put(console, name="default", text=TEXT, etag="")[0] == 200
    assert "recipes/default.md" in cloud.keys("recipes/")


def test_an_invalid_recipe_is_reported_before_anything_is_written(console, cloud) -> None:
    """Front matter is reported in its own words; so are invalid folder names and unknown fields."""
    for name, text in (
        ("a", "---\ntemprature: 1\n---\nSay it."),
        ("a", ""),
        ("a/b", TEXT),
        ("", TEXT),
        ("n" * 201, TEXT),
    ):
        status, answer = put(console, name=name, text=text, etag="")
        assert (status, set(answer)) == (400, {"problem"}), (name, text)
        trial = console.http.post("/api/trial", json={"name": name, "text": text, "key": DONE})
        assert trial.status_code == 400, (name, text)
    assert put(console, name="a", text=TEXT, etag="", force=True)[0] == 400
    assert console.http.get("/api/recipe", params={"name": "nosuch"}).status_code == 404
    assert cloud.keys("recipes/") == []
    assert cloud.keys(f"inbox/a{TRIAL}") == []


def test_a_trial_is_a_copy_under_a_recipe_of_its_own(console, cloud) -> None:
    """The recipe in use stays; an unchanged text changes nothing, a new one is tried; missing things are reported."""
    put(console, name="lease", text=TEXT, etag="")
    body = {"name": "lease", "text": "Say it in six words.", "key": DONE}
    first = console.http.post("/api/trial", json=body).json()
    assert (first["key"], first["recipe"]) == ("inbox/lease-trial/done.txt", "lease-trial")
    assert cloud.s3.get_object(Bucket=BUCKET, Key=first["key"])["Body"].read() == b"done"
    assert cloud.s3.get_object(Bucket=BUCKET, Key="recipes/lease-trial.md")["Body"].read().decode() == body["text"]
    assert console.get("/api/recipe", name="lease")["text"] == TEXT
    before = {
        key: cloud.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in cloud.keys("inbox/lease-trial")
    }
    assert console.http.post("/api/trial", json=body).json() == first
    assert before == {key: cloud.s3.head_object(Bucket=BUCKET, Key=key)["LastModified"] for key in before}
    assert console.http.post("/api/trial", json=body | {"key": "inbox/never.txt"}).status_code == 404
    assert console.http.post("/api/trial", json=body | {"key": "ledger/governor.json"}).status_code == 404


def test_two_results_are_compared_word_by_word(console, cloud) -> None:
    """Pieces are equal, removed or added; together they make up both texts."""
    old, new = "The rent is 4200 crowns a month.", "The rent is 4300 crowns each month. Deposit: 10."
    for key, text in (("results/a/x.md", old), ("results/b/x.md", new)):
        cloud.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    answer = console.get("/api/difference", old="results/a/x.md", new="results/b/x.md")
    assert ["gone", "4200 "] in answer["pieces"]
    assert ["new", "4300 "] in answer["pieces"]
    assert "".join(text for what, text in answer["pieces"] if what != "new") == old
    assert "".join(text for what, text in answer["pieces"] if what != "gone") == new
    assert pieces([], []) == []


def test_two_recipes_are_compared_on_what_both_have_done() -> None:
    """Documents match by the path below the folder; sums are only over those that both have done."""

    def job(key: str, recipe: str, state: State, tokens: int, cost: float | None) -> Job:
        at = datetime(2031, 5, 17, tzinfo=UTC)
        return Job(
            key=key, recipe=recipe, state=state, tokens=tokens, cost=cost, job_id="", run=1, model="m", uploaded_at=at
        )

    jobs = [
        job("inbox/a/x/1.txt", "a", State.DONE, 10, 0.1),
        job("inbox/b/x/1.txt", "b", State.DONE, 20, None),
        job("inbox/a/2.txt", "a", State.DONE, 100, 1.0),
        job("inbox/b/2.txt", "b", State.FAILED, 7, 0.7),
        job("inbox/a/3.txt", "a", State.DONE, 1000, 1.0),
        job("inbox/c/1.txt", "c", State.DONE, 1, 0.0),
    ]
    answer = compared(jobs, "a", "b")
    assert (answer["documents"], answer["both_done"]) == (2, 1)
    assert (answer["old"], answer["new"]) == ({"tokens": 10, "cost": 0.1}, {"tokens": 20, "cost": None})
    assert [pair["path"] for pair in answer["pairs"]] == ["2.txt", "x/1.txt"]
    assert path_below_recipe("inbox/1.txt") == "1.txt"
    assert compared(jobs, "a", "nosuch")["documents"] == 0
