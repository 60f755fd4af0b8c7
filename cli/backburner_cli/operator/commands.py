"""The commands that look after jobs: what stands where, what was given up, run it again, stop it."""

import os
from typing import Annotated

import typer

from backburner.errors import Reason
from backburner_cli.terminal import out, plain_errors

operating = typer.Typer()

ENVIRONMENT = (
    "Reads the functions' environment: BACKBURNER_BUCKET, the three queues, BACKBURNER_MODEL and BACKBURNER_PROVIDER "
    "([bold]backburner up[/bold] prints them; for a stack they are its outputs and parameters), and AWS_… as boto3 "
    "does. The provider's key is not needed."
)
LEFT = "Stopped; what was done so far stands, and the command can be given again."


@operating.command(epilog=ENVIRONMENT)
def audit(
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Sweep, rebuild the journal's lines, audit again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole report as JSON.")] = False,
) -> None:
    """Prove that nothing is lost: objects = waiting + running + done + failed, from the bucket's own lists.

    Exit code 1 and a list where the books do not balance. Reads every record once, a few minutes for 100,000
    documents; work may go on meanwhile. Uploads of the last 15 minutes are counted apart: their events may still come.
    """
    from backburner_cli.operator.audit import audit as do  # noqa: PLC0415 - help needs no SDK

    with plain_errors(LEFT):
        if not do(os.environ, repair=repair, as_json=as_json):
            raise typer.Exit(1)


@operating.command(epilog=ENVIRONMENT)
def status(*, as_json: Annotated[bool, typer.Option("--json", help="The same figures as JSON.")] = False) -> None:
    """Show what is under way: waiting and running, what they wait for, pauses, the day's budget, dead letters."""
    from backburner_cli.operator.audit import status as do  # noqa: PLC0415

    with plain_errors(LEFT):
        do(os.environ, as_json=as_json)


@operating.command("dead-letters", epilog=ENVIRONMENT)
def dead_letters(*, as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False) -> None:
    """List what was given up on, with its reason and its documents. Takes nothing away.

    [bold]backburner replay --dead[/bold] runs the documents again and removes their letters.
    """
    from backburner_cli.operator.replay import show_letters  # noqa: PLC0415

    with plain_errors(LEFT):
        show_letters(os.environ, as_json=as_json)


@operating.command(epilog=ENVIRONMENT)
def replay(
    keys: Annotated[
        list[str] | None, typer.Argument(help="Documents, by their keys: inbox/…", show_default=False)
    ] = None,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="Every document that has an error record.")] = False,
    reason: Annotated[
        list[Reason] | None, typer.Option(help="With --failed: only those that failed for this; may be repeated.")
    ] = None,
    dead: Annotated[bool, typer.Option("--dead", help="The documents of all dead letters.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="The same as --failed --dead.")] = False,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Run KEYS again even where they are done: paid again.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Run documents again that failed or got lost, as they now stand in the inbox.

    Safe to repeat: each document gets one more run, however often it is asked for. What is running or done is left
    alone. Older results and error records stay until the new run has ended. A dead letter is removed only once its
    documents are accounted for: replayed, running, done, or no longer in the inbox.
    """
    from backburner_cli.operator.replay import Wanted, replay as do  # noqa: PLC0415, I001

    if reason and not (failed or everything):
        raise typer.BadParameter("it selects among error records: give --failed as well", param_hint="--reason")
    if rerun and not keys:
        raise typer.BadParameter("name the documents that shall run again", param_hint="--rerun")
    if not (keys or failed or dead or everything):
        raise typer.BadParameter("name documents, or give --failed, --dead or --all")
    wanted = Wanted(
        keys=tuple(keys or ()),
        failed=failed or everything,
        reasons=frozenset(reason or ()),
        dead=dead or everything,
        rerun=rerun,
        dry_run=dry_run,
    )
    with plain_errors(LEFT):
        if not do(out, os.environ, wanted):
            raise typer.Exit(1)


@operating.command(epilog=ENVIRONMENT)
def cancel(
    keys: Annotated[list[str], typer.Argument(help="Documents, by their keys: inbox/…", show_default=False)],
) -> None:
    """Stop the jobs of documents: no generation is started any more, one that runs is cancelled at the provider.

    Takes effect at the checker's next tick; the document then fails with the reason "cancelled" and can be replayed.
    """
    from backburner_cli.operator.cancel import cancel as do  # noqa: PLC0415

    with plain_errors(LEFT):
        if not do(out, os.environ, keys):
            raise typer.Exit(1)
