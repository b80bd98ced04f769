"""Rebuilds a projection from the log beside the live one, then moves reads over.

Only tables are filled: no event is appended, no webhook is sent.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.records import Records
from streams.domain.fold import fold
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.errors import UnreadableRecordError
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
ROWS_AT_ONCE = 20_000
CLOSE_ENOUGH = 2_000
"""Records behind the log's end with which the move begins; the move itself takes the rest along."""
MOST_ROUNDS = 10
MOST_SHOWN = 1_000

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How the live table differs from what the log says, for one job."""

    job_id: str
    missing: int
    """Rows that the live table lacks, or has otherwise."""
    surplus: int
    """Rows of the live table that the log does not give."""


@dataclass(slots=True, kw_only=True)
class Replayed:
    """What a rebuild did."""

    projection: str
    records: int = 0
    unreadable: int = 0
    rows: int = 0
    seconds: float = 0.0
    moved: bool = False
    """Whether reads now go to the rebuilt table."""
    drift: list[Drift] = field(default_factory=list)
    """At most ``MOST_SHOWN`` jobs."""


class Replay:
    """One rebuild of one projection. Reads go on meanwhile, and so does the materializer."""

    def __init__(
        self,
        projection: Projection,
        reader: KafkaReader,
        records: Records,
        clickhouse: ClickHouse,
        *,
        told: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> None:
        """``told`` hears (records done, records in all) from time to time."""
        self._projection = projection
        self._topic = SOURCES[projection.name]
        self._reader = reader
        self._records = records
        self._clickhouse = clickhouse
        self._told = told
        self._beside = f"{projection.table}_rebuilt_{uuid.uuid4().hex[:8]}"
        self._positions: dict[int, int] = {}
        self._jobs: dict[JobId, Job] = {}
        """For the projection of jobs: all of them, about 1 KB each."""
        self._changed: dict[JobId, Job] = {}
        self._total = 0
        self._is_half_moved = False
        """Whether the table beside is the old one, and still has rows that the new one lacks."""
        self.result = Replayed(projection=projection.name)

    async def run(self, *, compare: bool = False, move: bool = True) -> Replayed:
        """Rebuild; ``compare`` fills ``drift``; without ``move`` the live table stays.

        Raises:
            LogUnavailableError, RegistryError, StoreUnavailableError: it did not end; replay again.
        """
        began_s = time.monotonic()
        await self._clickhouse.run(self._projection.create(self._beside))
        try:
            self._positions = dict(await self._reader.starts(self._topic))
            for _ in range(MOST_ROUNDS):
                if await self._read_on() <= CLOSE_ENOUGH:
                    break
            if compare:
                await self._compare()
            if move:
                await self._move()
        finally:
            self.result.seconds = time.monotonic() - began_s
            if not self._is_half_moved:
                await self._clickhouse.run(f"DROP TABLE IF EXISTS {self._beside} SYNC")
        return self.result

    async def _read_on(self) -> int:
        """Fill from where we stand to the log's present ends; how many records that were."""
        ends = await self._reader.ends(self._topic)
        left = {n: end for n, end in ends.items() if end > self._positions.get(n, 0)}
        count = sum(end - self._positions.get(n, 0) for n, end in left.items())
        self._total += count
        if not left:
            return 0
        self._reader.assign({(self._topic, n): self._positions.get(n, 0) for n in left})
        states: list[Any] = []
        while left:
            raws = await self._reader.read(timeout_s=1.0)
            await self._records.learn(raws)
            states += self._states(raws)
            for number in list(left):
                self._positions[number] = await self._reader.position((self._topic, number))
                if self._positions[number] >= left[number]:
                    del left[number]
            while len(states) >= ROWS_AT_ONCE or (states and not left):
                await self._insert(states[:ROWS_AT_ONCE])
                del states[:ROWS_AT_ONCE]
            self._told(self.result.records, self._total)
        await self._insert(list(self._changed.values()))
        self._changed.clear()
        return count

    def _states(self, raws: Sequence[RawRecord]) -> list[Any]:
        """What becomes rows now: records, or for the projection of jobs nothing yet."""
        self.result.records += len(raws)
        readable = list(self._readable(raws))
        if self._projection is not jobs.projection:
            return readable
        histories: dict[JobId, list[Recorded]] = {}
        for recorded in readable:
            histories.setdefault(recorded.job_id, []).append(recorded)
        for job_id, history in histories.items():
            job = fold(history, self._jobs.get(job_id))
            if job is not None:
                self._jobs[job_id] = self._changed[job_id] = job
        return []

    def _readable(self, raws: Sequence[RawRecord]) -> Iterator[Any]:
        read = {
            JOB_EVENTS: self._records.read_event,
            SCRAPED_ITEMS: self._records.read_item,
            WEBHOOK_EVENTS: self._records.read_delivery,
            PLACE_EVENTS: self._records.read_place_event,
        }[self._topic]
        for raw in raws:
            try:
                yield read(raw)
            except UnreadableRecordError:
                self.result.unreadable += 1  # the materializer has put it aside

    async def _insert(self, states: Sequence[Any]) -> None:
        rows: list[Row] = [
            self._projection.row(state) for state in states if self._projection.takes(state)
        ]
        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            token = uuid.uuid4().hex
            await self._clickhouse.insert(self._projection, some, token, table=self._beside)
        self.result.rows += len(rows)

    async def _compare(self) -> None:
        """Both tables up to where we have read, a partition at a time."""
        live, beside = self._projection.table, self._beside
        found: dict[str, list[int]] = {}
        for partition, end in self._positions.items():
            parameters = {"partition": partition, "end": end}
            for side, (one, other) in enumerate(((beside, live), (live, beside))):
                rows = await self._clickhouse.rows(
                    f"SELECT job_id, count() FROM ({self._up_to(one)} EXCEPT {self._up_to(other)}) "
                    f"GROUP BY job_id ORDER BY job_id LIMIT {MOST_SHOWN}",
                    parameters,
                )
                for job_id, count in rows:
                    found.setdefault(job_id, [0, 0])[side] += int(count)
        self.result.drift = [
            Drift(job_id=job_id, missing=missing, surplus=surplus)
            for job_id, (missing, surplus) in sorted(found.items())[:MOST_SHOWN]
        ]

    def _up_to(self, table: str) -> str:
        """Rows of one partition before ``end``, but for jobs that have moved on meanwhile."""
        gone_on = (
            f" AND job_id NOT IN (SELECT job_id FROM {self._projection.table} "
            "WHERE partition = {partition:Int32} AND offset >= {end:Int64})"
            if self._projection is jobs.projection
            else ""
        )
        return (
            f"SELECT * FROM {table} FINAL "
            f"WHERE partition = {{partition:Int32}} AND offset < {{end:Int64}}{gone_on}"
        )

    async def _move(self) -> None:
        """Let the rebuilt table be the live one, with what came in the meantime."""
        live, beside = self._projection.table, self._beside
        self._is_half_moved = True
        await self._clickhouse.run(f"EXCHANGE TABLES {live} AND {beside}")
        for partition, end in self._positions.items():
            # What the materializer has stored since; it may be writing on, so twice is left out.
            await self._clickhouse.run(
                f"INSERT INTO {live} SELECT * FROM {beside} "
                f"WHERE partition = {partition:d} AND offset >= {end:d} AND (job_id, offset) "
                f"NOT IN (SELECT job_id, offset FROM {live} "
                f"WHERE partition = {partition:d} AND offset >= {end:d})"
            )
        self._is_half_moved = False
        self.result.moved = True
