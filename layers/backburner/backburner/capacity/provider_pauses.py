"""What processes tell each other about the provider: for which models it refuses calls, and that it accepts them again.

The rules are in `pauses.py`.
"""

import logging
from dataclasses import dataclass

from backburner.capacity import pauses
from backburner.capacity.limits import ALL_MODELS
from backburner.capacity.shared_counters import SharedCounters

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ProviderPauses:
    """The pauses in the shared counters."""

    shared: SharedCounters

    async def pause(self, name: str, why: str, *, any_call_lifts: bool = False) -> None:
        """Allow only one probe a minute for a model, or for `ALL_MODELS`. `why` is shown to operators."""
        logger.error("provider paused", extra={"concerns": name, "why": why})
        await self.shared.change_quietly(
            lambda counters, now, _: pauses.pause(counters, now, name, why, any_call_lifts=any_call_lifts)
        )

    async def create_failed(self, why: str) -> None:
        """Count a create that was refused or ambiguous."""
        await self.shared.change_quietly(lambda counters, now, _: pauses.create_failed(counters, now, why))

    async def call_accepted(self, model: str, *, is_create: bool = True) -> None:
        """The provider accepted a call. Writes nothing unless there is a pause or a failed create to clear."""
        known = self.shared.last_read
        paused = [known.pauses[name] for name in (ALL_MODELS, model) if name in known.pauses]
        lifted = any(is_create or pause.any_call_lifts for pause in paused)
        if lifted or (is_create and known.bad_creates):
            await self.shared.change_quietly(
                lambda counters, _, __: pauses.call_accepted(counters, model, is_create=is_create)
            )
