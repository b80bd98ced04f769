"""A table beside a projection's live one, filled from records of the log."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_block import batch_of
from streams.adapters.record_sets import RecordSet
from streams.adapters.records import Records
from streams.domain.fold import fold
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.event_sets import EventSets, History
from streams.ports import RawRecord
from streams.projections import (
    items,
    job_events,
    jobs,
    place_events,
    place_reviews,
    places,
    webhook_events,
)
from streams.projections.projection import Projection, Row
from streams.topics import JOB_EVENTS, PLACE_EVENTS, SCRAPED_ITEMS, WEBHOOK_EVENTS

SOURCES: Mapping[str, str] = {
    job_events.projection.name: JOB_EVENTS,
    jobs.projection.name: JOB_EVENTS,
    items.projection.name: SCRAPED_ITEMS,
    webhook_events.projection.name: WEBHOOK_EVENTS,
    places.projection.name: PLACE_EVENTS,
    place_reviews.projection.name: PLACE_EVENTS,
    place_events.projection.name: PLACE_EVENTS,
}
"""The topic that fills each projection."""
ROWS_AT_ONCE = 50_000


class TableBeside:
    """Records become rows of a new table; while some are inserted the next ones are decoded."""

    def __init__(
        self, projection: Projection, records: Records, clickhouse: ClickHouse, *, name: str = ""
    ) -> None:
        """``name``: hexadecimal, and the same for one that is begun again; else a fresh one."""
        self._projection = projection
        self._records = records
        self._clickhouse = clickhouse
        self._sets = EventSets(records)
        self._states: list[Any] = []
        self._columns: list[pa.RecordBatch] = []
        """For the projection of job events: rows that are columns already."""
        self._jobs: dict[JobId, Job] = {}
        """For the projection of jobs: all of them, about 1 KB each."""
        self._changed: dict[JobId, Job] = {}
        self._inserting: asyncio.Task[None] | None = None
        self._erasures = 0
        """Erasures that were known when the table was made."""
        self.topic = SOURCES[projection.name]
        self._read = {
            JOB_EVENTS: records.read_event,
            SCRAPED_ITEMS: records.read_item,
            WEBHOOK_EVENTS: records.read_delivery,
            PLACE_EVENTS: records.read_place_event,
        }[self.topic]
        self.name = f"{projection.table}_rebuilt_{name or uuid.uuid4().hex[:8]}"
        self.records = 0
        """Taken so far."""
        self.unreadable = 0
        self.rows = 0

    async def create(self) -> None:
        """Make the table. Each method raises StoreUnavailableError when the store is away."""
        # Of one that was killed.
        await self._clickhouse.run(f"DROP TABLE IF EXISTS {self.name} SYNC")
        await self._clickhouse.run(self._projection.create(self.name))
        self._erasures = len(self._records.erasures.requested)

    async def check_erasures(self) -> None:
        """Refuse to bring back what was forgotten while the table was filled.

        Raises:
            LogUnavailableError: something was, or it cannot be said; replay again.
        """
        await self._records.catch_up()
        if len(self._records.erasures.requested) != self._erasures:
            raise LogUnavailableError("something was forgotten meanwhile; replay again")

    async def drop(self) -> None:
        """Remove it."""
        if self._inserting is not None:
            self._inserting.cancel()
            await asyncio.wait({self._inserting})
        await self._clickhouse.run(f"DROP TABLE IF EXISTS {self.name} SYNC")

    async def add(self, raws: Sequence[RawRecord]) -> None:
        """Take records; in order within a partition.

        Raises:
            RegistryError: the schema registry is away.
        """
        await self._records.learn(raws)
        self.records += len(raws)
        readable = self._readable(raws)
        if self._projection is jobs.projection:
            histories: dict[JobId, History] = {}
            for recorded in readable:
                histories.setdefault(recorded.job_id, []).append(recorded)
            self._fold(histories)
            return
        self._states += readable
        await self._insert_when_many()

    async def add_set(self, found: RecordSet) -> None:
        """Take a set; in order within a partition. Raises as ``add``."""
        if self.topic != JOB_EVENTS:
            await self.add(found.records())
            return
        await self._sets.learn(found)
        self.records += len(found)
        events = self._sets.read(found)
        self.unreadable += len(events.rejected)
        if self._projection is jobs.projection:
            self._fold(self._sets.histories(events))
        else:
            self._columns += events.rows
            self._states += events.loose
            await self._insert_when_many()
        await asyncio.sleep(0)  # what goes on beside this must have its turn

    async def flush(self) -> None:
        """Insert what was taken; returns when all of it is there."""
        self._states += self._changed.values()
        self._changed.clear()
        while self._states or self._columns:
            await self._insert_some()
        await self._inserted()

    def _readable(self, raws: Sequence[RawRecord]) -> Iterator[Any]:
        for raw in raws:
            try:
                yield self._read(raw)
            except UnreadableRecordError:
                self.unreadable += 1  # the materializer has put it aside

    def _fold(self, histories: Mapping[JobId, History]) -> None:
        for job_id, history in histories.items():
            job = fold(history, self._jobs.get(job_id))
            if job is not None:
                self._jobs[job_id] = self._changed[job_id] = job

    async def _insert_when_many(self) -> None:
        while len(self._states) + sum(map(len, self._columns)) >= ROWS_AT_ONCE:
            await self._insert_some()

    async def _insert_some(self) -> None:
        """Begin to insert, once what was begun before has ended."""
        columns, self._columns = self._columns, []
        states, self._states = self._states[:ROWS_AT_ONCE], self._states[ROWS_AT_ONCE:]
        taken = (state for state in states if self._projection.takes(state))
        rows: list[Row] = [self._projection.row(state) for state in taken]
        await self._inserted()
        self.rows += len(rows) + sum(map(len, columns))
        self._inserting = asyncio.create_task(self._insert(columns, rows))

    async def _insert(self, columns: list[pa.RecordBatch], rows: list[Row]) -> None:
        token, table = uuid.uuid4().hex, self.name
        if not columns:
            await self._clickhouse.insert(self._projection, rows, token, table=table)
            return
        if rows:
            columns = [*columns, batch_of(self._projection.columns, rows)]
        await self._clickhouse.insert_columns(self._projection, columns, token, table=table)

    async def _inserted(self) -> None:
        task, self._inserting = self._inserting, None
        if task is not None:
            await task
