"""Selects documents for a command."""

import unicodedata
from dataclasses import dataclass

from backburner.ledger.keys import INBOX, output_location
from backburner_cli.errors import CommandError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Documents by recipe, by the beginning of their keys, and by state; a field that is None excludes nothing."""

    recipe: str | None = None
    prefix: str | None = None
    state: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is excluded."""
        return self.recipe is None and self.prefix is None and self.state is None

    @property
    def listed(self) -> str:
        """A prefix that all selected documents have."""
        if self.prefix:
            return self.prefix
        return f"{INBOX}{self.recipe}/" if self.recipe and self.recipe != "default" else INBOX

    def has(self, key: str) -> bool:
        """Whether a document is selected, whatever its state."""
        if not key.startswith(INBOX) or key.endswith("/") or (self.prefix and not key.startswith(self.prefix)):
            return False
        return self.recipe is None or output_location(key).recipe == unicodedata.normalize("NFC", self.recipe)

    def check(self) -> None:
        """Raise `CommandError` for a prefix that no document can have."""
        if self.prefix and not self.prefix.startswith(INBOX):
            raise CommandError(
                f"{self.prefix!r} is not in {INBOX}: give the beginning of a key, such as {INBOX}{self.prefix}"
            )


def require_inbox(keys: tuple[str, ...]) -> None:
    """Raise `CommandError` for a key that is not a document's."""
    for key in keys:
        if not key.startswith(INBOX):
            raise CommandError(f"{key!r} is not in {INBOX}: name documents by their keys in the bucket, inbox/…")
