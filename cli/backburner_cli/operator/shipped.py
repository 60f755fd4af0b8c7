"""The recipes that ship, and a bucket that holds nothing else: for estimates before there is a deployment."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from backburner.errors import RetryLaterError
from backburner.ledger.keys import DEFAULT_RECIPE, RECIPES
from backburner.ports import Stored, TooLargeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from importlib.resources.abc import Traversable

_CHECKOUT = Path(__file__).resolve().parents[3] / "recipes"


def shipped() -> dict[str, Traversable]:
    """The recipes that ship, by name: from the installed package, or from the checkout."""
    inside = files("backburner_cli") / "shipped_recipes"
    folder: Traversable = inside if inside.is_dir() else _CHECKOUT
    found = [one for one in folder.iterdir() if one.name.endswith(".md")] if folder.is_dir() else []
    return {one.name.removesuffix(".md"): one for one in sorted(found, key=lambda one: one.name)}


def shipped_names() -> list[str]:
    """The recipes that can be named without a deployment: the default one, and those that ship."""
    return sorted({DEFAULT_RECIPE, *shipped()})


@dataclass(frozen=True)
class ShippedBucket:
    """The port `Bucket`, only for reading."""

    recipes: dict[str, Traversable] = field(default_factory=shipped)

    async def get(self, key: str, limit_bytes: int | None = None) -> Stored | None:
        """A recipe."""
        found = self.recipes.get(key.removeprefix(RECIPES).removesuffix(".md")) if key.startswith(RECIPES) else None
        if found is None:
            return None
        body, now = found.read_bytes(), datetime.now(UTC)
        if limit_bytes is not None and len(body) > limit_bytes:
            raise TooLargeError(len(body))
        return Stored(etag="", size_bytes=len(body), last_modified=now, read_at=now, body=body)

    async def get_range(self, key: str, first: int, last: int, match: str) -> bytes | None:  # noqa: ARG002 - the port's
        """A part of a recipe."""
        found = await self.get(key)
        return None if found is None else found.body[first:last]

    async def head(self, key: str) -> Stored | None:
        """A recipe."""
        return await self.get(key)

    async def put(
        self,
        key: str,
        body: bytes | Path,  # noqa: ARG002
        *,
        match: str,  # noqa: ARG002
        content_type: str,  # noqa: ARG002
        metadata: dict[str, str] | None = None,  # noqa: ARG002
    ) -> str:
        """Raise `RetryLaterError`."""
        raise RetryLaterError(f"{key} cannot be written: there is no deployment")

    async def delete(self, key: str) -> None:
        """Raise `RetryLaterError`."""
        raise RetryLaterError(f"{key} cannot be removed: there is no deployment")

    async def listed(self, prefix: str, after: str = "") -> AsyncIterator[tuple[str, Stored]]:
        """The recipes."""
        for name in self.recipes:
            key = f"{RECIPES}{name}.md"
            found = await self.get(key)
            if key.startswith(prefix) and key > after and found is not None:
                yield key, found
