"""Profiles: deployments kept by name. `backburner use NAME` chooses the one that commands use from then on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from backburner_cli.atomic_write import write_atomically
from backburner_cli.errors import CommandError


class Kind(StrEnum):
    """How a deployment is found."""

    STACK = "stack"
    TERRAFORM = "terraform"
    LOCAL = "local"
    FOLDER = "folder"


@dataclass(frozen=True, kw_only=True)
class Target:
    """A named deployment: a stack, a Terraform folder, a folder of runs, or this machine's `backburner up`."""

    kind: Kind
    name: str = ""
    region: str | None = None

    def __str__(self) -> str:
        """The deployment's name in messages."""
        match self.kind:
            case Kind.STACK:
                return f"stack {self.name}" + (f" in {self.region}" if self.region else "")
            case Kind.TERRAFORM:
                return f"Terraform in {self.name}"
            case Kind.LOCAL:
                return "backburner up on this machine"
            case Kind.FOLDER:
                return f"backburner run in {self.name}"


@dataclass(frozen=True)
class Profiles:
    """The file of profiles, `$XDG_CONFIG_HOME/backburner/profiles.json`. It never contains credentials."""

    path: Path

    @staticmethod
    def of(environment: Mapping[str, str]) -> "Profiles":
        """This user's profiles."""
        home = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
        return Profiles(Path(home) / "backburner" / "profiles.json")

    def all(self) -> dict[str, Target]:
        """Every profile, by name."""
        return self._read()[1]

    def chosen(self) -> tuple[str, Target] | None:
        """The chosen profile; None if there is none."""
        name, profiles = self._read()
        return (name, profiles[name]) if name in profiles else None

    def named(self, name: str) -> Target:
        """The profile with this name. Raises `CommandError`, which lists all names, if there is none."""
        profiles = self.all()
        if name not in profiles:
            there = f"there are {', '.join(sorted(profiles))}" if profiles else "there are none yet"
            raise CommandError(f"no profile {name!r}: {there}; backburner use {name} --stack … makes it")
        return profiles[name]

    def keep(self, name: str, target: Target) -> None:
        """Keep a profile, replacing one of the same name, and choose it."""
        profiles = self.all()
        profiles[name] = target
        self._write(name, profiles)

    def choose(self, name: str) -> Target:
        """Choose a profile. Raises `CommandError` if there is none of this name."""
        target = self.named(name)
        self._write(name, self.all())
        return target

    def choose_none(self) -> None:
        """Choose no profile. All profiles are kept."""
        self._write("", self.all())

    def _read(self) -> tuple[str, dict[str, Target]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            found = {name: _target(entry) for name, entry in content["profiles"].items()}
            return str(content.get("chosen") or ""), found
        except (FileNotFoundError, NotADirectoryError):
            return "", {}
        except OSError as error:
            why = f"{self.path} cannot be read ({error.strerror}): check its permissions, or remove it"
            raise CommandError(why) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CommandError(f"{self.path} cannot be read ({error}): fix it or remove it") from error

    def _write(self, chosen: str, profiles: Mapping[str, Target]) -> None:
        entries = {
            name: {"kind": target.kind, "name": target.name, "region": target.region}
            for name, target in profiles.items()
        }
        try:
            write_private(self.path, {"chosen": chosen, "profiles": entries})
        except OSError as error:
            raise CommandError(
                f"{self.path} cannot be written ({error.strerror}): check its permissions, or set XDG_CONFIG_HOME"
            ) from error


def write_private(path: Path, value: Any) -> None:
    """Write JSON in one step, in a folder and a file that only this user can read."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(path, json.dumps(value, indent=2, ensure_ascii=False).encode(), is_private=True)


def _target(entry: Mapping[str, Any]) -> Target:
    region = entry.get("region")
    return Target(kind=Kind(entry["kind"]), name=str(entry["name"]), region=None if region is None else str(region))
