"""The command `down`: shows what goes and what stays, then removes a deployment."""

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
    """What a removal does, in words. `refused` is why it cannot be done, with the remedy."""

    goes: list[str]
    stays: list[str]
    warnings: list[str] = field(default_factory=list)
    command: str = ""
    """The command line that will be run."""
    refused: str = ""


class Remover(Protocol):
    """Removes one kind of deployment."""

    def removal(self, counts: Counts | None) -> Removal:
        """What the removal would do."""

    def carry_out(self) -> None:
        """Remove the deployment, and return once it is gone. Raises `CommandError`."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How much the bucket holds."""

    bucket: str
    documents: int
    under_way: int


def down(environment: Mapping[str, str], asked: Asked, *, dry_run: bool, is_agreed: bool, as_json: bool) -> None:
    """Say what goes and what stays; unless it is a dry run, ask, and do it. Raises `CommandError`."""
    target = target_of(asked, environment)
    remover = _remover(target, environment)
    removal = remover.removal(_counts(asked))
    if not as_json:
        _show(target, removal)
    if removal.refused and not dry_run:
        raise CommandError(removal.refused)
    if not dry_run:
        confirm(f"Remove {target}?", is_agreed=is_agreed)
        remover.carry_out()
    if as_json:
        print_json({"deployment": str(target), "dry_run": dry_run, **asdict(removal)})
    elif not dry_run:
        out.print(f"{target} is gone.", markup=False)


def _remover(target: Target, environment: Mapping[str, str]) -> Remover:
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
                f"nothing is deployed in {target.name}: results and records stay where they are, and you may remove "
                ".backburner in it while no backburner run works there"
            )


def _counts(asked: Asked) -> Counts | None:
    """The counts of the bucket; None if it cannot be read, which does not prevent the removal."""
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
    """A warning if jobs are under way, as their generations will not be collected."""
    if counts is None or not counts.under_way:
        return []
    jobs = "1 job is" if counts.under_way == 1 else f"{counts.under_way:,} jobs are"
    warning = f"{jobs} under way: generations continue and are billed, but are never collected"
    return [f"{warning}; backburner cancel --all stops them first"]


def _show(target: Target, removal: Removal) -> None:
    out.print(f"Removing {target}", markup=False)
    for title, lines in (("goes", removal.goes), ("stays", removal.stays)):
        for line in lines:
            out.print(f"  {title:6} {line}", markup=False)
    for line in removal.warnings:
        out.print(f"  note   {line}", markup=False, style="yellow")
    if removal.command:
        out.print(f"  runs   {removal.command}", markup=False)
    if removal.refused:
        out.print(f"  cannot be done: {removal.refused}", markup=False, style="red")
