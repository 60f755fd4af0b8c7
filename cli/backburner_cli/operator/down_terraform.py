"""Removes what Terraform made, by `terraform destroy`."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from backburner_cli.errors import CommandError
from backburner_cli.operator.down import Counts, Removal, of_jobs
from backburner_cli.terminal import count_of

_STDERR = 2


@dataclass(frozen=True)
class TerraformTaker:
    """The deployment applied in one folder."""

    folder: Path

    def removal(self, counts: Counts | None) -> Removal:
        """The resources in the folder's state; the bucket stays if it has documents."""
        if not self.folder.is_dir():
            raise CommandError(f"{self.folder} is not a folder: name the one in which terraform apply was run")
        stays = []
        if counts is not None and counts.documents:
            holds = f"the bucket {counts.bucket}, with {count_of(counts.documents, 'document')} and all results"
            stays = [f"{holds}: the service deletes only empty buckets, so terraform ends with an error"]
        return Removal(
            goes=self._goes() or ["everything in its state: terraform state list shows it"],
            stays=stays,
            warnings=[*of_jobs(counts), *([] if counts else ["the bucket could not be read: see what is in it first"])],
            command=shlex.join(self._command()),
        )

    def carry_out(self) -> None:
        """Run terraform, with its output on standard error."""
        program = self._program()
        if program is None:
            raise CommandError(
                f"terraform is not installed here: install it, or run elsewhere: {shlex.join(self._command())}"
            )
        done = subprocess.run([program, *self._command()[1:]], stdout=_STDERR, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise CommandError(
                f"terraform failed with exit code {done.returncode}, for the reason above; if it is the bucket, empty "
                "it, and run this again for the rest"
            )

    def _program(self) -> str | None:
        return shutil.which("terraform") or shutil.which("tofu")

    def _command(self) -> list[str]:
        program = self._program()
        name = Path(program).name if program else "terraform"
        return [name, f"-chdir={self.folder}", "destroy", "-auto-approve", "-input=false"]

    def _goes(self) -> list[str]:
        state = self.folder / "terraform.tfstate"
        try:
            resources = json.loads(state.read_text(encoding="utf-8"))["resources"]
            kinds = Counter(str(each["type"]) for each in resources if each.get("mode") == "managed")
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return []
        return [f"{count} {kind}" for kind, count in sorted(kinds.items())]
