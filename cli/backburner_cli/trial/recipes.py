"""The commands `recipes list` and `recipes check`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from backburner.documents.recipes import Recipe, fingerprint, parse, source_text
from backburner.errors import JobError
from backburner.ledger.keys import DEFAULT_RECIPE, RECIPES
from backburner.maintenance.snapshot import at_once
from backburner.ports import Stored
from backburner_cli.errors import CommandError
from backburner_cli.operator.deployment import EXPORTED
from backburner_cli.operator.session import Records, read
from backburner_cli.operator.shipped import shipped
from backburner_cli.system_errors import remedy_of
from backburner_cli.terminal import out, print_json

SHIPPED, DEPLOYED, BUILT_IN, FILE = "shipped", "deployed", "built in", "file"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A recipe: where it was found, and why it cannot be used, if so."""

    name: str
    where: str
    source: bytes | None
    recipe: Recipe | None = None
    problem: str = ""

    def plain(self) -> dict[str, Any]:
        """The recipe as JSON."""
        made = self.recipe
        return {
            "name": self.name,
            "where": self.where,
            "model": made and made.model,
            "output": made and made.output,
            "price": made and made.price and {"input": made.price.input, "output": made.price.output},
            "sha256": fingerprint(self.source),
            "problem": self.problem or None,
        }


def found(name: str, where: str, source: bytes | None) -> Found:
    """A recipe as the functions would read it."""
    try:
        return Found(name=name, where=where, source=source, recipe=parse(source_text(name, source)))
    except JobError as error:
        return Found(name=name, where=where, source=source, problem=str(error))


def everything(environment: Mapping[str, str]) -> list[Found]:
    """All recipes: those of the deployment, if there is one, and those that ship."""
    mine = read(environment, _deployed) if environment.get(EXPORTED) else {}
    listed = [found(name, DEPLOYED, source) for name, source in sorted(mine.items())]
    if DEFAULT_RECIPE not in mine:
        listed.append(found(DEFAULT_RECIPE, BUILT_IN, None))
    return listed + [found(name, SHIPPED, file.read_bytes()) for name, file in shipped().items()]


def deployed_source(environment: Mapping[str, str], name: str) -> bytes | None:
    """The bytes of a deployment's recipe, or None if it has none of that name."""
    return read(environment, lambda records: records.current_jobs.recipe(name))


def show_list(environment: Mapping[str, str], *, as_json: bool) -> None:
    """List every recipe."""
    listed = everything(environment)
    if as_json:
        print_json([each.plain() for each in listed])
        return
    table = Table("recipe", "where", "model", "output", "price in / out", "", box=None, pad_edge=False)
    sources = {each.name: each.source for each in listed if each.where == DEPLOYED}
    for each in listed:
        made = each.recipe
        price = f"{made.price.input} / {made.price.output}" if made and made.price else ""
        note = each.problem or _note(each, sources)
        table.add_row(each.name, each.where, (made and made.model) or "", made.output if made else "", price, note)
    out.print(table)


def check(environment: Mapping[str, str], named: tuple[str, ...], *, as_json: bool) -> bool:
    """Print whether each recipe can be used, and return whether all can. Without names, check every recipe."""
    checked = list(_named(environment, named)) if named else everything(environment)
    if as_json:
        print_json([each.plain() for each in checked])
    else:
        for each in checked:
            finding = f"cannot be used: {each.problem}" if each.problem else "good"
            out.print(f"{each.name} ({each.where}): {finding}", markup=False)
    return not any(each.problem for each in checked)


def _named(environment: Mapping[str, str], named: tuple[str, ...]) -> Iterator[Found]:
    for name in named:
        if is_file(name):
            yield found(Path(name).stem, FILE, _bytes(name))
            continue
        mine = [each for each in everything(environment) if each.name == name]
        if not mine:
            raise CommandError(
                f"no recipe {name!r}: backburner recipes list names them; a file is named as ./{name}.md"
            )
        yield from mine


def is_file(name: str) -> bool:
    """Whether this names a file rather than a recipe."""
    return name.endswith(".md") or "/" in name


def _bytes(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"the recipe {name} cannot be read ({error.strerror}): {remedy_of(error)}") from error


def _note(each: Found, sources: Mapping[str, bytes | None]) -> str:
    if each.where != SHIPPED or each.name not in sources:
        return ""
    return "the same as the deployed one" if sources[each.name] == each.source else "the deployed one differs"


async def _deployed(records: Records) -> dict[str, bytes]:
    sources: dict[str, bytes] = {}

    async def look(item: tuple[str, Stored]) -> None:
        name = item[0].removeprefix(RECIPES)
        if name.endswith(".md") and "/" not in name:
            source = await records.current_jobs.recipe(name.removesuffix(".md"))
            if source is not None:
                sources[name.removesuffix(".md")] = source

    await at_once(records.bucket.listed(RECIPES), look)
    return sources
