"""Log to ClickHouse: batches, each record exactly once.

The store itself says how far it is: after a start, reading goes on behind the highest stored
offset of each partition. Derived rows (job states) go in before the events that made them,
and replace each other, so a crash between two inserts leaves nothing out and nothing twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from schemas.errors import RegistryError
from streams import topics
from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import KafkaReader, open_group_reader
from streams.adapters.records import Records
from streams.domain.events import Recorded
from streams.domain.fold import evolve
from streams.domain.ids import JobId
from streams.domain.items import RecordedItem
from streams.domain.job import Job
from streams.domain.webhook import RecordedDelivery
from streams.errors import (
    LogUnavailableError,
    ScrapestreamError,
    StoreUnavailableError,
    UnreadableRecordError,
)
from streams.ports import EventLog, RawRecord, TopicPartition
from streams.projections import items, job_events, jobs, webhook_events
from streams.projections.projection import Projection
from streams.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

GROUP = "materializer"
TOPICS = (topics.JOB_EVENTS, topics.SCRAPED_ITEMS, topics.WEBHOOK_EVENTS)
KNOWN_JOBS = 50_000  # states kept in memory, about 1 KB each
UNREADABLE_AT_MOST = 1_000  # in a row: then it is us who cannot read, not the records
RETRY_S = 1.0
SESSION_S = 6.0  # the least that brokers allow: after a kill, results wait for it


class Materializer:
    """Fills every projection from its topic."""

    def __init__(
        self,
        settings: Settings,
        clickhouse: ClickHouse,
        records: Records,
        event_log: EventLog,
    ) -> None:
        self._settings = settings
        self._clickhouse = clickhouse
        self._store = ClickHouseStore(clickhouse)
        self._records = records
        self._log = event_log
        self._jobs: OrderedDict[JobId, Job] = OrderedDict()
        self._pending: list[RawRecord] = []
        self._storing = asyncio.Lock()
        self._unreadable_in_a_row = 0
        self._ready = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        """Store until cancelled; sets ``ready`` when it knows where to go on."""
        self._ready = ready
        async with open_group_reader(
            self._settings,
            TOPICS,
            group=GROUP,
            client_id="materializer",
            on_assigned=self._positions,
            on_revoked=self._let_go,
            session_s=SESSION_S,
        ) as reader:
            while True:
                await self._fill(reader)
                async with self._storing:
                    if self._pending:
                        await self._finish(self._store_pending(reader))

    async def _fill(self, reader: KafkaReader) -> None:
        """Read until a batch is full, or its first record has waited long enough."""
        most, patience_s = self._settings.batch_rows, self._settings.batch_ms / 1000
        deadline = time.monotonic() + patience_s
        while len(self._pending) < most:
            left_s = deadline - time.monotonic()
            if self._pending and left_s <= 0:
                return
            try:
                found = await reader.read(
                    timeout_s=max(left_s, 0.001) if self._pending else 1.0,
                    most=most - len(self._pending),
                )
            except LogUnavailableError:
                log.warning("kafka does not answer; reading again")
                await asyncio.sleep(RETRY_S)
                continue
            if found and not self._pending:
                deadline = time.monotonic() + patience_s
            self._pending.extend(found)

    async def _finish(self, storing: Coroutine[Any, Any, None]) -> None:
        """Let it end even when we are told to stop.

        An insert that is given up in the middle may still land, after the next process has asked
        how far the store is: then its rows would stand there twice.
        """
        task = asyncio.create_task(storing)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task}, timeout=self._settings.shutdown_s)
            task.cancel()
            raise

    async def _store_pending(self, reader: KafkaReader) -> None:
        """Store what is pending, whatever it takes, then say so to the group."""
        batch = await self._insisting(lambda: self._read_batch(self._pending))
        await self._insisting(lambda: self._store_batch(batch))
        self._pending = []
        try:
            await reader.commit(batch.ends())
        except LogUnavailableError:
            # The store knows how far it is; the commit shows the lag to operators.
            log.warning("kafka did not take the commit")

    async def _insisting(self, attempt: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await attempt()
            except (StoreUnavailableError, LogUnavailableError, RegistryError) as error:
                log.warning("cannot store; trying again", extra={"reason": str(error)})
                self._jobs.clear()  # they may be ahead of what was stored
                await asyncio.sleep(RETRY_S)

    async def _read_batch(self, raws: Sequence[RawRecord]) -> _Batch:
        """Decode; what can never be read goes to the dead-letter topic."""
        await self._records.learn(raws)
        batch = _Batch(raws)
        rejected: list[tuple[RawRecord, str]] = []
        for raw in raws:
            try:
                match raw.topic:
                    case topics.JOB_EVENTS:
                        batch.events.append(self._records.read_event(raw))
                    case topics.SCRAPED_ITEMS:
                        batch.items.append(self._records.read_item(raw))
                    case _:
                        batch.deliveries.append(self._records.read_delivery(raw))
            except UnreadableRecordError as error:
                rejected.append((raw, str(error)))
                self._check_sanity(len(rejected), raw, error)
        if len(rejected) < len(raws):
            self._unreadable_in_a_row = 0
        for raw, reason in rejected:
            await self._log.reject(raw, reason, to=topics.SCRAPE_DLQ)
        self._unreadable_in_a_row += len(rejected)
        return batch

    def _check_sanity(self, rejected: int, raw: RawRecord, error: Exception) -> None:
        if self._unreadable_in_a_row + rejected > UNREADABLE_AT_MOST:
            raise ScrapestreamError(
                f"more than {UNREADABLE_AT_MOST} records cannot be read, the last one "
                f"{raw.topic}/{raw.partition}/{raw.offset}: {error}. "
                "Is this the registry that they were written with?"
            ) from error

    async def _store_batch(self, batch: _Batch) -> None:
        await self._insert(items.projection, batch.items, batch.raws)
        changed = await self._folded(batch.events)
        await self._insert(jobs.projection, changed, batch.raws)
        await self._insert(job_events.projection, batch.events, batch.raws)
        await self._insert(webhook_events.projection, batch.deliveries, batch.raws)

    async def _folded(self, events: Sequence[Recorded]) -> list[Job]:
        """The newest state of each job that ``events`` change."""
        touched = dict.fromkeys(each.job_id for each in events)
        # Also for a job that begins here: its request may have been appended twice.
        unknown = [job_id for job_id in touched if job_id not in self._jobs]
        if unknown:
            self._jobs.update(await self._store.find_many(unknown))
        for recorded in events:
            job = evolve(self._jobs.get(recorded.job_id), recorded)
            if job is not None:
                self._jobs[recorded.job_id] = job
                self._jobs.move_to_end(recorded.job_id)
        changed = [self._jobs[job_id] for job_id in touched if job_id in self._jobs]
        while len(self._jobs) > KNOWN_JOBS:
            self._jobs.popitem(last=False)
        return changed

    async def _insert(
        self, projection: Projection, states: Sequence[Any], raws: Sequence[RawRecord]
    ) -> None:
        if states:
            rows = [projection.row(state) for state in states]
            await self._clickhouse.insert(projection, rows, _token(projection, raws))

    async def _positions(
        self, partitions: frozenset[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Where to go on: behind what the store has."""
        self._jobs.clear()
        self._pending = []
        while True:
            try:
                ends = {topic: await self._store.stored_ends(topic) for topic in TOPICS}
                break
            except StoreUnavailableError as error:
                log.warning("cannot ask where to go on; again", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)
        self._ready.set()
        return {(topic, number): ends[topic].get(number, 0) for topic, number in partitions}

    async def _let_go(self, partitions: frozenset[TopicPartition]) -> None:
        """Before partitions move: finish the insert under way, drop what is not begun."""
        async with self._storing:
            self._pending = []


@dataclass(slots=True)
class _Batch:
    """Records that are stored together."""

    raws: Sequence[RawRecord]
    events: list[Recorded] = field(default_factory=list)
    items: list[RecordedItem] = field(default_factory=list)
    deliveries: list[RecordedDelivery] = field(default_factory=list)

    def ends(self) -> dict[TopicPartition, int]:
        """The offset after the last record of each partition."""
        return {(raw.topic, raw.partition): raw.offset + 1 for raw in self.raws}


def _token(projection: Projection, raws: Sequence[RawRecord]) -> str:
    """Names the exact ranges of a batch, so that the same insert again stores nothing."""
    firsts: dict[TopicPartition, int] = {}
    for raw in raws:
        firsts.setdefault((raw.topic, raw.partition), raw.offset)
    ends = {(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
    ranges = ";".join(f"{part}:{firsts[part]}-{ends[part]}" for part in sorted(ends))
    return f"{projection.table}:{hashlib.sha256(ranges.encode()).hexdigest()}"
