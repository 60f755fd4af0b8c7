"""Reads documents page by page, with how each one ended, from listings alone: no record is read."""

from collections.abc import Mapping
from dataclasses import dataclass

from backburner.ledger.keys import output_location
from backburner.ledger.records import State
from backburner.ports import Bucket, Stored

PAGE = 1000


@dataclass(frozen=True, kw_only=True)
class PageRecords:
    """The run and error records of the documents on one page, without their bodies."""

    records: Mapping[str, Stored]

    def is_answered(self, key: str, document: Stored) -> bool:
        """Whether the document has a newer run or error record."""
        location = output_location(key)
        found = (self.records.get(record) for record in (location.run_record_key, location.error_record_key))
        return any(record.last_modified > document.last_modified for record in found if record)

    def state_of(self, key: str, document: Stored) -> State | None:
        """How the document's current version ended, by the later one of the records that are not older than it."""
        location = output_location(key)
        run, error = (self.records.get(record) for record in (location.run_record_key, location.error_record_key))
        ended = [
            (record.last_modified, state)
            for record, state in ((error, State.FAILED), (run, State.DONE))
            if record and record.last_modified >= document.last_modified
        ]
        return max(ended, key=lambda one: one[0])[1] if ended else None


async def page_of(bucket: Bucket, prefix: str, after: str) -> dict[str, Stored]:
    """At most `PAGE` objects below a prefix and after a key, in the order of their keys."""
    page: dict[str, Stored] = {}
    async for key, stored in bucket.listed(prefix, after):
        page[key] = stored
        if len(page) >= PAGE:
            break
    return page


async def records_of(bucket: Bucket, page: Mapping[str, Stored]) -> PageRecords:
    """List the run and error records of the documents on a page, which must not be empty."""
    locations, records = [output_location(key) for key in page], dict[str, Stored]()
    for wanted in (
        {location.run_record_key for location in locations},
        {location.error_record_key for location in locations},
    ):
        first, last = min(wanted), max(wanted)  # with their suffixes, keys sort differently from the documents
        async for key, stored in bucket.listed(f"{first.partition('/')[0]}/", first[:-1]):
            if key > last:
                break
            if key in wanted:
                records[key] = stored
    return PageRecords(records=records)
