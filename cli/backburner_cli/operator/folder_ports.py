"""Bucket, queues and extractor over the state of a folder, for one process: a `backburner run`, or a command."""

from dataclasses import dataclass

from backburner.adapters.extraction import ChildExtractor
from backburner.adapters.folder.bucket import FolderBucket
from backburner.adapters.folder.database import Database
from backburner.adapters.folder.documents import Documents
from backburner.adapters.folder.objects import Objects
from backburner.adapters.folder.queues import DEAD, FolderQueue, Room
from backburner.memory.budget import MemoryBudget
from backburner_cli.operator.folder_states import RunState, staging


@dataclass(frozen=True, kw_only=True)
class FolderPorts:
    """The ports of a folder, all over one database."""

    bucket: FolderBucket
    room: Room
    pending: FolderQueue
    backlog: FolderQueue
    dead: FolderQueue
    extractor: ChildExtractor
    memory: MemoryBudget


def folder_ports(state: RunState, database: Database, process: str) -> FolderPorts:
    """The ports for a process with this name, which closes the database itself."""
    objects = Objects(database=database, layout=state.layout, staging=staging(state), process=process)
    documents = Documents(folder=state.folder, recipe=state.recipe)
    room, memory = Room(database=database, process=process), MemoryBudget()
    return FolderPorts(
        bucket=FolderBucket(database=database, objects=objects, documents=documents),
        room=room,
        pending=FolderQueue(room=room, name="pending"),
        backlog=FolderQueue(room=room, name="backlog"),
        dead=FolderQueue(room=room, name=DEAD),
        extractor=ChildExtractor(memory_bytes=memory.large_bytes, slots=memory.large),
        memory=memory,
    )
