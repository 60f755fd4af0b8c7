"""`backburner recipes` over a deployment: its own recipes, and the documents of its inbox."""

import json
from pathlib import Path

from backburner_cli.trial.compare import Comparison, Pair, summary
from backburner_cli.trial.trials import Tried
from support.system import BUCKET


def test_a_deployments_recipes_are_listed_beside_the_shipped_ones(empty) -> None:
    """Different recipes are marked, and an unusable one is reported."""
    empty.s3.put_object(Bucket=BUCKET, Key="recipes/summary.md", Body=b"Another summary.")
    empty.s3.put_object(Bucket=BUCKET, Key="recipes/odd.md", Body=b"---\nnonsense: 1\n---\nDo it.")
    text = empty.call("recipes", "list", "--text").stdout
    assert "differs" in text  # the table may be wrapped
    listed = {(each["name"], each["where"]): each for each in json.loads(empty.call("recipes", "list").stdout)}
    assert "nonsense" in listed["odd", "deployed"]["problem"]
    assert {("summary", "deployed"), ("summary", "shipped"), ("default", "built in")} <= listed.keys()
    assert empty.call("recipes", "check").exit_code == 1
    assert empty.call("recipes", "check", "summary").exit_code == 0


def test_two_failures_are_not_two_equal_texts() -> None:
    """Only documents with a text from both recipes are compared."""
    texts = [("a", "a"), ("a", "b"), ("", ""), ("a", "")]

    def tried(text: str) -> Tried:
        return Tried(name="a.txt", recipe="r", model="m", text=text, reason="" if text else "provider_failed")

    pairs = [Pair(name="a.txt", old=tried(old), new=tried(new)) for old, new in texts]
    wanted = Comparison(
        old="r", new="s", documents=(), sample=4, to=Path("a.html"), stand_in=False, is_agreed=True
    )  # fmt: skip
    figures = summary(wanted, pairs)
    assert [figures[name] for name in ("documents_tried", "compared", "same")] == [4, 2, 1]
    assert [pair.is_same for pair in pairs] == [True, False, False, False]


def test_the_inboxs_documents_are_compared(empty, tmp_path) -> None:
    """The deployed recipe of that name is used, and the deployment is not touched."""
    empty.s3.put_object(Bucket=BUCKET, Key="recipes/summary.md", Body=b"---\noutput: txt\n---\nAnother summary.")
    for name in ("a.txt", "../b.txt"):
        empty.s3.put_object(Bucket=BUCKET, Key=f"inbox/summary/{name}", Body=b"Bram pays 900. It ends soon.")
    before = empty.keys("")
    page = str(tmp_path / "page.html")
    shown = empty.call("recipes", "compare", "summary", "extract", "--stand-in", "--to", page)
    output = json.loads(shown.stdout)
    assert [each["name"] for each in output["documents"]] == ["summary/../b.txt", "summary/a.txt"]
    assert (output["old"]["done"], output["old"]["failed"]) == (2, 0)
    assert empty.keys("") == before
    none = empty.call("recipes", "compare", "extract", "summary", "--stand-in", "--to", page)
    assert (none.exit_code, "name documents of this machine" in none.stderr) == (1, True)
