"""Documents that somebody wants run again: `backburner replay` sends the message for a document's next run."""

from dataclasses import dataclass, field

from backburner.adapters.folder.queues import DEAD, Room
from backburner.errors import MessageError
from backburner.ledger.keys import INBOX
from backburner.ledger.messages import Message, decode


@dataclass(kw_only=True)
class RunsAgain:
    """Which further runs of documents are asked for or under way: each has a message until it is over."""

    room: Room
    recipe: str
    _runs: dict[tuple[str, int], str] = field(default_factory=dict)

    async def look(self) -> list[str]:
        """Look anew; the keys of their documents."""
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
        """Whether a run was asked for when this was last looked at."""
        return (job, run) in self._runs


def _message(body: str) -> Message | None:
    try:
        return decode(body)
    except MessageError:
        return None
