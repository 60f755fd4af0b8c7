"""The commands for deployments: `doctor` checks one, `use` keeps it, `down` removes it; and `completion`."""

import os

import click

from backburner_cli.command import Command
from backburner_cli.operator import completing
from backburner_cli.operator.deployment import Asked, enter, no_folder
from backburner_cli.operator.options import WHICH, deployed, json_option


@click.command(
    cls=Command,
    examples=(
        "backburner use production --stack backburner --region eu-central-1",
        "backburner use production",
        "backburner use --none",
    ),
)
@click.argument("name", required=False, shell_complete=completing.profiles)
@click.option("--none", "nothing", is_flag=True, help="Choose none: use the exported environment or backburner up.")
@click.option("--yes", is_flag=True, help="Do not ask before NAME is given to another deployment.")
@json_option
@deployed
def use(name: str | None, *, nothing: bool, yes: bool, asked: Asked, as_json: bool) -> None:
    """Save a deployment under a name, and choose it for the commands that follow.

    With --stack, --terraform, --local or --folder, saves that deployment as NAME and chooses it. With NAME alone,
    chooses it. Without NAME, lists all that are saved. An exported BACKBURNER_BUCKET takes precedence over the chosen
    one. No credentials are saved: they stay in your AWS settings.
    """
    from backburner_cli.operator.profiles import Profiles
    from backburner_cli.terminal import confirm, err, out, plain_errors, print_json

    with plain_errors("Stopped."):
        profiles = Profiles.of(os.environ)
        if name is not None and asked.target is not None:
            there = profiles.all().get(name)
            if there not in (None, asked.target):
                question = f"{name} is {there}. Make it {asked.target}?"
                confirm(question, is_agreed=yes, has_dry_run=False)
            profiles.keep(name, asked.target)
        elif name is not None:
            profiles.choose(name)
        elif asked.target is not None:
            raise click.UsageError("Give the deployment a name: backburner use NAME --stack …")
        elif nothing:
            profiles.choose_none()
        chosen, kept = profiles.chosen(), profiles.all()
        if as_json:
            targets = {each: {"kind": at.kind, "name": at.name, "region": at.region} for each, at in kept.items()}
            print_json({"chosen": chosen and chosen[0], "profiles": targets})
            return
        for each, target in sorted(kept.items()):
            mark = "*" if chosen and chosen[0] == each else " "
            out.print(f"{mark} {each}: {target}", markup=False)
        if not kept:
            out.print("No deployment is saved: backburner use NAME --stack STACK saves one.")
        if os.environ.get("BACKBURNER_BUCKET"):
            err.print("BACKBURNER_BUCKET is exported and wins over the chosen profile: unset it to use a profile.")


@click.command(
    cls=Command, epilog=WHICH, examples=("backburner doctor", "backburner doctor --stack backburner --generate")
)
@click.option("--generate", is_flag=True, help="Start one tiny generation and cancel it; the provider may bill it.")
@json_option
@deployed
def doctor(*, asked: Asked, as_json: bool, generate: bool) -> None:
    """Check a live deployment, and say what to do about each problem.

    Checks settings, the deployed version, credentials and bucket, conditional writes, the trigger, recipes, the queues'
    timeouts, limits against quotas, pauses, the clock, the provider, its key and its model. Writes and removes one
    small object below ledger/work/. Costs nothing at the provider unless --generate is given. Exits with 1 if there is
    a problem.
    """
    from backburner_cli.operator.doctor import doctor as do
    from backburner_cli.terminal import plain_errors

    with plain_errors("Stopped."):
        found = enter(asked)
        no_folder(found, "backburner run reports what is wrong with its provider")
        if not do(os.environ, found.described, generates=generate, as_json=as_json):
            raise click.exceptions.Exit(1)


@click.command(
    cls=Command,
    examples=(
        "backburner down --stack backburner --dry-run",
        "backburner down --terraform deploy/yandex",
        "backburner down --local --yes",
    ),
)
@click.option("--dry-run", is_flag=True, help="Only say what would go and what would stay.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@deployed
def down(*, dry_run: bool, yes: bool, asked: Asked, as_json: bool) -> None:
    """Remove a deployment, after showing what goes and what stays.

    Deletes a stack with CloudFormation and what Terraform created with terraform destroy, or stops a backburner up. It
    asks first. A stack's bucket stays, with all documents and results. An exported environment is not enough: name the
    deployment, or choose it with backburner use.
    """
    from backburner_cli.operator.down import down as do
    from backburner_cli.terminal import plain_errors

    with plain_errors("Stopped. The removal may still be in progress: backburner down --dry-run shows what is left."):
        do(dict(os.environ), asked, dry_run=dry_run, is_agreed=yes, as_json=as_json)


@click.command(cls=Command, examples=('eval "$(backburner completion bash)"', "backburner completion fish | source"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for your shell; add the example's line to the shell's startup file."""
    from click.shell_completion import get_completion_class

    made = get_completion_class(shell)
    root = ctx.find_root()
    assert made is not None, "click knows all three shells"
    click.echo(made(root.command, {}, "backburner", "_BACKBURNER_COMPLETE").source())


COMMANDS = (doctor, use, down, completion)
"""In the order of the help."""
