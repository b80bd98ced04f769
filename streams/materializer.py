"""Log to ClickHouse: batches, each record exactly once.

The store itself says how far it is: after a start, reading goes on behind the highest stored
offset of each partition. Derived rows (job states) go in before the events that made them,
and replace each other, so a crash between two inserts leaves nothing out and nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

from schemas.errors import RegistryError
from streams import topics
from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_block import batch_of
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_group import open_group_reader
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.log_positions import LogPositions
from streams.adapters.record_sets import RecordSet
from streams.adapters.records import Records
from streams.batch import Batch
from streams.errors import (
    LogUnavailableError,
    ScrapestreamError,
    StoreUnavailableError,
    TopicReplacedError,
    UnreadableRecordError,
)
from streams.event_sets import EventSets, ReadEvents
from streams.folded_jobs import FoldedJobs
from streams.garbage import rare_garbage_collection
from streams.ports import EventLog, RawRecord, TopicPartition
from streams.projections import job_events
from streams.settings import Settings

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

GROUP = "materializer"
TOPICS = (topics.JOB_EVENTS, topics.SCRAPED_ITEMS, topics.WEBHOOK_EVENTS, topics.PLACE_EVENTS)
UNREADABLE_AT_MOST = 1_000  # in a row: then it is us who cannot read, not the records
RETRY_S = 1.0
IDLE_S = 1.0  # how long a bug in storing can stay unseen while nothing comes
SESSION_S = 6.0  # the least that brokers allow: after a kill, results wait for it


class Materializer:
    """Fills every projection from its topic. While a batch is stored the next one is decoded."""

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
        self._positions = LogPositions(clickhouse)
        self._records = records
        self._sets = EventSets(records)
        self._log = event_log
        self._jobs = FoldedJobs(self._store)
        self._gathered = Batch()
        self._storing: asyncio.Task[None] | None = None
        self._in_place = False
        """Whether reading goes on behind what is stored; until then nothing may be stored."""
        self._next: dict[TopicPartition, int] = {}
        """The offset of the next record to take of each partition."""
        self._unreadable_in_a_row = 0
        self._incarnations: Mapping[str, str] = {}  # Kafka's id of each topic
        self._refusal: TopicReplacedError | None = None  # why nothing may be stored
        self._ready = asyncio.Event()

    async def run(self, ready: asyncio.Event) -> None:
        """Store until cancelled; sets ``ready`` when it knows where to go on.

        Raises:
            TopicReplacedError: a topic is not the one that the store was filled from.
        """
        self._ready = ready
        async with open_group_reader(
            self._settings,
            TOPICS,
            group=GROUP,
            client_id="materializer",
            on_assigned=self._put_in_place,
            on_revoked=self._let_go,
            session_s=SESSION_S,
            is_patient=True,
        ) as reader:
            reader.hand_out_sets()
            try:
                with rare_garbage_collection():
                    while True:
                        await self._gather(reader)
                        await self._stored()
                        if self._refusal is not None:
                            raise self._refusal
                        self._begin_storing(reader)
            finally:
                await self._end_storing()

    def _begin_storing(self, reader: KafkaReader) -> None:
        # Nothing is awaited here: partitions cannot move between the question and the start.
        batch, self._gathered = self._gathered, Batch()
        if batch.count and self._in_place:
            self._storing = asyncio.create_task(self._store_batch(batch, reader))

    async def _gather(self, reader: KafkaReader) -> None:
        """Read and decode until a batch is full, its first record has waited, or none comes."""
        deadline = math.inf
        while self._gathered.count < self._settings.batch_rows:
            timeout_s = min(IDLE_S, deadline - time.monotonic())
            if timeout_s <= 0:
                return
            try:
                found = await reader.read_sets(timeout_s=max(timeout_s, 0.001))
            except LogUnavailableError as error:
                log.warning("cannot read; reading again", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)
                continue
            fresh = [each for each in found if self._is_fresh(each)]
            if not self._gathered.count:
                if not fresh:
                    return
                deadline = time.monotonic() + self._settings.batch_ms / 1000
            # When partitions move meanwhile, this batch is dropped and another one takes its place.
            batch = self._gathered
            for each in fresh:
                await self._decode(each, batch)

    def _is_fresh(self, found: RecordSet) -> bool:
        """Leave out what was taken: some comes again when a partition gets its place."""
        partition = (found.topic, found.partition)
        following = self._next.get(partition, 0)
        if found.first < following:
            found.only(found.offsets >= following)
        if not len(found):
            return False
        self._next[partition] = int(found.offsets[-1]) + 1
        return True

    async def _decode(self, found: RecordSet, batch: Batch) -> None:
        """Add records of one partition to ``batch``; what can never be read is put aside in it."""
        if found.topic == topics.JOB_EVENTS:
            await self._insisting(self._sets.learn, found)
            batch.cover(found)
            events = self._sets.read(found)
            batch.events.append(events)
            for raw, reason in events.rejected:
                if events.columns or events.loose:  # not all of them: we can read
                    self._unreadable_in_a_row = 0
                self._put_aside(raw, reason, batch)
            if events.columns:  # that took some milliseconds: what is stored must have its turn
                await asyncio.sleep(0)
            return
        raws = found.records()
        await self._insisting(self._records.learn, raws)
        batch.cover(found)
        readings: Mapping[str, tuple[Callable[[RawRecord], Any], list[Any]]] = {
            topics.SCRAPED_ITEMS: (self._records.read_item, batch.items),
            topics.WEBHOOK_EVENTS: (self._records.read_delivery, batch.deliveries),
            topics.PLACE_EVENTS: (self._records.read_place_event, batch.places),
        }
        read, into = readings[found.topic]
        for raw in raws:
            try:
                into.append(read(raw))
                self._unreadable_in_a_row = 0
            except UnreadableRecordError as error:
                self._put_aside(raw, str(error), batch)

    def _put_aside(self, raw: RawRecord, reason: str, batch: Batch) -> None:
        batch.rejected.append((raw, reason))
        self._unreadable_in_a_row += 1
        if self._unreadable_in_a_row > UNREADABLE_AT_MOST:
            raise ScrapestreamError(
                f"more than {UNREADABLE_AT_MOST} records cannot be read, the last one "
                f"{raw.topic}/{raw.partition}/{raw.offset}: {reason}. "
                "Is this the registry that they were written with?"
            )

    async def _store_batch(self, batch: Batch, reader: KafkaReader) -> None:
        """Store a batch, whatever it takes, then say so to the group."""
        # Side by side: one after the other, a thousand of them would hold everybody up.
        await asyncio.gather(
            *(
                self._insisting(self._log.reject, raw, reason, to=topics.SCRAPE_DLQ)
                for raw, reason in batch.rejected
            )
        )
        # Here and not while gathering: jobs that are asked for must stand in the store.
        changed = await self._insisting(self._jobs.fold, self._sets.histories_of(batch.events))
        await self._insisting(self._records.catch_up)
        erasures = self._records.erasures
        name = batch.name(self._incarnations)
        for projection, states in batch.tables(changed):
            if projection is job_events.projection:
                await self._insisting(self._store_events, states, name)
                continue
            left = map(erasures.left, states) if erasures else states
            rows = [projection.row(state) for state in left if projection.takes(state)]
            if rows:
                token = f"{projection.table}:{name}"
                await self._insisting(self._clickhouse.insert, projection, rows, token)
        await self._insisting(self._positions.store, batch.ends, self._incarnations)
        try:
            await reader.commit(batch.ends)
        except LogUnavailableError:
            # The store knows how far it is; the commit shows the lag to operators.
            log.warning("kafka did not take the commit")

    async def _insisting(
        self, attempt: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        while True:
            try:
                return await attempt(*args, **kwargs)
            except (StoreUnavailableError, LogUnavailableError, RegistryError) as error:
                log.warning("cannot go on; trying again", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _stored(self) -> None:
        """Wait for the batch under way; raises what ended it, which is a bug."""
        if self._storing is not None:
            await asyncio.wait({self._storing})
            self._storing.result()

    async def _end_storing(self) -> None:
        """Let the batch under way end even when we are told to stop.

        An insert that is given up may still land, after the next process has asked what is stored.
        """
        if self._storing is not None:
            await asyncio.wait({self._storing}, timeout=self._settings.shutdown_s)
            self._storing.cancel()

    async def _store_events(self, events: Sequence[ReadEvents], name: str) -> None:
        projection = job_events.projection
        left = [self._sets.left(each) for each in events]
        batches = [rows for each in left for rows in each.rows]
        loose = [projection.row(recorded) for each in left for recorded in each.loose]
        if loose:
            batches.append(batch_of(projection.columns, loose))
        if batches:
            await self._clickhouse.insert_columns(projection, batches, f"{projection.table}:{name}")

    async def _put_in_place(
        self, partitions: frozenset[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Where to go on: behind what the store has."""
        await self._let_go(partitions)
        self._jobs.forget()
        self._unreadable_in_a_row = 0
        try:
            ends = await self._insisting(self._ends)
        except TopicReplacedError as error:
            # The consumer logs what is raised here, and goes on: `run` raises it.
            self._refusal = error
            return {}
        self._next = {partition: ends.get(partition, 0) for partition in partitions}
        self._gathered = Batch()  # the broker may have begun at what was committed
        self._in_place = True
        self._ready.set()
        return dict(self._next)

    async def _ends(self) -> Mapping[TopicPartition, int]:
        """Behind what the store has: the last rows, and what was put aside behind them."""
        async with open_admin(self._settings, "materializer") as admin:
            self._incarnations = await admin.topic_ids(TOPICS)
        await self._positions.check(self._incarnations)
        ends: dict[TopicPartition, int] = {}
        for topic in TOPICS:
            for found in (
                await self._store.stored_ends(topic),
                await self._store.ends_of_rows(topic),
            ):
                for partition, end in found.items():
                    ends[topic, partition] = max(end, ends.get((topic, partition), 0))
        await self._positions.store(ends, self._incarnations)
        return ends

    async def _let_go(self, partitions: frozenset[TopicPartition]) -> None:
        """Before partitions move: finish the batch under way, drop what is only gathered."""
        self._in_place = False
        self._gathered = Batch()
        if self._storing is not None:
            await asyncio.wait({self._storing})
