"""Finds documents that are to run again: `backburner replay` sends a message for the document's next run."""

from dataclasses import dataclass, field

from backburner.adapters.folder.queues import DEAD, Room
from backburner.errors import MessageError
from backburner.ledger.keys import INBOX
from backburner.ledger.messages import Message, decode


@dataclass(kw_only=True)
class RunsAgain:
    """The further runs of documents that are requested or under way; each has a message until it is over."""

    room: Room
    recipe: str
    _runs: dict[tuple[str, int], str] = field(default_factory=dict)

    async def look(self) -> list[str]:
        """Read the queues again. Returns the keys of the documents with such runs."""
        sql = "SELECT body FROM messages WHERE queue <> ?"
        rows = await self.room.database.run(lambda turn: turn.db.execute(sql, (DEAD,)).fetchall())
        found = [message for (body,) in rows if (message := _message(body)) is not None]
        self._runs = {
            (message.job, message.run): message.key
            for message in found
            if message.run > 1 and message.key.startswith(f"{INBOX}{self.recipe}/")
        }
        return list(dict.fromkeys(self._runs.values()))

    def has(self, job: str, run: int) -> bool:
        """Whether a run was among those found by the last `look`."""
        return (job, run) in self._runs


def _message(body: str) -> Message | None:
    try:
        return decode(body)
    except MessageError:
        return None
