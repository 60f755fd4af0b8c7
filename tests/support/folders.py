"""Bucket and queues over a folder, as one process has them."""

from dataclasses import dataclass
from pathlib import Path

from backburner.adapters.folder.bucket import FolderBucket
from backburner.adapters.folder.database import Database
from backburner.adapters.folder.documents import Documents
from backburner.adapters.folder.layout import Layout
from backburner.adapters.folder.objects import Objects
from backburner.adapters.folder.queues import Room

RECIPE = "summary"


@dataclass(frozen=True, kw_only=True)
class FolderPorts:
    """What one process works with: `documents` is the user's folder, and results go to `out`."""

    documents: Path
    out: Path
    state: Path
    database: Database
    bucket: FolderBucket
    room: Room


def folder_ports(root: Path, name: str = "process") -> FolderPorts:
    """Open the ports below `root`, as a process of this name."""
    documents, out, state = root / "documents", root / "out", root / "state"
    for folder in (documents, out, state / "staged"):
        folder.mkdir(parents=True, exist_ok=True)
    database = Database(state / "state.db")
    layout = Layout(state=state, out=out, recipe=RECIPE)
    bucket = FolderBucket(
        database=database,
        objects=Objects(database=database, layout=layout, staging=state / "staged", process=name),
        documents=Documents(folder=documents, recipe=RECIPE),
    )
    room = Room(database=database, process=name)
    return FolderPorts(documents=documents, out=out, state=state, database=database, bucket=bucket, room=room)
