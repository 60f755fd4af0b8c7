"""Recipes on the page: read, change, try on one document, compare.

A trial is an ordinary document: the changed text is put as the recipe `NAME-trial`, and a copy of the document into
that recipe's folder. So the deployment's own functions and key process it, its limits count it, and its result stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backburner.documents.recipes import MAX_RECIPE_BYTES, parse, source_text
from backburner.errors import JobError, RetryLaterError
from backburner.ledger.keys import DEFAULT_RECIPE, INBOX, RECIPES, recipe_keys
from backburner.ledger.records import State
from backburner.ports import ABSENT, ConflictError, TooLargeError
from backburner_cli.console.actions import ChangedError, key_of
from backburner_cli.console.documents import UnknownError
from backburner_cli.console.rows import row_of
from backburner_cli.console.runs import difference
from backburner_cli.errors import CommandError
from backburner_cli.operator.figures import cost_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from backburner.ports import Bucket, Stored
    from backburner_cli.console.documents import Documents
    from backburner_cli.operator.job import Job

TRIAL = "-trial"
MAX_PAIRS = 500
_TRIES = 4


@dataclass(frozen=True, kw_only=True)
class Recipes:
    """The recipes of a bucket."""

    bucket: Bucket
    documents: Documents

    async def names(self) -> list[str]:
        """The recipes that uploads can name: the files, and the built-in one."""
        keys = [key async for key, _ in self.bucket.listed(RECIPES) if key.endswith(".md")]
        return sorted({*(key.removeprefix(RECIPES).removesuffix(".md") for key in keys), DEFAULT_RECIPE} - {""})

    async def read(self, name: str) -> dict[str, Any]:
        """A recipe's text and ETag; no ETag for the built-in one. Raises `UnknownError`."""
        _, stored = await self._stored(name)
        try:
            text = source_text(name, stored.body if stored else None)
        except JobError as error:
            raise UnknownError(str(error)) from error
        return {"name": name, "text": text, "etag": stored.etag if stored else ""}

    async def save(self, name: str, text: str, etag: str) -> dict[str, Any]:
        """Replace a recipe, or make it if `etag` is empty. Raises `ChangedError` if it was changed meanwhile."""
        body = _checked(name, text)
        key, _ = await self._stored(name)
        try:
            new = await self.bucket.put(key, body, match=etag or ABSENT, content_type="text/markdown")
        except ConflictError as error:
            raise ChangedError(f"the recipe {name} was changed meanwhile: read it again, then change that") from error
        return {"name": name, "text": text, "etag": new}

    async def try_on(self, name: str, text: str, key: str) -> dict[str, Any]:
        """Process a copy of one document with a changed recipe. Returns its key and when it was put.

        Repeating this with the same text is the same job, so it is not paid twice.
        """
        _check_name(name)
        trial = name if name.endswith(TRIAL) else f"{name}{TRIAL}"
        body = _checked(trial, text)
        document = await self.documents.stored(key)
        copy = key_of(trial, path_below_recipe(key))
        its_key, _ = await self._stored(trial)
        # The recipe first, or the document fails as unknown_recipe. An existing copy is put again, for its event.
        is_new = await self._replace(its_key, body, "text/markdown")
        await self._replace(copy, document.body, "application/octet-stream", again=is_new)
        put = await self.bucket.head(copy)
        return {"key": copy, "recipe": trial, "uploaded_at": put.last_modified.timestamp() if put else 0.0}

    async def difference(self, old: str, new: str) -> dict[str, Any]:
        """Two results as pieces that are the same, gone, or new."""
        texts = [(await self.documents.stored(key)).body.decode(errors="replace") for key in (old, new)]
        return difference(*texts)

    async def _stored(self, name: str) -> tuple[str, Stored | None]:
        """A recipe's key and object, or the key at which it would be made and None."""
        _check_name(name)
        keys = recipe_keys(name)
        for key in keys:
            try:
                stored = await self.bucket.get(key, MAX_RECIPE_BYTES)
            except TooLargeError as error:
                raise CommandError(f"{key} has {error.size_bytes:,} bytes: too many for a recipe") from error
            if stored is not None:
                return key, stored
        return keys[0], None

    async def _replace(self, key: str, body: bytes, content_type: str, *, again: bool = False) -> bool:
        """Put an object unless it has this body already, or in any case with `again`. Returns whether it was put."""
        for _ in range(_TRIES):
            there = await self.bucket.get(key)
            if there is not None and there.body == body and not again:
                return False
            try:
                await self.bucket.put(key, body, match=there.etag if there else ABSENT, content_type=content_type)
            except ConflictError:
                continue
            return True
        raise RetryLaterError(f"other processes keep writing {key}")


def compared(jobs: Iterable[Job], old: str, new: str) -> dict[str, Any]:
    """The documents that both recipes have processed, matched by path; the sums are over those that both have done."""
    by_path: dict[str, dict[str, Job]] = {old: {}, new: {}}
    for job in jobs:
        if job.recipe in by_path:
            by_path[job.recipe][path_below_recipe(job.key)] = job
    paths = sorted(by_path[old].keys() & by_path[new].keys())
    pairs = [(path, by_path[old][path], by_path[new][path]) for path in paths]
    both = [(one, other) for _, one, other in pairs if one.state is other.state is State.DONE]
    return {
        "documents": len(pairs),
        "both_done": len(both),
        "old": _sums([one for one, _ in both]),
        "new": _sums([other for _, other in both]),
        "pairs": [{"path": path, "old": row_of(one), "new": row_of(other)} for path, one, other in pairs[:MAX_PAIRS]],
    }


def path_below_recipe(key: str) -> str:
    """A document's path in its recipe's folder; for a file directly in `inbox/`, its name."""
    below = key.removeprefix(INBOX)
    return below.partition("/")[2] if "/" in below else below


def _sums(jobs: list[Job]) -> dict[str, Any]:
    return {"tokens": sum(job.tokens for job in jobs), "cost": cost_of(jobs)}


def _checked(name: str, text: str) -> bytes:
    _check_name(name)
    body = text.encode()
    try:
        parse(source_text(name, body))
    except JobError as error:
        raise CommandError(f"{error.reason}: {error}") from error
    return body


def _check_name(name: str) -> None:
    if not name or "/" in name or len(name) > 200:  # noqa: PLR2004 - leaves room in the key for a document's path
        raise CommandError("a recipe's name is one folder below inbox/: no slash, at most 200 characters")
