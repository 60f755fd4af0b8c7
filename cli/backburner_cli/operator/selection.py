"""Which of many documents a command is about."""

import unicodedata
from dataclasses import dataclass

from backburner.ledger.keys import INBOX, output_location
from backburner_cli.errors import CommandError


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Documents by recipe, by how their keys begin, and by state; what is None selects nothing away."""

    recipe: str | None = None
    prefix: str | None = None
    state: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is selected away."""
        return self.recipe is None and self.prefix is None and self.state is None

    @property
    def listed(self) -> str:
        """The prefix below which all of them are."""
        if self.prefix:
            return self.prefix
        return f"{INBOX}{self.recipe}/" if self.recipe and self.recipe != "default" else INBOX

    def has(self, key: str) -> bool:
        """Whether a document is among them, whatever its state."""
        if not key.startswith(INBOX) or key.endswith("/") or (self.prefix and not key.startswith(self.prefix)):
            return False
        return self.recipe is None or output_location(key).recipe == unicodedata.normalize("NFC", self.recipe)

    def check(self) -> None:
        """Raises `CommandError` for a prefix that no document can have."""
        if self.prefix and not self.prefix.startswith(INBOX):
            raise CommandError(
                f"{self.prefix!r} is not in {INBOX}: give the beginning of a key, as {INBOX}{self.prefix}"
            )


def require_inbox(keys: tuple[str, ...]) -> None:
    """Raises `CommandError` for a key that is no document's."""
    for key in keys:
        if not key.startswith(INBOX):
            raise CommandError(f"{key!r} is not in {INBOX}: name documents by their keys in the bucket, as inbox/…")
