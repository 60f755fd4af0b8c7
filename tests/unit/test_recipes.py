"""A recipe is read strictly and within bounds: allowed settings are used, all others are refused by name."""

import hashlib
from typing import Any

import pytest

from backburner.documents.answer_schema import schema_problem
from backburner.documents.price import Price
from backburner.documents.recipes import (
    BUILT_IN_DEFAULT,
    MAX_RECIPE_BYTES,
    RESERVED_EXTRA,
    FrontMatter,
    Images,
    Split,
    fingerprint,
    model_in,
    parse,
    source_text,
)
from backburner.errors import JobError, Reason

KEYS = (
    "model", "max_output_tokens", "temperature", "top_p", "reasoning_effort", "service_tier", "output", "schema",
    "split", "input", "images", "deadline", "extra", "price", "reuse",
)  # fmt: skip
SET_BY_US = {
    "model", "input", "instructions", "background", "store", "metadata", "max_output_tokens", "temperature", "top_p",
    "reasoning", "service_tier", "text", "stream", "truncation", "previous_response_id", "conversation",
}  # fmt: skip


def _recipe(front: str, body: str = "Sum up.") -> str:
    return f"---\n{front}\n---\n{body}\n"


def _refused(text: str) -> str:
    with pytest.raises(JobError) as refused:
        parse(text)
    assert refused.value.reason is Reason.INVALID_RECIPE
    return str(refused.value)


def test_the_contracts_example_is_a_recipe() -> None:
    """It has every key of the front matter."""
    recipe = parse(
        _recipe(
            """\
model: yandexgpt/latest        # a comment
max_output_tokens: 2000
temperature: 0.2
top_p: 0.9
reasoning_effort: low
service_tier: flex
schema: {type: object, properties: {a: {type: string}}}
split: {max_input_tokens: 24000, overlap_tokens: 200, merge: concat}
deadline: 6h
extra: {tools: [{type: web_search}]}
price: {input: 0.40, output: 1.60}""",
            "Summarise.\n\nKeep every number.",
        )
    )
    assert recipe.instructions == "Summarise.\n\nKeep every number."
    assert (recipe.model, recipe.max_output_tokens, recipe.temperature, recipe.top_p) == (
        "yandexgpt/latest",
        2000,
        0.2,
        0.9,
    )
    assert (recipe.reasoning_effort, recipe.service_tier, recipe.output) == ("low", "flex", "json")
    assert recipe.schema == {"type": "object", "properties": {"a": {"type": "string"}}}
    assert recipe.split == Split(max_input_tokens=24_000, overlap_tokens=200, merge="concat")
    assert (recipe.deadline_s, recipe.extra) == (21_600, {"tools": [{"type": "web_search"}]})
    assert recipe.price == Price(input=0.4, output=1.6)


def test_the_recipe_decides_how_pages_are_shown() -> None:
    """By default text is sent as text, and pictures in sizes that every model takes."""
    assert (parse("Sum up.").input, parse("Sum up.").images) == ("auto", Images())
    recipe = parse(_recipe("input: images\nimages: {max_side_px: 2048, detail: low, max_pages_per_part: 3}"))
    assert recipe.input == "images"
    assert recipe.images == Images(max_side_px=2048, detail="low", max_pages_per_part=3)


@pytest.mark.parametrize(
    ("front", "named"),
    [
        ("input: picture", "'picture'"),
        ("images: {max_side_px: 255}", "256"),
        ("images: {max_side_px: 4097}", "4096"),
        ("images: {max_pages_per_part: 0}", "1"),
        ("images: {max_pages_per_part: 51}", "50"),
        ("images: {detail: sharp}", "'sharp'"),
        ("images: {size: 5}", "size"),
        ("input: text\nimages: {detail: low}", "leave one of them out"),
        ("input: images\nschema: {properties: {a: {type: string, x-quote: true}}}", "looked for in text"),
    ],
)
def test_picture_settings_that_cannot_work_are_refused(front: str, named: str) -> None:
    """The message names the limit that they exceed, or the contradiction."""
    assert named in _refused(_recipe(front))


def test_the_keys_are_the_contracts_and_no_others() -> None:
    """They are in its order."""
    assert FrontMatter.__struct_fields__ == KEYS


@pytest.mark.parametrize(
    "text", ["Sum up.", "---\n---\nSum up.", "\n\n  Sum up.  \n", "--- \n# nothing\n---\t\nSum up."]
)
def test_a_recipe_needs_no_front_matter(text: str) -> None:
    """The environment and the provider then decide everything."""
    recipe = parse(text)
    assert (recipe.instructions, recipe.output, recipe.extra) == ("Sum up.", "md", {})
    rest = (recipe.model, recipe.max_output_tokens, recipe.schema, recipe.split, recipe.deadline_s, recipe.price)
    assert set(rest) == {None}


