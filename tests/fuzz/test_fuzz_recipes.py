"""Recipes: whatever somebody uploads is a recipe that can be sent, or a `JobError`."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backburner.documents.answer_schema import schema_problem
from backburner.documents.recipes import Recipe, merge_text, model_in, parse, part_text, source_text
from backburner.documents.tokens import max_input_tokens
from backburner.errors import JobError, Reason
from backburner.provider.profiles import PROFILES, request_body

from .drawing import fuzzed
from .values import NUMBERS, mutated, nested, spelt, values

KEYS = [
    "model", "max_output_tokens", "temperature", "top_p", "reasoning_effort", "service_tier", "output", "schema",
    "split", "deadline", "extra", "price",
]  # fmt: skip
BITS = st.lists(
    st.sampled_from(
        [*KEYS, ": ", "\n", "- ", "{", "}", "[", "]", ", ", "'", '"', "|", ">", "? ", "!!set ", "!!omap ", "!!binary ",
         "!!pairs ", "!!timestamp ", "!!python/name:os.system ", "1", "0.5", "-1", ".nan", "null", "true", "2031-05-17",
         "6h", "99999999999999999999d", "a", "concat", "max_input_tokens", "input", "output", "type", "object", "  ",
         "#", "%", "\t", "---", "<<", "=", "~", "&a ", "*a", "é", "1e308", "9" * 310, "0x" + "f" * 300, "1:00:00",
         "190:20:30.15", "\\ud800", "0o7", "\x85", "\u2028"]
    ),
    max_size=25,
).map("".join)  # fmt: skip
WORDS = [
    "object", "string", "number", "md", "json", "txt", "6h", "concat", "#", "#/$defs/a", "https://x.example/s",
    "^(a+)+$", "(?<=a", "\\p{L}", "date-time",
]  # fmt: skip
SCHEMA_NAMES = [
    "type", "properties", "required", "items", "enum", "const", "$ref", "$defs", "$schema", "$id", "pattern", "format",
    "minimum", "multipleOf", "maxLength", "anyOf", "not", "additionalProperties", "patternProperties",
    "dependentSchemas", "unevaluatedProperties", "$dynamicRef", "$anchor", "a",
]  # fmt: skip
GOOD = [
    b"---\nmodel: m\nmax_output_tokens: 100\ntemperature: 0.5\n---\nDo it.\n",
    b"---\nsplit: {max_input_tokens: 1000, overlap_tokens: 10, merge: Join.}\ndeadline: 6h\n---\nDo it.\n",
    b"---\nschema: {type: object, properties: {a: {type: string}}}\nprice: {input: 1, output: 2.5}\n---\nDo it.\n",
    b"\xef\xbb\xbf---\r\nextra: {seed: 7}\r\noutput: txt\r\n---\r\nDo it.\r\n",
    b"Do it.\n",
]
PARTS = st.fixed_dictionaries(
    {},
    optional={key: values([*KEYS, "max_input_tokens", "overlap_tokens", "merge", "input"], WORDS) for key in KEYS}
    | {"schema": values(SCHEMA_NAMES, WORDS)},
)
ANSWERS = ["", "{}", "[]", '"a"', "NaN", "1e308", "9" * 310, "9" * 5000, '"\\ud83d"', "[" * 5000, nested(950, "list")]


def _read(source: bytes) -> Recipe | None:
    """The recipe of an object, which can be sent, stored and divided; None if it is refused."""
    model = model_in(source)
    try:
        text = source_text("default", source)
        recipe = parse(text)
    except JobError as error:
        assert error.reason is Reason.INVALID_RECIPE  # noqa: PT017 - the other way is right as well
        assert str(error).encode()  # noqa: PT017
        assert model is None
        return None
    assert model == recipe.model
    assert recipe.instructions
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe
    for profile in PROFILES.values():
        body = request_body(profile, recipe, model="m", job="j", text="t", max_output_tokens=recipe.max_output_tokens)
        assert json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
    _can_be_divided(recipe, text)
    return recipe


def _can_be_divided(recipe: Recipe, text: str) -> None:
    part, merge = parse(part_text(text, 1, 2)), parse(merge_text(text))
    assert part.instructions.startswith(recipe.instructions)
    assert (part.model, part.schema, part.extra) == (recipe.model, recipe.schema, recipe.extra)
    assert (merge.model, merge.schema, merge.deadline_s) == (recipe.model, recipe.schema, recipe.deadline_s)
    for window in (None, 2048, 1_000_000):
        try:
            assert max_input_tokens(recipe, window) > 0
        except JobError as error:
            assert error.reason is Reason.INVALID_RECIPE  # noqa: PT017
    if recipe.price is not None:
        assert 0 <= recipe.price.of(10**20, 10**20) < float("inf")


@fuzzed
@given(st.binary(max_size=80) | st.text(max_size=60).map(str.encode) | mutated(st.sampled_from(GOOD)))
@example("Do it.".encode("utf-16"))
@example(b"Do it.\xff")
@example(b"---\n---\n")
@example(b"---\nmodel: a\n---")
@example(b"x" * 65_537)
def test_any_bytes_are_a_recipe_or_a_job_error(source: bytes) -> None:
    """Nothing else is raised, whatever somebody uploads."""
    _read(source)


def test_every_good_recipe_is_read() -> None:
    """The recipes are valid before the test above changes them."""
    assert all(_read(source) is not None for source in GOOD)


@fuzzed
@given(BITS)
@example('model: "\\ud800"')
@example("temperature: .nan")
@example("max_output_tokens: " + "9" * 310)
@example("price: {input: 1e308, output: 1e308}")
@example("price: {input: .inf, output: 1}")
@example("deadline: 999999999d")
@example("schema: {enum: [.nan]}")
@example("schema: {pattern: '(a'}")
@example("model: !!bool x")
@example("model: !!int ''")
@example("model: !!timestamp x")
@example("model: !!timestamp 9999-99-99")
@example("extra: {a: 9999-12-31T23:59:59+99:99}")
@example("? [a]\n: b")
def test_any_front_matter_is_read_or_a_job_error(front: str) -> None:
    """The front matter consists of words and signs that mean something there."""
    _read(f"---\n{front}\n---\nDo it.\n".encode())


@fuzzed
@given(PARTS, st.sampled_from(ANSWERS) | values(SCHEMA_NAMES, WORDS).map(lambda value: spelt(value).decode()))
@example({"extra": {"a": 10**309}}, "")
@example({"schema": {"multipleOf": 0}}, "1")
@example({"schema": {"multipleOf": 1e-308}}, "1e308")
@example({"schema": {"minimum": 10**309}}, "9" * 310)
@example({"schema": {"$ref": "#"}}, "1")
@example({"schema": {"pattern": "^(a|a)*$"}}, '"' + "a" * 40 + 'b"')
@example({"split": {"max_input_tokens": 2, "overlap_tokens": 1}}, "")
def test_any_values_are_read_and_any_answer_is_checked_against_their_schema(
    front: dict[str, object], answer: str
) -> None:
    """Front matter may be JSON, and the reason why an answer does not match can be written."""
    recipe = _read(b"---\n" + spelt(front) + b"\n---\nDo it.\n")
    if recipe is not None:
        assert schema_problem(recipe, answer).encode() is not None


@fuzzed
@given(st.sampled_from(KEYS), NUMBERS)
def test_any_number_is_read_or_a_job_error(key: str, number: str) -> None:
    """That holds for any spelling of a number."""
    _read(f"---\n{key}: {number}\n---\nDo it.\n".encode())


@fuzzed
@given(st.integers(0, 150), st.sampled_from(["list", "object"]), st.sampled_from(["extra", "schema"]))
def test_any_depth_is_read_or_a_job_error(depth: int, kind: str, key: str) -> None:
    """The depth of `extra` and of schemas is bounded."""
    _read(f'---\n{key}: {{"a": {nested(depth, kind)}}}\n---\nDo it.\n'.encode())


@pytest.mark.parametrize(("depth", "kind"), [(944, "object"), (983, "list"), (7000, "object")])
def test_what_is_too_deep_is_a_job_error(depth: int, kind: str) -> None:
    """This is apart from the test above, since the YAML library takes a second for deep lists."""
    with pytest.raises(JobError) as refused:
        parse(f'---\nextra: {{"a": {nested(depth, kind)}}}\n---\nDo it.\n')
    assert refused.value.reason is Reason.INVALID_RECIPE
