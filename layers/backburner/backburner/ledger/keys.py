"""All keys of the bucket: those of a document's outputs and those of the ledger. Also the identity of a job."""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from pathlib import PurePosixPath

INBOX = "inbox/"
RECIPES = "recipes/"
RESULTS = "results/"
FAILED = "failed/"
OPEN = "ledger/open/"
WORK = "ledger/work/"
"""Parts of documents that are in progress: DESIGN section 7."""
SUPERSEDED = "ledger/superseded/"
RESPONSES = "ledger/responses/"
ANSWERS = "ledger/answers/"
"""Notes of which run gave an answer: only for recipes that allow reuse."""
JOURNAL = "ledger/journal/"
PAGES = ".pages"
"""The suffix of a part that names pages of its document; all other parts are texts."""
NOTICES = "ledger/notices/"
"""Notices of notifications still to be delivered: only if notifications are on."""
NEW_NOTICES = f"{NOTICES}new/"
OWED_NOTICES = f"{NOTICES}owed/"
FOLDER_NOTES = f"{NOTICES}folders/"
GOVERNOR = "ledger/governor.json"
RUN_RECORD = ".run.json"
ERROR_RECORD = ".error.json"
FAILED_LINES = ".errors.jsonl"
DEFAULT_RECIPE = "default"
FOLDER = "local folder"
"""The bucket's name if it is a local folder: a name that no real bucket can have."""
OWNER = "backburner-run"
"""Metadata of a result: `<job_id>.<run>`, to recognise our own text before its run record is written."""
MAX_KEY_BYTES = 1024
"""S3's limit on a key, in UTF-8."""
_OPEN_RECORD = re.compile(rf"{OPEN}([0-9a-f]{{32}})\.([1-9][0-9]{{0,8}})\.json")
_MARK = re.compile(r"~[0-9a-f]{24}$")


@dataclass(frozen=True)
class OutputLocation:
    """The keys of one document's outputs, and the recipe that its folder names."""

    key: str
    recipe: str
    """In Unicode NFC; "" for keys such as `inbox//x`, which cannot have a recipe."""
    stem: str
    """The key below `inbox/`, never normalised; for a part, the whole key, since its outputs are beside it."""

    def result_key(self, output: str) -> str:
        """Key of the finished text; `output` is md, txt or json, or jsonl for a batch."""
        key = self._output(self._results, f".{output}")
        return self._output(self._results, f".{output}", mark=True) if key.endswith(RUN_RECORD) else key

    @property
    def run_record_key(self) -> str:
        """Key of the run record."""
        return self._output(self._results, RUN_RECORD)

    @property
    def error_record_key(self) -> str:
        """Key of the error record."""
        return self._output("" if self.is_part else FAILED, ERROR_RECORD)

    @property
    def errors_key(self) -> str:
        """Key of a batch's file of failed lines."""
        return self._output("" if self.is_part else FAILED, FAILED_LINES)

    @property
    def is_part(self) -> bool:
        """Whether it belongs to a part, whose outputs only its parent uses."""
        return self.key.startswith(WORK)

    @property
    def is_pages(self) -> bool:
        """Whether it belongs to a part that names pages of its document."""
        return self.is_part and self.key.endswith(PAGES)

    @property
    def _results(self) -> str:
        return "" if self.is_part else RESULTS

    def _output(self, folder: str, suffix: str, *, mark: bool = False) -> str:
        """A key that no other document's output has.

        A stem that is too long or ambiguous is cut and marked with a hash of the whole key; a stem that only looks
        marked is marked as well, so a plain key can never equal a marked one.
        """
        room = MAX_KEY_BYTES - len(folder) - len(suffix)
        raw = self.stem.encode()
        if not mark and len(raw) <= room and not _MARK.search(self.stem):
            return f"{folder}{self.stem}{suffix}"
        digest = "~" + hashlib.sha256(self.key.encode()).hexdigest()[:24]
        return f"{folder}{raw[: room - len(digest)].decode(errors='ignore')}{digest}{suffix}"