@pytest.mark.parametrize(
    ("front", "named"),
    [
        ("modle: x", "modle"),
        ("MODEL: x", "MODEL"),
        ("split: {max_input_tokens: 9, size: 1}", "size"),
        ("price: {input: 1, output: 1, currency: EUR}", "currency"),
    ],
)
def test_an_unknown_key_is_refused_with_the_allowed_ones(front: str, named: str) -> None:
    """A typo must not change what is billed."""
    message = _refused(_recipe(front))
    assert named in message
    assert all(key in message for key in KEYS)


@pytest.mark.parametrize(
    "front",
    [
        "model: 7", "model: ''", "max_output_tokens: 0", "max_output_tokens: -1", "max_output_tokens: 1.5",
        "max_output_tokens: many", "temperature: hot", "temperature: 2.1", "temperature: -0.1", "temperature: .nan",
        "top_p: 1.1", "output: pdf", "output: 7", "schema: [a]", "schema: {type: nonsense}", "schema: {pattern: '('}",
        "schema: {$ref: 'http://127.0.0.1:1/x'}", "split: 5", "split: {}", "split: {max_input_tokens: 0}",
        "split: {max_input_tokens: 10, overlap_tokens: 5}", "split: {max_input_tokens: 10, overlap_tokens: -1}",
        "split: {max_input_tokens: 10, merge: ''}", "extra: [a]", "extra: {a: .nan}", "extra: {a: 2031-05-17}",
        "price: {input: 1}", "price: {input: -1, output: 1}", "price: free", "text", "- a", "a: b: c", "a: [",
        "model: !!python/object:os.system x", "reasoning_effort: ''", "service_tier: [a]",
        "schema: {type: object}\noutput: md",
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_used_is_refused(front: str) -> None:
    """It is not silently left out."""
    assert _refused(_recipe(front))


@pytest.mark.parametrize("front", ["extra: {a: &x [1], b: *x}", "model: &m x\nreasoning_effort: *m", "<<: *base"])
def test_aliases_are_refused(front: str) -> None:
    """Without them, a recipe takes no more memory than its size suggests."""
    assert "alias" in _refused(_recipe(front))


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90s", 90), ("30m", 1800), ("6h", 21_600), ("2d", 172_800), ("'6 h'", 21_600), ("120", 120), ("'  1s '", 1)],
)
def test_a_deadline_is_read_in_all_its_forms(written: str, seconds: int) -> None:
    """It may be in seconds, minutes, hours, days, or a plain number of seconds."""
    assert parse(_recipe(f"deadline: {written}")).deadline_s == seconds


@pytest.mark.parametrize("written", ["0", "-5", "0s", "6w", "h", "''", "6.5", "1h30m", "true", "soon", "'-1h'", "[6h]"])
def test_an_invalid_deadline_is_refused(written: str) -> None:
    """The message lists the valid forms."""
    assert "deadline" in _refused(_recipe(f"deadline: {written}"))


def test_extra_may_not_set_what_backburner_sets() -> None:
    """It may not set anything that would break a promise either."""
    assert set(RESERVED_EXTRA) >= SET_BY_US


@pytest.mark.parametrize("key", sorted(SET_BY_US))
def test_extra_overrides_nothing(key: str) -> None:
    """The message names the key."""
    assert key in _refused(_recipe(f"extra: {{{key}: 1, tools: []}}"))


@pytest.mark.parametrize("text", ["", "  \n\t", "---\nmodel: m\n---\n", "---\nmodel: m\n---\n \n", "\u00a0"])
def test_a_recipe_without_instructions_is_refused(text: str) -> None:
    """The model would not know what to do."""
    assert "instructions" in _refused(text)


def test_instructions_keep_what_looks_like_front_matter() -> None:
    """Only the first block is front matter, and only at the top."""
    assert parse("---\nmodel: m\n---\nA\n---\nmodel: n\n---\nB").instructions == "A\n---\nmodel: n\n---\nB"
    assert parse("A\n---\nmodel: n\n---\n").model is None


def test_line_ends_and_byte_order_marks_of_windows_are_read() -> None:
    """Windows editors write CRLF and a byte order mark."""
    source = b"\xef\xbb\xbf---\r\nmodel: m\r\ndeadline: 1h\r\n---\r\nSum up.\r\nTwice.\r\n"
    recipe = parse(source_text("s", source))
    assert (recipe.model, recipe.deadline_s, recipe.instructions) == ("m", 3600, "Sum up.\r\nTwice.")


@pytest.mark.parametrize("text", ["---\nmodel: m\nSum up.", "---\nmodel: m\n--\nSum up."])
def test_a_front_matter_that_is_not_closed_is_refused(text: str) -> None:
    """Otherwise its model and limits would be ignored silently."""
    _refused(text)


def test_a_recipe_has_at_most_64_kib() -> None:
    """The limit is exact to the byte, whatever the content."""
    assert source_text("s", b"x" * MAX_RECIPE_BYTES)
    with pytest.raises(JobError) as refused:
        source_text("s", b"x" * (MAX_RECIPE_BYTES + 1))
    assert refused.value.reason is Reason.INVALID_RECIPE
    assert MAX_RECIPE_BYTES == 65_536


@pytest.mark.parametrize("source", [b"\xff\xfe", b"a\xe9", b"\xed\xa0\x80"])
def test_a_recipe_that_is_not_text_is_refused(source: bytes) -> None:
    """It must be UTF-8."""
    with pytest.raises(JobError) as refused:
        source_text("s", source)
    assert refused.value.reason is Reason.INVALID_RECIPE


@pytest.mark.parametrize("name", ["sumary", "", "..", "Default"])
def test_a_typo_is_never_billed_to_the_default(name: str) -> None:
    """A missing recipe is an unknown one; only `default` has a built-in text."""
    with pytest.raises(JobError) as refused:
        source_text(name, None)
    assert refused.value.reason is Reason.UNKNOWN_RECIPE
    assert parse(source_text("default", None)).instructions == BUILT_IN_DEFAULT.strip()


def test_the_fingerprint_is_of_the_bytes() -> None:
    """It is their SHA-256 in hex; that of a missing recipe is empty."""
    assert fingerprint(None) == ""
    assert fingerprint(b"x") == hashlib.sha256(b"x").hexdigest()
    assert fingerprint(b"x\n") != fingerprint(b"x\r\n")


@pytest.mark.parametrize(
    ("source", "model"),
    [
        (None, None),
        (b"Sum up.", None),
        (b"---\nmodel: m\n---\nS", "m"),
        (b"---\nmodle: m\n---\nS", None),
        (b"\xff", None),
    ],
)
def test_the_model_of_a_recipe_is_read(source: bytes | None, model: str | None) -> None:
    """It is None if the recipe names none or cannot be read."""
    assert model_in(source) == model


SCHEMA = """schema: {type: object, properties: {a: {type: integer}, c: {enum: [x]}}, required: [a]}"""


@pytest.mark.parametrize(
    ("answer", "fits"),
    [
        ('{"a": 1}', True),
        (' {"a": 1, "b": []}\n', True),
        ('{"a": 1, "c": "x"}', True),
        ('{"a": "1"}', False),
        ("{}", False),
        ("[]", False),
        ('{"a": 1', False),
        ('```json\n{"a": 1}\n```', False),
        ("", False),
        ('{"a": 1} done', False),
        ('{"a": 1, "c": "secret word"}', False),
    ],
)
def test_an_answer_is_validated_against_the_schema(answer: str, fits: bool) -> None:  # noqa: FBT001 - a parameter of the table
    """If it does not fit, the message says why, and quotes nothing of it."""
    problem = schema_problem(parse(_recipe(SCHEMA)), answer)
    assert (problem == "") == fits
    assert "secret" not in problem


def test_without_a_schema_everything_fits() -> None:
    """Any text is valid."""
    assert schema_problem(parse("Sum up."), "no JSON") == ""


@pytest.mark.parametrize(
    "answer",
    [
        "[" * 100_000,
        '{"\\ud800": 1}',
        '{"a": 1, "b": NaN}',
        "9" * 5000,
    ],
)
def test_an_answer_that_is_not_json_does_not_fit(answer: str) -> None:
    """Endless repetition must not stop the checker for good, nor `NaN` become an unreadable result."""
    assert schema_problem(parse(_recipe(SCHEMA)), answer)


@pytest.mark.parametrize(
    "front",
    ["model: !!bool x", "model: !!int ''", "model: !!float ''", "model: !!timestamp x", 'model: "\\UFFFFFFFF"'],
)
def test_a_tag_that_does_not_fit_its_value_is_refused(front: str) -> None:
    """It is, whatever the YAML library makes of it."""
    _refused(_recipe(front))


@pytest.mark.parametrize("front", ['model: "\\ud800"', 'extra: {a: "\\ud800"}', 'service_tier: "\\udfff"'])
def test_characters_that_are_not_unicode_are_refused(front: str) -> None:
    """YAML can express them, but nothing can use them."""
    _refused(_recipe(front))


def test_a_schema_that_cannot_be_sent_as_json_is_refused() -> None:
    """As with `extra`, `.nan` in a list of values would fail every create."""
    _refused(_recipe("schema: {enum: [.nan]}"))


def test_a_recipe_never_runs_anything() -> None:
    """Python tags are refused."""
    messages: list[Any] = [
        _refused(_recipe(f"extra: {{a: !!python/{tag} x}}")) for tag in ("name:os.system", "object:int")
    ]
    assert all("constructor" in one for one in messages)
