"""Finds a command's deployment: named, kept as a profile, exported, or running on this machine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backburner_cli.errors import CommandError
from backburner_cli.operator.profiles import Kind, Profiles, Target
from backburner_cli.operator.running import running_here

if TYPE_CHECKING:
    from collections.abc import Mapping

EXPORTED = "BACKBURNER_BUCKET"
"""If this is exported, the environment names the deployment."""
HOW_TO_NAME = (
    "No deployment is named: give --stack NAME, --terraform DIR, --local or --folder DIR, save one with "
    "backburner use NAME, or start backburner up"
)
FOLDER_STATE = "BACKBURNER_FOLDER_STATE"
"""Set by a command for itself if the deployment is a folder: the path of its state."""
DEPLOYED_VERSION = "BACKBURNER_DEPLOYED_VERSION"
"""Set by a command for itself: the version that the deployment names; empty if it names none."""
SUBMIT_FUNCTION, CHECKER_FUNCTION = "BACKBURNER_SUBMIT_FUNCTION", "BACKBURNER_CHECKER_FUNCTION"
"""Set by a command for itself if the deployment names them: the functions' names, in Yandex Cloud their ids."""
LOCAL_CLOUD = "BACKBURNER_LOCAL_CLOUD"
"""Set by a command for itself if the deployment is a `backburner up`: the cloud that it stands for, aws or yandex."""
_ELSEWHERE = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_SQS", "AWS_CA_BUNDLE")
_CREDENTIALS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION")
_OURS = ("BACKBURNER_", "OPENAI_")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The deployment that a command line names."""

    target: Target | None = None
    profile: str | None = None
    options: tuple[str, ...] = ()
    """The same as it was typed, to repeat it in a command that is suggested."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A deployment: `environment` has the functions' settings, and AWS_… as boto3 reads them."""

    described: str
    environment: Mapping[str, str]


def find(asked: Asked, environment: Mapping[str, str]) -> Deployment:
    """Find the deployment. Raises `CommandError` with the remedy.

    The command line comes first, then the exported environment, then the chosen profile, then a `backburner up` that
    runs on this machine.
    """
    profiles = Profiles.of(environment)
    if asked.target is not None:
        return _reached(asked.target, environment)
    if asked.profile is not None:
        return _reached(profiles.named(asked.profile), environment)
    if environment.get(EXPORTED):
        return Deployment(described="the exported environment", environment=environment)
    if chosen := profiles.chosen():
        return _reached(chosen[1], environment, f"profile {chosen[0]}: ")
    if running_here(environment):
        return _reached(Target(kind=Kind.LOCAL), environment)
    return Deployment(described="nothing", environment=environment)


def target_of(asked: Asked, environment: Mapping[str, str]) -> Target:
    """The deployment that the command line or the chosen profile names. Raises `CommandError` with the remedy.

    An exported bucket is not enough, as it does not say what made it.
    """
    profiles = Profiles.of(environment)
    if asked.target is not None:
        return asked.target
    if asked.profile is not None:
        return profiles.named(asked.profile)
    if environment.get(EXPORTED):
        raise CommandError(
            f"{EXPORTED} is exported, which does not say what made it: name the deployment with --stack, --terraform "
            "or --local"
        )
    if chosen := profiles.chosen():
        return chosen[1]
    if running_here(environment):
        return Target(kind=Kind.LOCAL)
    raise CommandError(f"{HOW_TO_NAME}; or export BACKBURNER_BUCKET for commands that only read")


def enter(asked: Asked) -> Deployment:
    """Find the deployment and make its environment this process's own, as boto3 reads no other.

    On a terminal, prints which deployment it is unless that was exported.
    """
    from backburner_cli.terminal import err

    found = find(asked, os.environ)
    if found.environment is not os.environ:
        if err.is_terminal:
            err.print(found.described, markup=False, style="dim")
        for name in os.environ.keys() - found.environment.keys():
            del os.environ[name]
        os.environ.update(found.environment)
    return found


def _reached(target: Target, environment: Mapping[str, str], before: str = "") -> Deployment:
    match target.kind:
        case Kind.STACK:
            from backburner_cli.operator.stack import environment_of_stack

            found: Mapping[str, str] = environment_of_stack(target.name, target.region)
            dropped: tuple[str, ...] = ()
        case Kind.TERRAFORM:
            from backburner_cli.operator.terraform import environment_of_terraform

            found = environment_of_terraform(Path(target.name).expanduser())
            dropped = _ELSEWHERE
        case Kind.LOCAL:
            found, dropped = _local(environment), _ELSEWHERE + _CREDENTIALS
        case Kind.FOLDER:
            return _folder(target, environment, before)
    own = _without(environment, dropped)
    key = {
        name: environment[name] for name in ("OPENAI_API_KEY",) if environment.get(name) and target.kind != Kind.LOCAL
    }
    return Deployment(described=f"{before}{target}", environment={**own, **_one_key(key, found), **found})


def local_deployment(environment: Mapping[str, str], reached_by: Mapping[str, str]) -> Deployment:
    """A `backburner up` of this machine, by the environment that reaches it."""
    own = _without(environment, _ELSEWHERE + _CREDENTIALS)
    return Deployment(described=str(Target(kind=Kind.LOCAL)), environment={**own, **reached_by})


def no_folder(found: Deployment, instead: str) -> None:
    """Raise `CommandError` if the deployment is a folder, which has no bucket; `instead` is the remedy."""
    if found.environment.get(FOLDER_STATE):
        raise CommandError(f"a folder has no bucket to do this with: {instead}")


def _folder(target: Target, environment: Mapping[str, str], before: str) -> Deployment:
    from backburner_cli.operator.backend import FOLDER_QUEUES
    from backburner_cli.operator.folder_states import state_of

    state = state_of(Path(target.name))
    found = {**_without(environment), **FOLDER_QUEUES, **state.settings, FOLDER_STATE: str(state.state)}
    at_work = "at work" if state.is_at_work else "not at work now"
    described = f"{before}{state}; backburner run is {at_work}"
    return Deployment(described=described, environment=found)


def _without(environment: Mapping[str, str], dropped: tuple[str, ...] = ()) -> dict[str, str]:
    """An environment without what names another deployment."""
    return {name: value for name, value in environment.items() if name not in dropped and not name.startswith(_OURS)}


def _one_key(key: Mapping[str, str], found: Mapping[str, str]) -> Mapping[str, str]:
    """The exported key, unless the deployment names a secret: both together are refused."""
    return {} if found.get("BACKBURNER_API_KEY_SECRET") else key


def _local(environment: Mapping[str, str]) -> Mapping[str, str]:
    found = running_here(environment)
    if not found:
        raise CommandError("no backburner up runs on this machine: start it in another terminal, and try again")
    return {**found[0].environment, LOCAL_CLOUD: found[0].cloud}
