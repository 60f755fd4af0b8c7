"""Keys: every document has its own outputs within S3's limit, and the key of a run can be read back."""

from hypothesis import example, given
from hypothesis import strategies as st

from backburner.ledger.keys import (
    INBOX,
    MAX_KEY_BYTES,
    WORK,
    job_id,
    open_key,
    open_run,
    output_location,
    recipe_keys,
    response_key,
    superseded_key,
    work_folder,
)

from .drawing import fuzzed

OUTPUTS = ("md", "txt", "json", "jsonl")
HEX = "~" + "0123456789abcdef01234567"
FRAGMENTS = [
    ".run", ".run.json", ".error", ".error.json", ".errors", ".errors.jsonl", ".json", ".jsonl", ".md", ".txt", "~",
    HEX, HEX[:-1], "..", "/", "//", " ", "+", "%20", "%", "\n", "🐘", "é", "e\u0301", "a", "b", "report.pdf", "\\", '"',
    "\u0000", "x" * 900, "é" * 480, "🧵" * 240,
]  # fmt: skip
STEMS = (
    st.lists(st.sampled_from(FRAGMENTS) | st.text(st.characters(codec="utf-8"), max_size=3), min_size=1, max_size=5)
    .map("".join)
    .filter(lambda stem: len((INBOX + stem).encode()) <= MAX_KEY_BYTES)
)
LONG = st.builds(
    lambda character, room, end: (character * room)[: room // len(character.encode())] + end,
    st.sampled_from(["x", "é", "🧵"]),
    st.integers(970, 1018),
    st.sampled_from(["", ".run", HEX, "a", "b", ".j", "\n"]),
).filter(lambda stem: 940 <= len((INBOX + stem).encode()) <= MAX_KEY_BYTES)
HEX_32 = st.text("0123456789abcdef", min_size=32, max_size=32)


def _outputs(key: str) -> dict[str, str]:
    """Every key that may be written for a document, by kind."""
    place = output_location(key)
    results = {output: place.result_key(output) for output in OUTPUTS}
    records = {"run": place.run_record_key, "error": place.error_record_key, "errors": place.errors_key}
    return results | records


@fuzzed
@given(st.sets(STEMS | LONG, min_size=2, max_size=12))
@example(
    {"a", "a.run", "a.run.json", "a" + HEX, "a" + HEX + "\n", "a.run" + HEX, "a.errors", "a.error", "a.errors.json"}
)
@example({"x" * 1018, "x" * 1017, "x" * 1000 + ".run", "x" * 1003})
@example({"é", "e\u0301"})
def test_no_two_documents_share_an_output(stems: set[str]) -> None:
    """No result or record of one is an output of another, and each document has one key per kind."""
    written = [output for stem in stems for output in _outputs(INBOX + stem).values()]
    assert len(set(written)) == len(written) == (len(OUTPUTS) + 3) * len(stems)


@fuzzed
@given(STEMS | LONG, st.sampled_from([*OUTPUTS, "run", "error", "errors"]))
def test_a_marked_output_never_collides_with_a_plain_one(stem: str, kind: str) -> None:
    """A document named like another one's output, marked or not, does not get that output."""
    key = INBOX + stem
    stolen = _outputs(key)[kind].split("/", 1)[1]
    for suffix in ("", ".md", ".txt", ".json", ".jsonl", ".run.json", ".error.json", ".errors.jsonl", ".run"):
        twin = INBOX + stolen.removesuffix(suffix)
        if twin != key and len(twin.encode()) <= MAX_KEY_BYTES and not twin.endswith("/"):
            assert not set(_outputs(twin).values()) & set(_outputs(key).values())


@fuzzed
@given(STEMS | LONG)
@example("x" * 1018)
@example("🧵" * 254)
def test_outputs_fit_and_are_where_they_belong(stem: str) -> None:
    """They have at most 1,024 bytes of UTF-8, their folder and their ending; no result looks like a run record."""
    outputs = _outputs(INBOX + stem)
    assert all(len(key.encode()) <= MAX_KEY_BYTES for key in outputs.values())
    assert all(outputs[name].startswith("results/") and outputs[name].endswith(f".{name}") for name in OUTPUTS)
    assert outputs["run"].startswith("results/")
    assert outputs["run"].endswith(".run.json")
    assert outputs["error"].startswith("failed/")
    assert outputs["error"].endswith(".error.json")
    assert outputs["errors"].startswith("failed/")
    assert outputs["errors"].endswith(".errors.jsonl")
    assert not any(outputs[name].endswith(".run.json") for name in OUTPUTS)


@fuzzed
@given(STEMS | LONG)
def test_an_output_location_keeps_its_key(stem: str) -> None:
    """The location gives the document's key back, and its recipe's keys can be written."""
    place = output_location(INBOX + stem)
    assert INBOX + place.stem == place.key == INBOX + stem
    assert not place.is_part
    assert all(key.encode() for key in recipe_keys(place.recipe))


@fuzzed
@given(HEX_32, st.integers(1, 999_999_999), st.integers(1, 99_999))
def test_a_part_stays_in_the_folder_of_its_run(job: str, run: int, number: int) -> None:
    """Whatever its name, no output of a part is a result."""
    key = f"{work_folder(job, run)}{number}.txt"
    place = output_location(key)
    assert place.is_part
    assert key.startswith(work_folder(job))
    outputs = _outputs(key)
    assert all(output.startswith(WORK + job) for output in outputs.values())
    assert len({key, *outputs.values()}) == len(outputs) + 1


@fuzzed
@given(HEX_32, st.integers(1, 999_999_999))
def test_an_open_record_reads_back(job: str, run: int) -> None:
    """Job and run are read from the key alone; superseded records are elsewhere."""
    assert open_run(open_key(job, run)) == (job, run)
    assert open_run(superseded_key(job, run)) is None


@fuzzed
@given(
    st.text(max_size=60).map("ledger/open/".__add__)
    | st.from_regex(r"ledger/open/[0-9a-fA-F.]{30,45}(\.json)?\n?", fullmatch=True)
)
@example("ledger/open/")
@example("ledger/open/readme.txt")
@example(f"ledger/open/{'a' * 32}.1.json\n")
@example(f"ledger/open/{'a' * 32}.01.json")
@example(f"ledger/open/{'a' * 32}.\u0661.json")
def test_a_stray_key_is_not_an_open_record(key: str) -> None:
    """Only keys that the ledger itself would write are accepted."""
    found = open_run(key)
    assert found is None or open_key(*found) == key


@fuzzed
@given(st.lists(st.tuples(*[st.text(max_size=3)] * 5), min_size=2, max_size=8, unique=True))
@example([("a", "b", "", "", ""), ("a", "", "b", "", ""), ('a", "b', "", "", "", "")])
def test_jobs_that_differ_in_any_field_have_different_ids(identities: list[tuple[str, str, str, str, str]]) -> None:
    """No text can be moved from one field into the next."""
    assert len({job_id(*identity) for identity in identities}) == len(identities)


@fuzzed
@given(st.text(st.characters(codec="utf-8"), max_size=600))
@example("../../ledger/open/x")
def test_an_id_of_a_provider_makes_a_key(response_id: str) -> None:
    """That holds whatever the provider calls its generations."""
    key = response_key(response_id)
    assert key.startswith("ledger/responses/")
    assert len(key) == len("ledger/responses/") + 32
