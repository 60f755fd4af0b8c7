"""The soak's own check: what is in the bucket, compared with the documents and the provider."""

import json
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from backburner.ledger.keys import output_location
from soaking import poison
from soaking.cloud import Cloud
from soaking.documents import Document, folder_of

_LINES = "lines of batches"


@dataclass
class Findings:
    """What became of the documents, and everything that contradicts the promise."""

    ends: Counter[str] = field(default_factory=Counter)
    orphans: int = 0
    counted: int = 0
    generations: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Truth:
    """All that is known at the end. `noted` are records that newer versions replaced; `allowed` bounds the orphans."""

    cloud: Cloud
    documents: Sequence[Document]
    provider: Any
    noted: Mapping[tuple[str, int], Any]
    allowed: int
    strays: Container[str] = ()

    def check(self) -> Findings:
        """Compare the bucket with the documents and the provider."""
        found = Findings(generations=len(self.provider["generations"]))
        with ThreadPoolExecutor(8) as threads:
            bodies = dict(threads.map(lambda key: (key, self.cloud.get(key)), self._keys()))
        results = self.cloud.listed("results/")
        for document in self.documents:
            self._document(document, bodies, results, found)
        records = [json.loads(body) for key, body in bodies.items() if body and _is_record(key)]
        self._orphans(records, set(_ids_of_lines(bodies)), found)
        self._journal(bodies, found)
        self._rest(bodies, found)
        expected = {bodies_key for document in self.documents for bodies_key in document.outputs}
        found.problems += [f"nobody's: {key}" for key in results if key not in expected and key not in self.strays]
        return found

    def _keys(self) -> list[str]:
        folders = ("results/", "failed/", "ledger/")
        keys = [key for folder in folders for key in self.cloud.listed(folder)]
        return [key for key in keys if key not in self.strays]

    def _document(
        self, document: Document, bodies: Mapping[str, bytes | None], results: Mapping[str, str], found: Findings
    ) -> None:
        location = output_location(document.key)
        run, error = _json(bodies.get(location.run_record_key)), _json(bodies.get(location.error_record_key))
        record = run or error
        if record is None or record["source"]["etag"] != document.etag or (run and error):
            found.ends["lost"] += 1
            found.problems.append(f"lost: {document.key}, {_state(run)} and {_state(error)} are there")
            return
        found.ends["done" if run else f"failed: {record['reason']}"] += 1
        if run and results.get(run["result_key"]) != run["result_etag"]:
            found.problems.append(f"another text than its record names: {document.key}")
        if document.behaviour in poison.KINDS:
            found.ends[f"poison: {folder_of(document.behaviour)}, {record['state']}"] += 1
        if wrong := document.wrong(record, bodies):
            found.problems.append(f"did not end as it must: {document.key}, {wrong}")

    def _orphans(self, committed: list[Any], lines: set[str], found: Findings) -> None:
        """A job may have more generations than the records know only if they are counted.

        A document's parts are jobs of their own. Those of batches count as one: a line need not name its job.
        """
        records = dict(self.noted) | {(record["job_id"], record["run"]): record for record in committed}
        counted, known = Counter[str](), defaultdict[str, set[str]](set, {_LINES: lines})
        segments = set[str]()
        for (job, _), record in records.items():
            counted[job] += record["suspected_orphans"]
            known[job] |= {response["id"] for response in record["responses"]}
            for part in record.get("parts") or ():
                one = _LINES if part["lines"] else part["job_id"]
                segments |= {part["job_id"]} if part["lines"] else set()
                counted[job] -= part["suspected_orphans"]
                counted[one] += part["suspected_orphans"]
                known[one] |= set(part["responses"])
        orphans = Counter[str]()
        for generation in self.provider["generations"]:
            job = generation["metadata"].get("job_id", _LINES)
            job = _LINES if job in segments else job
            is_told = generation["deleted"] or generation["cancelled"] or generation["id"] in known[job]
            orphans[job] += not is_told
        found.orphans, found.counted = orphans.total(), counted.total()
        found.problems += [
            f"job {job}: {number} generations that nobody knows, {counted[job]} suspected"
            for job, number in orphans.items()
            if number > counted[job]
        ]
        if found.counted > self.allowed:
            found.problems.append(f"{found.counted} suspected orphans, but only {self.allowed} creates were doubtful")

    def _journal(self, bodies: Mapping[str, bytes | None], found: Findings) -> None:
        """No run ends twice, and no job is done twice."""
        lines = [
            json.loads(line)
            for key, body in bodies.items()
            if key.startswith("ledger/journal/") and body
            for line in body.splitlines()
        ]
        ended = Counter((line["job_id"], line["run"]) for line in lines)
        done = Counter(line["job_id"] for line in lines if line["state"] == "done")
        found.problems += [f"run ended {times} times: {run}" for run, times in ended.items() if times > 1]
        found.problems += [f"job done {times} times: {job}" for job, times in done.items() if times > 1]

    def _rest(self, bodies: Mapping[str, bytes | None], found: Findings) -> None:
        governor = _json(bodies.get("ledger/governor.json")) or {"reserved": {}}
        found.problems += [f"reserved: {name}" for name in governor["reserved"]]
        kept = {f"ledger/work/{run['job_id']}" for run in self._batches(bodies)}  # a replay continues with it
        left = [key for key in bodies if key.startswith(("ledger/open/", "ledger/work/"))]
        found.problems += [f"left over: {key}" for key in left if key.partition(".")[0] not in kept]
        if dead := self.cloud.count_messages("dead"):
            found.problems.append(f"{dead} dead letters")
        found.ends["superseded runs"] = sum(key.startswith("ledger/superseded/") for key in bodies)

    def _batches(self, bodies: Mapping[str, bytes | None]) -> list[Any]:
        records = (_json(bodies.get(output_location(document.key).run_record_key)) for document in self.documents)
        return [record for record in records if record and record["lines"]]


def _ids_of_lines(bodies: Mapping[str, bytes | None]) -> Iterator[str]:
    """The generations that the files of answers and errors name."""
    for key, body in bodies.items():
        for line in body.splitlines() if body and key.endswith(".jsonl") and not key.startswith("ledger/") else ():
            if response := json.loads(line)["response"]:
                yield response["request_id"]


def _is_record(key: str) -> bool:
    return key.endswith((".run.json", ".error.json")) or key.startswith("ledger/superseded/")


def _json(body: bytes | None) -> Any:
    return None if body is None else json.loads(body)


def _state(record: Any) -> str:
    return "nothing" if record is None else f"{record['state']} of {record['source']['etag'][:8]}"
