"""Holds the store against the log: every event, job, item and webhook that should be there, once.

It reads the whole log, a partition at a time, and asks ClickHouse for the same. Running jobs do no
harm: what comes after the ends that it began with is left out.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_store import TABLES, ClickHouseStore
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.records import Records
from streams.domain.events import ScrapeCancelled, ScrapeCompleted, ScrapeFailed
from streams.domain.fold import evolve
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.errors import UnreadableRecordError
from streams.ports import RawRecord
from streams.projections.jobs import without_secret
from streams.topics import JOB_EVENTS, SCRAPED_ITEMS, WEBHOOK_EVENTS

ENDINGS = ScrapeCompleted | ScrapeFailed | ScrapeCancelled
MOST_SHOWN = 1_000
ASKED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is not as the log says."""

    rule: str
    """``one_ending``, ``event_lost``, ``event_doubled``, ``state_differs``, ``item_lost``,
    ``item_doubled``, ``items_count``, ``webhook_missing``, ``webhook_doubled``."""
    subject: str
    """Job id, or topic and partition."""
    detail: str


@dataclass(slots=True)
class Findings:
    """What was looked at, and what is wrong."""

    jobs: int = 0
    ended: int = 0
    events: int = 0
    items: int = 0
    """Distinct items in the log."""
    unreadable: int = 0
    violations: list[Violation] = field(default_factory=list)
    """At most ``MOST_SHOWN``."""
    violations_count: int = 0

    def add(self, rule: str, subject: str, detail: str) -> None:
        """Note a violation."""
        self.violations_count += 1
        if len(self.violations) < MOST_SHOWN:
            self.violations.append(Violation(rule=rule, subject=subject, detail=detail))


