"""The command `down`: takes a deployment away; first it says what goes and what stays."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from backburner.ledger.keys import INBOX, OPEN
from backburner_cli.errors import CommandError
from backburner_cli.operator.deployment import Asked, enter, target_of
from backburner_cli.operator.profiles import Kind, Target
from backburner_cli.operator.session import Records, read
from backburner_cli.terminal import confirm, out, print_json

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What will be done, in words. `refused` is why it cannot be, with the remedy."""

    goes: list[str]
    stays: list[str]
    warnings: list[str] = field(default_factory=list)
    command: str = ""
    """The program that will be run, as it would be typed."""
    refused: str = ""


class Taker(Protocol):
    """Takes one kind of deployment away."""

    def removal(self, counts: Counts | None) -> Removal:
        """What that would be."""

    def carry_out(self) -> None:
        """Do it, and return once it is done. Raises `CommandError`."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What the bucket holds."""

    bucket: str
    documents: int
    under_way: int


def down(environment: Mapping[str, str], asked: Asked, *, dry_run: bool, is_agreed: bool, as_json: bool) -> None:
    """Say what goes and what stays; unless it is a rehearsal, ask, and do it. Raises `CommandError`."""
    target = target_of(asked, environment)
    taker = _taker(target, environment)
    removal = taker.removal(_counts(asked))
    if not as_json:
        _show(target, removal)
    if removal.refused and not dry_run:
        raise CommandError(removal.refused)
    if not dry_run:
        confirm(f"Take away {target}?", is_agreed=is_agreed)
        taker.carry_out()
    if as_json:
        print_json({"deployment": str(target), "dry_run": dry_run, **asdict(removal)})
    elif not dry_run:
        out.print(f"{target} is gone.", markup=False)


def _taker(target: Target, environment: Mapping[str, str]) -> Taker:
    match target.kind:
        case Kind.STACK:
            from backburner_cli.operator.down_stack import StackTaker

            return StackTaker(name=target.name, region=target.region)
        case Kind.TERRAFORM:
            from backburner_cli.operator.down_terraform import TerraformTaker

            return TerraformTaker(folder=Path(target.name).expanduser())
        case Kind.LOCAL:
            from backburner_cli.operator.down_local import LocalTaker

            return LocalTaker(environment=dict(environment))
        case Kind.FOLDER:
            raise CommandError(
                f"{target.name} has nothing deployed: results and records stay where they are, and .backburner in it "
                "may be removed while no backburner run works there"
            )


def _counts(asked: Asked) -> Counts | None:
    """What is in the bucket, as far as it can be read: a bucket that cannot be is no reason to keep the rest."""
    import os

    try:
        enter(asked)
        return read(os.environ, _counted)
    except CommandError:
        return None


async def _counted(records: Records) -> Counts:
    async def below(prefix: str) -> int:
        count = 0
        async for key, _ in records.bucket.listed(prefix):
            count += not key.endswith("/")
        return count

    return Counts(bucket=records.settings.bucket, documents=await below(INBOX), under_way=await below(OPEN))


def of_jobs(counts: Counts | None) -> list[str]:
    """What to say of jobs that nobody will collect any more."""
    if counts is None or not counts.under_way:
        return []
    told = f"{counts.under_way:,} jobs are under way: their generations go on, are paid, and nobody collects them"
    return [f"{told}; backburner cancel --all stops them first"]


def _show(target: Target, removal: Removal) -> None:
    out.print(f"Taking away {target}", markup=False)
    for title, lines in (("goes", removal.goes), ("stays", removal.stays)):
        for line in lines:
            out.print(f"  {title:6} {line}", markup=False)
    for line in removal.warnings:
        out.print(f"  note   {line}", markup=False, style="yellow")
    if removal.command:
        out.print(f"  runs   {removal.command}", markup=False)
    if removal.refused:
        out.print(f"  cannot be done: {removal.refused}", markup=False, style="red")
