"""Every document has outputs of its own, whatever its key; and the identity of a job is what the contract says."""

import hashlib
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.keys import INBOX, job_id, open_key, place_of, recipe_keys, superseded_key

OUTPUTS = ("md", "txt", "json")
HEX = "~" + "0123456789abcdef01234567"
FRAGMENTS = [
    ".run", ".run.json", ".error", ".error.json", ".json", ".md", ".txt", "~", HEX, HEX[:-1], "..", "/", "//", " ", "+",
    "%20", "%", "\n", "🐘", "é", "e\u0301", "a", "b", "report.pdf", "\\", '"', "\u0000", "x" * 900, "é" * 480,
    "🧵" * 240,
]  # fmt: skip
STEMS = (
    st.lists(st.sampled_from(FRAGMENTS) | st.text(st.characters(codec="utf-8"), max_size=3), min_size=1, max_size=5)
    .map("".join)
    .filter(lambda stem: len((INBOX + stem).encode()) <= 1024)
)
LONG = st.builds(
    lambda character, room, end: (character * room)[: room // len(character.encode())] + end,
    st.sampled_from(["x", "é", "🧵"]),
    st.integers(970, 1000),
    st.sampled_from(["", ".run", HEX, "a", "b", ".j", "\n"]),
).filter(lambda stem: 1000 - 60 <= len((INBOX + stem).encode()) <= 1024)


def _outputs(key: str) -> dict[str, str]:
    """Every key that may be written for a document, by what it is."""
    place = place_of(key)
    results = {output: place.result_key(output) for output in OUTPUTS}
    return {**results, "run": place.run_record_key, "error": place.error_record_key}


@given(st.sets(STEMS | LONG, min_size=2, max_size=12))
@example({"a", "a.run", "a.run.json", "a" + HEX, "a" + HEX + "\n", "a.run" + HEX})
@example({"x" * 1018, "x" * 1017, "x" * 1018 + "", "x" * 1000 + ".run", "x" * 1003})
def test_no_two_documents_share_an_output(stems: set[str]) -> None:
    """Not a result, not a record, in no mixture of them; and one document's own five are five."""
    written = [output for stem in stems for output in _outputs(INBOX + stem).values()]
    assert len(set(written)) == len(written) == 5 * len(stems)


@given(STEMS | LONG, st.sampled_from(["md", "txt", "json", "run", "error"]))
def test_a_marked_output_meets_no_plain_one(stem: str, kind: str) -> None:
    """A document that is called like another one's output, marked or not, does not get that output."""
    key = INBOX + stem
    output = _outputs(key)[kind]
    stolen = output.split("/", 1)[1]
    for suffix in ("", ".md", ".txt", ".json", ".run.json", ".error.json", ".run"):
        twin = INBOX + stolen.removesuffix(suffix)
        if twin != key and len(twin.encode()) <= 1024 and not twin.endswith("/"):
            assert not set(_outputs(twin).values()) & set(_outputs(key).values())


@given(STEMS | LONG)
def test_outputs_fit_and_stand_where_they_belong(stem: str) -> None:
    """At most 1,024 bytes of UTF-8, in their folder, with their ending; a result never looks like a run record."""
    outputs = _outputs(INBOX + stem)
    assert all(len(key.encode()) <= 1024 for key in outputs.values())
    assert all(outputs[name].startswith("results/") and outputs[name].endswith(f".{name}") for name in OUTPUTS)
    assert outputs["run"].startswith("results/")
    assert outputs["run"].endswith(".run.json")
    assert outputs["error"].startswith("failed/")
    assert outputs["error"].endswith(".error.json")
    assert not any(outputs[name].endswith(".run.json") for name in OUTPUTS)


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
    """The path keeps its own extension and its spelling."""
    assert (place_of(key).result_key("md"), place_of(key).run_record_key) == (result, record)


def test_a_mark_is_a_hash_of_the_whole_key() -> None:
    """Computed by hand: `x.run` with output json would be taken for the run record of `x`."""
    digest = hashlib.sha256(b"inbox/s/x.run").hexdigest()[:24]
    assert place_of("inbox/s/x.run").result_key("json") == f"results/s/x.run~{digest}.json"


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
    """In NFC, case kept; a file directly in the inbox has the default."""
    assert place_of(key).recipe == recipe
    assert unicodedata.is_normalized("NFC", place_of(key).recipe)


def test_a_recipe_is_found_in_both_normal_forms() -> None:
    """NFC first; a name without accents has one file."""
    assert recipe_keys("résumé") == ["recipes/résumé.md", "recipes/re\u0301sume\u0301.md"]
    assert recipe_keys("summary") == ["recipes/summary.md"]


@pytest.mark.parametrize("key", ["a", "results/a", "", "Inbox/a", "/inbox/a"])
def test_nothing_else_has_a_place(key: str) -> None:
    """What is not in the inbox is no document."""
    with pytest.raises(ValueError, match="is not in inbox/"):
        place_of(key)


def test_a_job_id_is_computed_as_the_contract_says() -> None:
    """By hand: SHA-256 of this very text, with Python's separators and escapes; the first 32 hex digits."""
    identity = '["b", "inbox/\\u00e9.txt", "0123", "", "gpt://f/m"]'
    expected = "fdfb80328830f658f63d949aa08703e7"
    assert hashlib.sha256(identity.encode()).hexdigest()[:32] == expected
    assert job_id("b", "inbox/é.txt", "0123", "", "gpt://f/m") == expected


@given(st.lists(st.tuples(*[st.text(max_size=3)] * 5), min_size=2, max_size=8, unique=True))
def test_another_five_are_another_job(identities: list[tuple[str, str, str, str, str]]) -> None:
    """Nothing can be moved from one field into the next."""
    assert len({job_id(*identity) for identity in identities}) == len(identities)


def test_ledger_keys() -> None:
    """As the contract draws the bucket."""
    assert open_key("a" * 32, 2) == f"ledger/open/{'a' * 32}.2.json"
    assert superseded_key("a" * 32, 2) == f"ledger/superseded/{'a' * 32}.2.json"
