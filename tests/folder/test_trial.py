"""`backburner recipes`: list and check recipes, try one on a document, compare two."""

import json
from pathlib import Path

import pytest
from fpdf import FPDF

from backburner_cli.errors import CommandError
from backburner_cli.folder.json_lines import End, Outcome
from backburner_cli.folder.tally import Tally
from backburner_cli.standin.extract import summarise
from backburner_cli.trial.compare import marked
from backburner_cli.trial.trials import trials
from folder.running import call, text_of

PRICED = "---\nprice: {input: 1, output: 2}\n---\nSay it in brief."


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three documents, below the current one."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "contracts"
    for name in ("a/one.txt", "b/one.txt", "two.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text_of(name))
    (tmp_path / "draft.md").write_text(PRICED)
    return folder


def test_one_document_is_tried(documents: Path) -> None:
    """Its text, tokens and cost are shown, and no file is left behind."""
    shown = call("recipes", "try", "./draft.md", str(documents / "two.txt"), "--stand-in")
    assert shown.exit_code == 0, shown.output
    tried = json.loads(shown.stdout)
    assert tried["text"] == summarise(text_of("two.txt"))
    assert tried["cost"] == pytest.approx((tried["input_tokens"] + 2 * tried["output_tokens"]) / 1e6)
    assert sorted(path.name for path in documents.parent.iterdir()) == ["contracts", "draft.md"]


def test_the_quotes_of_a_tried_document_are_shown(documents: Path) -> None:
    """With the shipped recipe and a PDF, their pages are shown too."""
    page = FPDF()
    for sentence in ("The lessor is Veldt Harbour Ltd.", "The rent is 1,250 euros a month."):
        page.add_page()
        page.set_font("Helvetica", size=12)
        page.multi_cell(0, 6, sentence)
    (documents / "lease.pdf").write_bytes(bytes(page.output()))
    shown = call("recipes", "try", "contract-facts", str(documents / "lease.pdf"), "--stand-in")
    assert shown.exit_code == 0, shown.output
    quotes = {each["text"]: each["page"] for each in json.loads(shown.stdout)["quotes"]}
    assert quotes == {"The lessor is Veldt Harbour Ltd.": 1, "The rent is 1,250 euros a month.": 2}
    as_text = call("recipes", "try", "contract-facts", str(documents / "lease.pdf"), "--stand-in", "--text")
    assert "/parties/1/quote: found, page 1, characters 0 to" in as_text.stderr


def test_a_document_that_fails_says_why(documents: Path) -> None:
    """The exit code is 1."""
    (documents / "bad.bin").write_bytes(bytes(range(256)) * 20)
    shown = call("recipes", "try", "summary", str(documents / "bad.bin"), "--stand-in", "--text")
    assert (shown.exit_code, "unsupported_type" in shown.stderr, shown.stdout) == (1, True, "")


def test_two_recipes_are_compared_on_the_same_documents(documents: Path) -> None:
    """One page has both texts, their figures and the differences; documents with the same name are kept apart."""
    (documents / "a/one.txt").write_text("Tom <script>alert(1)</script> pays 900. Bob gets it.")
    shown = call("recipes", "compare", "summary", "./draft.md", str(documents), "--stand-in", "--to", "page.html")
    assert shown.exit_code == 0, shown.output
    compared = json.loads(shown.stdout)
    assert (compared["compared"], compared["same"], compared["old"]["done"], compared["new"]["done"]) == (3, 3, 3, 3)
    assert (compared["old"]["cost"], compared["new"]["cost"] > 0) == (None, True)
    assert [each["name"] for each in compared["documents"]] == [
        "contracts/a/one.txt",
        "contracts/b/one.txt",
        "contracts/two.txt",
    ]
    page = Path("page.html").read_text()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert page.count("contracts/b/one.txt") == 1


def test_differences_are_marked_word_by_word() -> None:
    """Neither text loses anything."""
    old, new = "The rent is 900 a month.", "The rent is 950 euros a month."
    left, right = marked(old, new)
    assert [piece for what, piece in left if what == "gone"] == ["900"]
    assert "".join(piece for what, piece in right if what == "new") == "950 euros"
    assert ("".join(piece for _, piece in left), "".join(piece for _, piece in right)) == (old, new)
    long = "\n".join(f"line {number} has some words" for number in range(2000))
    left, _ = marked(long, long.replace("line 7 ", "line seven "))
    assert [piece for what, piece in left if what == "gone"] == ["line 7 has some words\n"]


def test_the_provider_is_not_paid_without_consent(documents: Path) -> None:
    """Without a terminal, it needs `--yes` and a key."""
    asked = call("recipes", "compare", "summary", "./draft.md", str(documents), "--sample", "2")
    assert (asked.exit_code, "bills 4 results" in asked.stderr, "--yes" in asked.stderr) == (1, True, True)
    keyless = call("recipes", "try", "summary", str(documents / "two.txt"))
    assert (keyless.exit_code, "OPENAI_API_KEY" in keyless.stderr, "--stand-in" in keyless.stderr) == (1, True, True)


def test_a_trial_that_stops_early_says_why_in_full(documents: Path, monkeypatch: pytest.MonkeyPatch, capfd) -> None:
    """The reason comes with its remedy, and each of the provider's problems is reported once."""
    why = "the provider refuses: 5 creates in a row failed, the last: no answer: connection refused. Remedy?"

    def run_folder(_out, _environment, wanted, told) -> None:
        for problem in ("the last create failed", "the last create failed", "5 creates in a row failed", ""):
            told.now(Tally(problem=problem))
        told.ended(End(outcome=Outcome.STOPPED_EARLY, why=why, folder=wanted.folder, results=wanted.folder))

    monkeypatch.setattr("backburner_cli.trial.trials.run_folder", run_folder)
    with trials({"two.txt": documents / "two.txt"}) as made, pytest.raises(CommandError) as raised:
        made.run({}, "summary", stand_in=True, into="out")
    assert str(raised.value) == f"stopped early; results until then are not kept: {why}"
    lines = ["waiting for the provider: the last create failed", "waiting for the provider: 5 creates in a row failed"]
    assert capfd.readouterr().err.splitlines() == lines


@pytest.mark.usefixtures("documents")
def test_recipes_are_listed_and_checked() -> None:
    """The shipped ones are valid, and what is wrong with another is reported."""
    listed = {each["name"]: each for each in json.loads(call("recipes", "list").stdout)}
    assert {"contract-facts", "default", "extract", "summary", "translate"} == set(listed)
    assert not any(each["problem"] for each in listed.values())
    Path("odd.md").write_text("---\nnonsense: 1\n---\nDo it.")
    assert call("recipes", "check", "./draft.md", "summary").exit_code == 0
    shown = call("recipes", "check", "./odd.md", "--text")
    assert (shown.exit_code, "nonsense" in shown.stdout) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["try", "sumary", "contracts/two.txt", "--stand-in"],
            "one of contract-facts, default, extract, summary",
        ),
        (["try", "./gone.md", "contracts/two.txt", "--stand-in"], "cannot be read"),
        (["try", "summary", "gone.txt"], "name one document"),
        (["check", "sumary"], "backburner recipes list"),
        (["check", "./gone.md"], "check its name"),
        (["compare", "summary", "extract", "gone/", "--stand-in"], "check the name"),
        (["compare", "./draft.md", "extract"], "name the documents too"),
        (["compare", "summary", "extract"], "--stack"),
        (["compare", "summary", "extract", "contracts", "--to", "page.pdf"], ".html"),
    ],
)
@pytest.mark.usefixtures("documents")
def test_an_impossible_request_names_the_remedy(arguments: list[str], said: str) -> None:
    """There is no traceback."""
    shown = call("recipes", *arguments)
    assert shown.exit_code == 1, shown.output
    assert isinstance(shown.exception, SystemExit), repr(shown.exception)
    assert said in " ".join(shown.stderr.split()), shown.stderr
