"""Keys are any UTF-8, in every shape of event."""

import pytest

from support.depth import thinned
from support.warm_deployment import WarmDeployment

KEYS = [
    "inbox/a b.txt",
    "inbox/a+b.txt",
    "inbox/a%20b.txt",
    "inbox/100%.txt",
    "inbox/%2e%2e/%.txt",
    "inbox/\"quotes\" and 'more' & <tags>?x=1#y.txt",
    "inbox/🐘/🧵.txt",
    "inbox/годовой отчёт + приложения.txt",
    "inbox/e\u0301 and \u00e9.txt",
    "inbox/a/../b.txt",
    "inbox/a//b.txt",
    "inbox/a/./b.txt",
    "inbox/a/back\\slash;semi:colon,at@home=$~*().txt",
    "inbox/looks~0123456789abcdef01234567",
    "inbox/x.run.json",
    "inbox/" + "é" * 497,
    "inbox/" + "long/" * 203 + "end",
]
assert [len(key.encode()) for key in KEYS[-2:]] == [1000, 1024]


def _encoded(key: str) -> str:
    """The first of its characters that kinds of event encode differently."""
    return next((mark for mark in "%+ " if mark in key), "plain" if key.isascii() else "letters")


FOLDERS = sorted({key.split("/")[1] for key in KEYS if key.count("/") > 1})


@pytest.mark.parametrize("shape", ["s3", "eventbridge", "yandex"])
def test_every_key_names_its_own_document_and_result(world: WarmDeployment, shape: str) -> None:
    """The document with exactly this key is sent, and its result is at its own output location."""
    for folder in FOLDERS:
        world.recipe(folder)
    keys = KEYS if shape == "s3" else thinned(KEYS, one_in=6, kind=_encoded)
    texts = {key: f"Document {number} tells of harbour {number}." for number, key in enumerate(keys)}
    for key, text in texts.items():
        world.upload(key, text)
    world.submit(*keys, shape=shape)
    world.later(3)
    world.tick(2)
    assert sorted(create.body["input"] for create in world.creates()) == sorted(texts.values())
    records = {key: world.run_record(key) for key in keys}
    assert [key for key, record in records.items() if record is None] == []
    for key, record in records.items():
        assert record["source"]["key"] == key
        assert str(world.text(record["result_key"])).startswith(texts[key])
    assert len({record["result_key"] for record in records.values()}) == len(keys)
    plain = [key for key in keys if len(key.encode()) <= 1000 and not key.endswith(("4567",))]
    for key in plain:
        assert records[key]["result_key"] == f"results/{key.removeprefix('inbox/')}.md"
    assert world.error_record(KEYS[0]) is None
    assert world.keys("failed/") == []


def test_a_key_without_a_recipes_name_fails_unknown_recipe(world: WarmDeployment) -> None:
    """`inbox//x` names no recipe, and is billed to none."""
    world.upload("inbox//x.txt")
    world.submit("inbox//x.txt")
    assert world.error_record("inbox//x.txt")["reason"] == "unknown_recipe"
    assert world.creates() == []


def test_recipe_names_are_compared_in_nfc(world: WarmDeployment) -> None:
    """A folder typed on one system matches a recipe uploaded from another."""
    for recipe, folder in (("re\u0301sume\u0301", "r\u00e9sum\u00e9"), ("\u00fcber", "u\u0308ber")):
        world.recipe(recipe, instructions=f"The instructions of {recipe}.")
        world.upload(f"inbox/{folder}/a.txt", f"Text of {folder}.")
    world.submit(*world.keys("inbox/"))
    assert sorted(create.body["instructions"] for create in world.creates()) == [
        "The instructions of re\u0301sume\u0301.",
        "The instructions of \u00fcber.",
    ]
