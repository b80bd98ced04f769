"""Stores the results of each job that ends as a file, and says so in the log.

It follows ``job-events`` as a group of its own, so a storage that is away holds up nothing but the
files: they are tried until they stand, and after a restart from where the group was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge

from schemas.errors import RegistryError
from streams.domain.events import ScrapeCancelled, ScrapeCompleted, ScrapeFailed
from streams.domain.ids import JobId
from streams.domain.recorded import Recorded, new_event
from streams.domain.results import day_of, expires_at, may_owe_file, owes_file, results_key
from streams.errors import UnavailableError, UnreadableRecordError
from streams.ports import EventLog, JobStore, RawRecord, ResultFiles, TopicPartition
from streams.results import ResultsWriter, delete_expired
from streams.topics import JOB_EVENTS, SCRAPED_ITEMS

log = logging.getLogger(__name__)
T = TypeVar("T")

GROUP = "results"
MOST_AT_ONCE = 500  # records
FILES_AT_ONCE = 4
ASK_STORE_AFTER_S = 5.0
SWEEP_S = 3_600.0


class GroupReader(Protocol):
    """A member of the group that reads ``job-events``."""

    async def read(self, *, timeout_s: float, most: int = 5_000) -> Sequence[RawRecord]: ...

    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool: ...


class ResultsMetrics:
    """What ``/metrics`` shows of files. One registry a process: nothing global."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.pending = Gauge(
            "scraper_results_pending", "Ended jobs whose file is being stored.", registry=registry
        )
        self.stored = Counter(
            "scraper_results_stored_total", "Files of results stored.", registry=registry
        )
        self.stored_bytes = Counter(
            "scraper_results_stored_bytes_total", "Bytes of those files.", registry=registry
        )
        self.failed = Counter(
            "scraper_results_failed_total",
            "Tries that failed; made again, but for ours (internal).",
            ["reason"],
            registry=registry,
        )
        self.deleted = Counter(
            "scraper_results_deleted_total", "Files deleted by age.", registry=registry
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultsParts:
    """What the agent works with."""

    reader: GroupReader
    learn: Callable[[Iterable[RawRecord]], Awaitable[None]]
    """``Records.learn``."""
    read_event: Callable[[RawRecord], Recorded]
    """``Records.read_event``."""
    event_log: EventLog
    store: JobStore
    files: ResultFiles
    committed: Callable[[], Awaitable[Mapping[TopicPartition, int]]]
    """How far the materializer has said that it is."""
    days: int = 0
    """Whole days that files are kept; 0: for ever."""
    first_pause_s: float = 1.0
    """Between the first two tries of what failed; doubles each time."""
    longest_pause_s: float = 60.0
    metrics: ResultsMetrics = field(default_factory=lambda: ResultsMetrics(CollectorRegistry()))
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)