def output_location(key: str) -> OutputLocation:
    """The output location of a document or of a part. A file directly in `inbox/` has the recipe `default`."""
    if key.startswith(WORK):
        return OutputLocation(key=key, recipe="", stem=key)
    if not key.startswith(INBOX):
        msg = f"{key!r} is not in {INBOX}"
        raise ValueError(msg)
    stem = key.removeprefix(INBOX)
    folder, slash, _ = stem.partition("/")
    return OutputLocation(key=key, recipe=unicodedata.normalize("NFC", folder) if slash else DEFAULT_RECIPE, stem=stem)


def recipe_keys(recipe: str) -> list[str]:
    """The keys under which a recipe of this (NFC) name may have been uploaded: names compare in NFC, keys do not."""
    return [f"{RECIPES}{name}.md" for name in dict.fromkeys((recipe, unicodedata.normalize("NFD", recipe)))]


def job_id(bucket: str, key: str, etag: str, recipe_sha256: str, model: str) -> str:
    """Identity of a job (DESIGN section 3): 32 hex digits. The same five make the same job, anything else another."""
    identity = json.dumps([bucket, key, etag, recipe_sha256, model])
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def open_key(job: str, run: int) -> str:
    """Key of the open record of a run."""
    return f"{OPEN}{job}.{run}.json"


def open_run(key: str) -> tuple[str, int] | None:
    """Job and run of the open record with this key; None if the key is not an open record's."""
    found = _OPEN_RECORD.fullmatch(key)
    return (found[1], int(found[2])) if found else None


def work_folder(job: str, run: int | None = None) -> str:
    """The folder of a run's parts; without a run, the common prefix of the folders of all runs of a job."""
    return f"{WORK}{job}." if run is None else f"{WORK}{job}.{run}/"


def text_key(job: str, run: int) -> str:
    """Key of the text that was sent for a run whose answer's quotes are checked."""
    return f"{work_folder(job, run)}text"


def superseded_key(job: str, run: int) -> str:
    """Key of the record of a superseded run."""
    return f"{SUPERSEDED}{job}.{run}.json"


def response_key(response_id: str) -> str:
    """Key of the note that says which run a response id belongs to."""
    return f"{RESPONSES}{hashlib.sha256(response_id.encode()).hexdigest()[:32]}"


def answer_key(key: str, body: bytes, recipe_sha256: str, provider: tuple[str, ...]) -> str:
    """Key of the note for an answer: the same for the same bytes, read as the same format, with the same request.

    `provider` is profile, address, model, and whether that model sees. The file extension counts, since it decides how
    ambiguous bytes are read.
    """
    suffix = PurePosixPath(key).suffix.lower()
    identity = json.dumps([hashlib.sha256(body).hexdigest(), suffix, recipe_sha256, *provider])
    return f"{ANSWERS}{hashlib.sha256(identity.encode()).hexdigest()}.json"


def notice_key(job: str, run: int) -> str:
    """Key of the notice that a run is about to end."""
    return f"{NEW_NOTICES}{job}.{run}.json"


def owed_key(notification: str) -> str:
    """Key of a notification that could not be delivered yet."""
    return f"{OWED_NOTICES}{notification}.json"


def folder_note_key(folder: str) -> str:
    """Key of the note of what has ended in a folder since its last notification."""
    return f"{FOLDER_NOTES}{hashlib.sha256(folder.encode()).hexdigest()[:32]}.json"


def folders_of(key: str) -> list[str]:
    """The folders whose notifications count a document: its recipe's, and the folder directly below that holds it."""
    names = key.removeprefix(INBOX).split("/")[:-1]
    return [f"{INBOX}{'/'.join(names[:depth])}/" for depth in (1, 2) if len(names) >= depth]