class Audit:
    """One pass over log and store. ``settled_s``: jobs that ended later may still owe a webhook."""

    def __init__(
        self,
        reader: KafkaReader,
        records: Records,
        clickhouse: ClickHouse,
        *,
        settled_s: float = 60.0,
        store_within_s: float = 30.0,
    ) -> None:
        self._reader = reader
        self._records = records
        self._clickhouse = clickhouse
        self._store = ClickHouseStore(clickhouse)
        self._settled = timedelta(seconds=settled_s)
        self._store_within_s = store_within_s
        self._deliveries: dict[str, set[bytes]] = defaultdict(set)
        self._starts: dict[str, Mapping[int, int]] = {}
        self._began_at = datetime.now(UTC)
        self.findings = Findings()

    async def run(self) -> Findings:
        """Look at everything.

        Raises:
            LogUnavailableError, RegistryError, StoreUnavailableError: try again.
        """
        # Asked before anything is assigned: later the reader knows only what it reads.
        ends = {topic: await self._reader.ends(topic) for topic in TABLES}
        self._starts = {topic: await self._reader.starts(topic) for topic in TABLES}
        await self._wait_for_store(ends)
        for partition, end in ends[WEBHOOK_EVENTS].items():
            async for raw in self._log(WEBHOOK_EVENTS, partition, end):
                self._note_delivery(raw)
        for partition, end in ends[JOB_EVENTS].items():
            jobs = await self._check_events(partition, end)
            items_end = ends[SCRAPED_ITEMS].get(partition, 0)
            await self._check_items(partition, items_end, jobs)
            await self._check_states(jobs, end)
            self._check_webhooks(jobs)
        return self.findings

    async def _check_events(self, partition: int, end: int) -> dict[JobId, Job]:
        """The jobs of a partition as the log has them."""
        jobs: dict[JobId, Job] = {}
        endings: dict[JobId, set[str]] = defaultdict(set)
        offsets: set[int] = set()
        async for raw in self._log(JOB_EVENTS, partition, end):
            recorded = self._readable(raw)
            if recorded is None:
                continue
            offsets.add(recorded.offset)
            if isinstance(recorded.event, ENDINGS):
                endings[recorded.job_id].add(recorded.event_id)
            job = evolve(jobs.get(recorded.job_id), recorded)
            if job is not None:
                jobs[recorded.job_id] = job
        for job_id, job in jobs.items():
            if len(endings[job_id]) > 1 or (not job.is_open and not endings[job_id]):
                self.findings.add("one_ending", job_id, f"{len(endings[job_id])} endings")
        self.findings.jobs += len(jobs)
        self.findings.ended += sum(not job.is_open for job in jobs.values())
        self.findings.events += len(offsets)
        rows = await self._clickhouse.rows(
            f"SELECT offset FROM {TABLES[JOB_EVENTS]} "  # noqa: S608 - our own names
            "WHERE partition = {partition:Int32} AND offset < {end:Int64}",
            {"partition": partition, "end": end},
        )
        self._compare(JOB_EVENTS, partition, offsets, [int(offset) for (offset,) in rows])
        return jobs

    async def _check_items(self, partition: int, end: int, jobs: Mapping[JobId, Job]) -> None:
        ids: dict[str, dict[bytes, int]] = defaultdict(dict)  # to the offset of the last record
        async for raw in self._log(SCRAPED_ITEMS, partition, end):
            event_id = _header(raw, "ce_id")
            if not event_id:  # none of ours
                self.findings.unreadable += 1
                continue
            ids[(raw.key or b"").decode(errors="replace")][event_id] = raw.offset
        self.findings.items += sum(len(found) for found in ids.values())
        rows = await self._clickhouse.rows(
            f"SELECT offset FROM {TABLES[SCRAPED_ITEMS]} "  # noqa: S608 - our own names
            "WHERE partition = {partition:Int32} AND offset < {end:Int64}",
            {"partition": partition, "end": end},
        )
        # A worker that got no answer appends again: of such records the store keeps the last one.
        offsets = {offset for found in ids.values() for offset in found.values()}
        self._compare(SCRAPED_ITEMS, partition, offsets, [int(offset) for (offset,) in rows])
        for job_id, job in jobs.items():
            # A worker that was held for dead may have added items after the job's end.
            if not job.is_open and len(ids[job_id]) < job.items_count:
                told, found = job.items_count, len(ids[job_id])
                self.findings.add("items_count", job_id, f"says {told} items, the log has {found}")

    async def _check_states(self, jobs: Mapping[JobId, Job], end: int) -> None:
        left = iter(jobs.items())
        while some := list(islice(left, ASKED_AT_ONCE)):
            stored = await self._store.find_many([job_id for job_id, _ in some])
            for job_id, job in some:
                row = stored.get(job_id)
                if row is None:
                    self.findings.add("state_differs", job_id, "is not in the store")
                elif row.offset < end and row != without_secret(job):
                    self.findings.add("state_differs", job_id, difference(without_secret(job), row))

    def _check_webhooks(self, jobs: Mapping[JobId, Job]) -> None:
        for job_id, job in jobs.items():
            if job.webhook is None or job.completed_at is None:
                continue
            count = len(self._deliveries[job_id])
            if count > 1:
                self.findings.add("webhook_doubled", job_id, f"{count} deliveries")
            elif count == 0 and self._began_at - job.completed_at > self._settled:
                self.findings.add("webhook_missing", job_id, "no delivery was scheduled")

    def _compare(
        self, topic: str, partition: int, offsets: set[int], stored: Sequence[int]
    ) -> None:
        """Both sides of one partition. Records that nobody can read are in neither."""
        kind = "event" if topic == JOB_EVENTS else "item"
        subject = f"{topic}/{partition}"
        if lost := offsets.difference(stored):
            self.findings.add(f"{kind}_lost", subject, f"{len(lost)}, the first at {min(lost)}")
        if len(stored) != len(set(stored)):
            count = len(stored) - len(set(stored))
            self.findings.add(f"{kind}_doubled", subject, f"{count} rows too many")

    def _note_delivery(self, raw: RawRecord) -> None:
        if _header(raw, "ce_type").endswith(b".DeliveryScheduled"):
            self._deliveries[_header(raw, "ce_subject").decode()].add(raw.key or b"")

    def _readable(self, raw: RawRecord) -> Recorded | None:
        try:
            return self._records.read_event(raw)
        except UnreadableRecordError:
            self.findings.unreadable += 1
            return None

    async def _log(self, topic: str, partition: int, end: int) -> AsyncIterator[RawRecord]:
        """The records of one partition from its beginning to ``end``."""
        start = self._starts[topic].get(partition, 0)
        place = (topic, partition)
        if start >= end:
            return
        self._reader.assign({place: start})
        while await self._reader.position(place) < end:
            raws = await self._reader.read(timeout_s=1.0)
            await self._records.learn(raws)
            for raw in raws:
                if raw.offset < end:
                    yield raw

    async def _wait_for_store(self, ends: Mapping[str, Mapping[int, int]]) -> None:
        """Until the store has what the log had when we began, or has had the time for it."""
        deadline = time.monotonic() + self._store_within_s
        while time.monotonic() < deadline:
            stored = {topic: await self._store.stored_ends(topic) for topic in ends}
            if all(
                stored[topic].get(partition, 0) >= end
                for topic, of_topic in ends.items()
                for partition, end in of_topic.items()
            ):
                return
            await asyncio.sleep(0.2)


def difference(expected: Job, found: Job) -> str:
    """The fields in which two states differ, as text."""
    names: Iterable[str] = expected.__dataclass_fields__
    told = [
        f"{name}: log {getattr(expected, name)!r}, store {getattr(found, name)!r}"
        for name in names
        if getattr(expected, name) != getattr(found, name)
    ]
    return "; ".join(told)[:500]


def _header(raw: RawRecord, name: str) -> bytes:
    return next((value for key, value in raw.headers if key == name), b"")
