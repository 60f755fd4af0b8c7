"""The command `recipes compare`: two recipes on the same documents, side by side."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from backburner.ledger.keys import INBOX
from backburner.maintenance.snapshot import at_once, each_of
from backburner_cli.errors import CommandError
from backburner_cli.operator import own_file
from backburner_cli.operator.files import documents_in, keys_of, sample
from backburner_cli.operator.selection import Selection
from backburner_cli.operator.session import Records, read
from backburner_cli.pages.difference import pieces
from backburner_cli.pages.render import render
from backburner_cli.terminal import confirm, count_of, err, out, print_json
from backburner_cli.trial.attempt import recipe_file
from backburner_cli.trial.recipes import is_file
from backburner_cli.trial.trials import Tried, trials

TITLE: Final = "Two recipes, the same documents"
_PIECES: Final = re.compile(r"\s+|[^\W_]+|[\W_]", re.UNICODE)
_MAX_PIECES: Final = 6000
"""Longer texts are compared line by line: word by word takes too long."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The two recipes, and the documents; without any, those of the recipe `old` in the deployment's inbox."""

    old: str
    new: str
    documents: tuple[str, ...]
    sample: int
    to: Path
    stand_in: bool
    is_agreed: bool


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One document, processed with both recipes."""

    name: str
    old: Tried
    new: Tried

    @property
    def is_whole(self) -> bool:
        """Whether both recipes have a text."""
        return self.old.is_done and self.new.is_done

    @property
    def is_same(self) -> bool:
        """Whether there are two texts, and they are the same."""
        return self.is_whole and self.old.text == self.new.text

    @property
    def marked(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Both texts in pieces, each marked as "same", "gone" (in the old one) or "new" (in the new one)."""
        return marked(self.old.text, self.new.text)


def compare(environment: Mapping[str, str], wanted: Comparison, *, as_json: bool) -> bool:
    """Run both, write the page, and return whether every document has both results. Raises `CommandError`."""
    if wanted.to.suffix.lower() != ".html":
        raise CommandError(f"{wanted.to}: name a file that ends in .html")
    own_file.require_replaceable(wanted.to, is_agreed=wanted.is_agreed)  # before anything is paid
    documents = _documents(environment, wanted)
    if not wanted.stand_in:
        what = count_of(len(documents), "document")
        question = f"Run {what} with two recipes? The provider bills {2 * len(documents)} results."
        confirm(question, is_agreed=wanted.is_agreed, has_dry_run=False)
    sides: list[list[Tried]] = []
    with trials(documents) as made, err.status("waiting for the provider"):
        for side, recipe in (("old", wanted.old), ("new", wanted.new)):
            with recipe_file(environment, recipe) as file:
                sides.append(made.run(environment, file, stand_in=wanted.stand_in, into=side))
    pairs = [Pair(name=old.name, old=old, new=new) for old, new in zip(*sides, strict=True)]
    figures = summary(wanted, pairs)
    try:
        own_file.write(wanted.to, _page(figures, pairs))
    finally:  # what was paid for is shown, even if the page cannot be written
        if as_json:
            print_json(figures | {"documents": [{"name": each.name, **_sides(each)} for each in pairs]})
        else:
            _show(figures, wanted.to)
    return all(each.is_whole for each in pairs)


def summary(wanted: Comparison, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Figures for both recipes; a cost is None if any of its results has none.

    `compared` counts the documents of which both have a text, `same` those whose two texts are equal.
    """
    sides = {"old": [each.old for each in pairs], "new": [each.new for each in pairs]}
    figures: dict[str, Any] = {
        "documents_tried": len(pairs),
        "compared": sum(each.is_whole for each in pairs),
        "same": sum(each.is_same for each in pairs),
    }
    for side, tried in sides.items():
        costs = [each.cost for each in tried]
        known = [cost for cost in costs if cost is not None]
        figures[side] = {
            "recipe": getattr(wanted, side),
            "models": sorted({each.model for each in tried if each.model}),
            "done": sum(each.is_done for each in tried),
            "failed": sum(not each.is_done for each in tried),
            "input_tokens": sum(each.input_tokens for each in tried),
            "output_tokens": sum(each.output_tokens for each in tried),
            "cost": round(sum(known), 9) if len(known) == len(costs) else None,
        }
    return figures


def marked(old: str, new: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Both texts in pieces, each marked as in `Pair.marked`."""
    befores, afters = _PIECES.findall(old), _PIECES.findall(new)
    if len(befores) + len(afters) > _MAX_PIECES:
        befores, afters = old.splitlines(keepends=True), new.splitlines(keepends=True)
    found = pieces(befores, afters)
    return [one for one in found if one[0] != "new"], [one for one in found if one[0] != "gone"]


def _documents(environment: Mapping[str, str], wanted: Comparison) -> dict[str, Path | bytes]:
    if wanted.documents:
        files, folders = documents_in(wanted.documents)
        chosen = sample(keys_of(files, "default", Path.cwd(), folders), wanted.sample)
        return {key.split("/", 2)[2]: path for key, path in chosen.items()}
    if is_file(wanted.old):
        raise CommandError("name the documents too: only a deployed recipe has documents of its own in the inbox")
    return dict(read(environment, lambda records: _of_inbox(records, wanted)))


async def _of_inbox(records: Records, wanted: Comparison) -> dict[str, Path | bytes]:
    chosen = Selection(recipe=wanted.old)
    there = {key: Path() async for key, _ in records.bucket.listed(chosen.listed) if chosen.has(key)}
    if not there:
        raise CommandError(f"the inbox has no document of the recipe {wanted.old}: name documents of this machine")
    found: dict[str, Path | bytes] = {}

    async def fetch(key: str) -> None:
        stored = await records.bucket.get(key)
        if stored is not None:
            found[key.removeprefix(INBOX)] = stored.body

    await at_once(each_of(sample(there, wanted.sample)), fetch)
    return dict(sorted(found.items()))


def _page(figures: dict[str, Any], pairs: Sequence[Pair]) -> str:
    made_at = datetime.now(UTC)
    return render("compare.html", title=TITLE, figures=figures, pairs=pairs, made_at=made_at)


def _sides(each: Pair) -> dict[str, Any]:
    return {"same": each.is_same, "old": asdict(each.old), "new": asdict(each.new)}


def _show(figures: dict[str, Any], to: Path) -> None:
    for side in ("old", "new"):
        one = figures[side]
        cost = "unknown" if one["cost"] is None else f"{one['cost']:.6f}"
        tokens = f"{one['input_tokens']:,} tokens in, {one['output_tokens']:,} out"
        counts = f"{one['done']} done, {one['failed']} failed"
        out.print(f"{side}  {one['recipe']}: {counts}, {tokens}, cost {cost}", markup=False)
    without = figures["documents_tried"] - figures["compared"]
    missing = f" {count_of(without, 'document')} without a text from both." if without else ""
    same = f"{figures['same']} of {figures['compared']} texts are the same."
    out.print(f"{same}{missing} Side by side: {to}", markup=False)
