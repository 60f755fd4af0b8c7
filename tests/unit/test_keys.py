"""Every document has outputs of its own, whatever its key; a job's identity is as in the contract."""

import hashlib
import unicodedata
from typing import Any

import pytest

from backburner.ledger.keys import answer_key, job_id, open_key, output_location, recipe_keys, superseded_key


@pytest.mark.parametrize(
    ("key", "result", "record"),
    [
        ("inbox/summary/report.pdf", "results/summary/report.pdf.md", "results/summary/report.pdf.run.json"),
        ("inbox/report.pdf", "results/report.pdf.md", "results/report.pdf.run.json"),
        ("inbox//x", "results//x.md", "results//x.run.json"),
        ("inbox/s/../../a b+%20.txt", "results/s/../../a b+%20.txt.md", "results/s/../../a b+%20.txt.run.json"),
        ("inbox/s/e\u0301.txt", "results/s/e\u0301.txt.md", "results/s/e\u0301.txt.run.json"),
    ],
)
def test_ordinary_outputs_are_the_documents_key_and_an_ending(key: str, result: str, record: str) -> None:
    """The path keeps its own extension and spelling."""
    assert (output_location(key).result_key("md"), output_location(key).run_record_key) == (result, record)


def test_a_mark_is_a_hash_of_the_whole_key() -> None:
    """Without it, `x.run` with output json would be taken for the run record of `x`. The hash was computed by hand."""
    digest = hashlib.sha256(b"inbox/s/x.run").hexdigest()[:24]
    assert output_location("inbox/s/x.run").result_key("json") == f"results/s/x.run~{digest}.json"


@pytest.mark.parametrize(
    ("key", "recipe"),
    [
        ("inbox/summary/a", "summary"),
        ("inbox/a", "default"),
        ("inbox/default/a", "default"),
        ("inbox//a", ""),
        ("inbox/Summary/b/c", "Summary"),
        ("inbox/re\u0301sume\u0301/a", "résumé"),
        ("inbox/../a", ".."),
    ],
)
def test_a_folder_names_a_recipe(key: str, recipe: str) -> None:
    """Its name is normalised to NFC and case-sensitive; a file directly in the inbox has the default."""
    assert output_location(key).recipe == recipe
    assert unicodedata.is_normalized("NFC", output_location(key).recipe)


def test_a_recipe_is_found_in_both_normal_forms() -> None:
    """NFC comes first; a name without accents has only one form."""
    assert recipe_keys("résumé") == ["recipes/résumé.md", "recipes/re\u0301sume\u0301.md"]
    assert recipe_keys("summary") == ["recipes/summary.md"]


@pytest.mark.parametrize("key", ["a", "results/a", "", "Inbox/a", "/inbox/a"])
def test_nothing_else_has_an_output_location(key: str) -> None:
    """An object outside the inbox is not a document."""
    with pytest.raises(ValueError, match="is not in inbox/"):
        output_location(key)


def test_a_job_id_is_computed_as_the_contract_says() -> None:
    """It is the first 32 hex digits of SHA-256 over this text, with Python's separators and escapes."""
    identity = '["b", "inbox/\\u00e9.txt", "0123", "", "gpt://f/m"]'
    expected = "fdfb80328830f658f63d949aa08703e7"
    assert hashlib.sha256(identity.encode()).hexdigest()[:32] == expected
    assert job_id("b", "inbox/é.txt", "0123", "", "gpt://f/m") == expected


@pytest.mark.parametrize("other", [0, 1, 2, 3, 4, 5, 6])
def test_a_reusable_answer_is_found_by_what_it_depends_on(other: int) -> None:
    """Bytes, extension, recipe, profile, address, model, and whether it sees; the name does not count."""
    asked: list[Any] = ["inbox/a/report.pdf", b"bytes", "sha", ("openai", "http://provider/v1", "model", "True")]
    noted = answer_key(*asked)
    assert noted == answer_key("inbox/b/a copy of it.PDF", *asked[1:])
    if other < 3:
        asked[other] = ("inbox/a/report.doc", b"others", "another")[other]
    else:
        asked[3] = tuple("another" if number == other - 3 else each for number, each in enumerate(asked[3]))
    assert answer_key(*asked) != noted


def test_ledger_keys_are_as_in_the_contract() -> None:
    """The contract lists the bucket's keys."""
    assert open_key("a" * 32, 2) == f"ledger/open/{'a' * 32}.2.json"
    assert superseded_key("a" * 32, 2) == f"ledger/superseded/{'a' * 32}.2.json"