class ResultsAgent:
    """Files for jobs as they end."""

    def __init__(self, parts: ResultsParts) -> None:
        self._parts = parts
        self.writer = ResultsWriter(parts.store, parts.files)
        self._places = asyncio.Semaphore(FILES_AT_ONCE)

    async def run(self) -> None:
        """Store files until cancelled. Outages of any part are waited out."""
        while True:
            raws = await self._insisting(
                "read", lambda: self._parts.reader.read(timeout_s=1.0, most=MOST_AT_ONCE)
            )
            if raws:
                await self.take(raws)

    async def take(self, raws: Sequence[RawRecord]) -> None:
        """Store what ``raws`` make owed, then commit them."""
        await self._insisting("learn schemas", lambda: self._parts.learn(raws))
        endings = {recorded.job_id: recorded for recorded in self._endings_in(raws)}
        self._parts.metrics.pending.set(len(endings))
        if endings:
            await self._stored(_ends_of(endings.values()))
            async with asyncio.TaskGroup() as group:
                for job_id in endings:
                    group.create_task(self._file(job_id))
        ends = {(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
        # When it fails, others commit behind it; or the same is found stored once more.
        await self._insisting("commit", lambda: self._parts.reader.commit(ends))

    async def sweep(self) -> None:
        """Delete what is too old, each hour, until cancelled."""
        parts = self._parts
        while parts.days:
            count = await self._insisting(
                "delete", lambda: delete_expired(parts.files, parts.clock(), parts.days)
            )
            if count:
                parts.metrics.deleted.inc(count)
                log.info("results deleted by age", extra={"files": count, "days": parts.days})
            await asyncio.sleep(SWEEP_S)

    def _endings_in(self, raws: Sequence[RawRecord]) -> Iterable[Recorded]:
        for raw in raws:
            try:
                recorded = self._parts.read_event(raw)
            except UnreadableRecordError:
                continue  # the materializer puts it into the dead-letter topic
            if may_owe_file(recorded):
                yield recorded

    async def _stored(self, ends: Mapping[TopicPartition, int]) -> None:
        """Wait until the store has everything before ``ends``, or it was put aside."""
        waited_s, pause_s = 0.0, 0.05
        while True:
            known = dict(await self._insisting("ask the broker", self._parts.committed))
            if waited_s > ASK_STORE_AFTER_S:  # a commit may have been lost: the store knows best
                for partition, end in (
                    await self._insisting("ask the store", self._stored_ends)
                ).items():
                    known[partition] = max(end, known.get(partition, 0))
            if all(known.get(partition, 0) >= end for partition, end in ends.items()):
                return
            await asyncio.sleep(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(2.0, 2 * pause_s)

    async def _stored_ends(self) -> Mapping[TopicPartition, int]:
        return {
            (topic, number): end
            for topic in (JOB_EVENTS, SCRAPED_ITEMS)
            for number, end in (await self._parts.store.stored_ends(topic)).items()
        }

    async def _file(self, job_id: JobId) -> None:
        async with self._places:
            try:
                await self._insisting("store a file", lambda: self._file_once(job_id))
            except Exception:
                # A bug of ours with one job must not keep back the files of all that follow.
                self._parts.metrics.failed.labels("internal").inc()
                log.exception("no file of results, and none will be", extra={"job_id": job_id})
        self._parts.metrics.pending.dec()

    async def _file_once(self, job_id: JobId) -> None:
        parts = self._parts
        job = await parts.store.find_job(job_id)
        # None: it was erased. Open: this was not the ending that counts.
        if job is None or not owes_file(job) or job.completed_at is None:
            return
        day = day_of(results_key(job_id, job.completed_at))
        end = expires_at(day, parts.days) if day else None
        if end is not None and end <= parts.clock():
            return
        fact = await self.writer.write(job)
        new = new_event(job_id, job.tenant, fact, parts.clock(), traceparent=job.traceparent)
        await parts.event_log.append([new])
        parts.metrics.stored.inc()
        parts.metrics.stored_bytes.inc(fact.size_bytes)

    async def _insisting(self, what: str, attempt: Callable[[], Awaitable[T]]) -> T:
        pause_s = self._parts.first_pause_s
        while True:
            try:
                return await attempt()
            except (UnavailableError, RegistryError) as error:
                reason = error.code if isinstance(error, UnavailableError) else "registry"
                self._parts.metrics.failed.labels(reason).inc()
                log.warning("results wait", extra={"what": what, "reason": str(error)})
                await asyncio.sleep(pause_s)
                pause_s = min(self._parts.longest_pause_s, 2 * pause_s)


def _ends_of(endings: Iterable[Recorded]) -> Mapping[TopicPartition, int]:
    """How far the store must be to have these endings and all items before them."""
    ends: dict[TopicPartition, int] = {}

    def reach(partition: TopicPartition, end: int) -> None:
        ends[partition] = max(end, ends.get(partition, 0))

    for recorded in endings:
        reach((JOB_EVENTS, recorded.partition), recorded.offset + 1)
        match recorded.event:
            case (
                ScrapeCompleted(items=span) | ScrapeFailed(items=span) | ScrapeCancelled(items=span)
            ) if span is not None:
                reach((SCRAPED_ITEMS, span.partition), span.end)
    return ends
