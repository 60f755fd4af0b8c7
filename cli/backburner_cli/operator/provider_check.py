"""The doctor's checks of the provider: address, key, model, and if asked for, one tiny generation."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from backburner.adapters.responses import ResponsesApi
from backburner.adapters.secret import api_key
from backburner.documents.recipes import parse
from backburner.errors import BackburnerError
from backburner.provider.answers import FailedCall, Generation
from backburner.provider.profiles import request_body, resolve_model

if TYPE_CHECKING:
    from backburner.settings import Settings

Checked = tuple[str, str, str, str]
"""Check, level, message, remedy."""
_LIMIT_S = 30.0
_KEY_REFUSED = 401
_MODEL_REFUSED = 403
_ABSENT = frozenset({400, 404, 405, 410, 422})
_TRIED = "Answer with the one word: yes."
_CAP_TOKENS = 64


async def provider_findings(settings: Settings, *, generates: bool, takes_key: bool = True) -> list[Checked]:
    """Check the provider, with the key from where the functions read it.

    `takes_key`: whether an exported key would be taken, which then is the remedy if there is none.
    """
    model = resolve_model(settings.profile, settings.model, settings.project)
    key, why = await _key(settings)
    api = ResponsesApi(
        base_url=settings.base_url,
        api_key=lambda: key or "no-key",
        project=settings.project,
        organization=settings.organization,
    )
    try:
        answer = await api.retrieve(f"resp_{secrets.token_hex(16)}")
        if key is None:
            remedy = "export OPENAI_API_KEY to have it checked too" if takes_key else ""
            skipped = [("provider's key", "skipped", why, remedy)]
            skipped += [("generation", "skipped", "needs the key", remedy)] if generates else []
            return [_reached(settings.base_url, answer), *skipped]
        accepted = _accepted(settings.base_url, answer)
        if accepted[1] == "problem":
            return [accepted]
        found = [accepted, await _model(settings, key, model)]
        if generates:
            found.append(await _generated(api, settings, model))
        return found
    finally:
        await api.drop_connections()


async def _key(settings: Settings) -> tuple[str | None, str]:
    if not settings.api_key and not settings.api_key_secret:
        return None, "not here: only the functions have it"
    try:
        return await asyncio.to_thread(api_key, settings), ""
    except BackburnerError as error:
        return None, str(error)


def _reached(base_url: str, answer: Generation | FailedCall) -> Checked:
    """Whether the provider answers, judged by its answer to a call with an invalid key."""
    if isinstance(answer, FailedCall) and answer.status not in (_KEY_REFUSED, _MODEL_REFUSED):
        checked = _accepted(base_url, answer)
        if checked[1] == "problem":
            return checked
    return ("provider", "ok", f"{base_url} answers", "")


def _accepted(base_url: str, answer: Generation | FailedCall) -> Checked:
    """Whether the provider accepts the key, judged by its answer about an unknown generation."""
    if isinstance(answer, Generation):
        return ("provider", "ok", f"{base_url} accepts the key", "")
    if answer.status is None:
        return _not_reached(base_url, answer.message)
    if answer.status == _KEY_REFUSED:
        remedy = "put a valid key into the secret; the checker then reads it again"
        return ("provider's key", "problem", f"refused: {answer.message}", remedy)
    if answer.status == _MODEL_REFUSED:
        remedy = "allow the key's account to use the API (on Yandex, give it the role ai.languageModels.user)"
        return ("provider's key", "problem", f"has no permission: {answer.message}", remedy)
    if not answer.is_api_error:
        remedy = "check OPENAI_BASE_URL: it usually ends in /v1"
        return ("provider", "problem", f"no Responses API at {base_url} ({answer.status})", remedy)
    return ("provider", "ok", f"{base_url} accepts the key", "")


def _not_reached(base_url: str, why: str) -> Checked:
    return ("provider", "problem", f"{base_url} does not answer: {why}", "check OPENAI_BASE_URL and the network")


async def _model(settings: Settings, key: str, model: str) -> Checked:
    from openai import AsyncOpenAI, OpenAIError  # slow to import

    client = AsyncOpenAI(
        api_key=key,
        base_url=settings.base_url,
        project=settings.project,
        organization=settings.organization,
        max_retries=0,
        timeout=_LIMIT_S,
    )
    try:
        names = {str(one.id) for one in (await client.models.list()).data}
    except (OpenAIError, AttributeError, TypeError):  # many providers have no such list
        return ("model", "skipped", f"{model}: this provider lists no models", "--generate tries it")
    finally:
        await client.close()
    if model in names:
        return ("model", "ok", f"{model} is known", "")
    remedy = "check BACKBURNER_MODEL (a deployment's name need not be listed); --generate tries it"
    return ("model", "warning", f"{model} is not among the {len(names)} that the provider lists", remedy)


async def _generated(api: ResponsesApi, settings: Settings, model: str) -> Checked:
    recipe = parse(_TRIED)
    body = request_body(
        settings.profile, recipe, model=model, job=secrets.token_hex(16), text="yes?", max_output_tokens=_CAP_TOKENS
    )
    answer = await api.create(body, _LIMIT_S)
    if isinstance(answer, FailedCall):
        remedy = "read the provider's message; docs/providers.md names models that can run in the background"
        return ("generation", "problem", f"refused ({answer.status}): {answer.message}", remedy)
    seen = await api.retrieve(answer.id)
    await api.cancel(answer.id)
    if isinstance(seen, FailedCall) and seen.status in _ABSENT:
        message = f"{model} was started, but cannot be retrieved ({seen.status}): the provider ignores background"
        remedy = "no result could be collected from it: docs/providers.md names providers and models that can"
        return ("generation", "problem", message, remedy)
    if settings.profile.deletes:
        await api.delete(answer.id)
    return ("generation", "ok", f"{model} runs background generations ({answer.status}); it was cancelled", "")
