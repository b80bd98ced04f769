"""Rebuilds a projection from the log beside the live one, then moves reads over.

Only tables are filled: no event is appended, no webhook is sent.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.records import Records
from streams.beside import TableBeside
from streams.domain.log_part import Span
from streams.garbage import rare_garbage_collection
from streams.log_reading import read_sets
from streams.projections import jobs
from streams.projections.projection import Projection
from streams.stored_progress import StoredProgress

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
    """What a rebuild, or the mending of a part, did."""

    projection: str
    records: int = 0
    """Records that were taken from the log."""
    unreadable: int = 0
    rows: int = 0
    jobs: int = 0
    """Jobs that those rows are of."""
    seconds: float = 0.0
    moved: bool = False
    """Whether reads now go to the rebuilt table."""
    inserted: int = 0
    """Rows put into the live table, when only a part was replayed."""
    removed: int = 0
    """Rows taken out of it."""
    not_stored_yet: int = 0
    """Records of the part that the materializer has still to store; they were left to it."""
    drift: list[Drift] = field(default_factory=list)
    """At most ``MOST_SHOWN`` jobs."""


Told = Callable[[int, int], None]
Phase = Callable[[str], None]
"""Is told what begins: ``comparing``, ``moving``, ``mending`` or ``done``; first comes reading."""


class Replay:
    """One rebuild of one projection. Reads go on meanwhile, and so does the materializer."""

    def __init__(
        self,
        projection: Projection,
        reader: KafkaReader,
        records: Records,
        clickhouse: ClickHouse,
        *,
        progress: StoredProgress | None = None,
        told: Told = lambda _done, _total: None,
        phase: Phase = lambda _: None,
        name: str = "",
    ) -> None:
        """``told`` hears (records done, records in all) from time to time, ``phase`` what is done.

        ``progress`` lets a comparison wait for the materializer, so that rows which are only on
        their way are no drift. ``name``: of the table beside, see there.
        """
        self._projection = projection
        self._reader = reader
        self._clickhouse = clickhouse
        self._progress = progress
        self._told = told
        self._phase = phase
        self._beside = TableBeside(projection, records, clickhouse, name=name)
        self._starts: Mapping[int, int] = {}
        self._positions: dict[int, int] = {}
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
        await self._beside.create()
        try:
            self._starts = await self._reader.starts(self._beside.topic)
            self._positions = dict(self._starts)
            with rare_garbage_collection():
                for _ in range(MOST_ROUNDS):
                    if await self._read_on() <= CLOSE_ENOUGH:
                        break
            self.result.jobs = await jobs_in(self._clickhouse, self._beside.name)
            if compare:
                self._phase("comparing")
                await self._compare()
            if move:
                self._phase("moving")
                await self._beside.check_erasures()
                await self._move_to_the_end()
            self._phase("done")
        finally:
            self.result.seconds = time.monotonic() - began_s
            if not self._is_half_moved:
                await self._beside.drop()
        return self.result

    async def _read_on(self) -> int:
        """Fill from where we stand to the log's present ends; how many records that were."""
        ends = await self._reader.ends(self._beside.topic)
        spans = {n: Span(first=self._positions.get(n, 0), end=end) for n, end in ends.items()}
        count = sum(span.count for span in spans.values())
        self._total += count
        async for found in read_sets(self._reader, self._beside.topic, spans):
            await self._beside.add_set(found)
            self._note()
        await self._beside.flush()
        self._positions |= {number: span.end for number, span in spans.items() if span.count}
        self._note()
        return count

    def _note(self) -> None:
        beside, result = self._beside, self.result
        result.records, result.unreadable = beside.records, beside.unreadable
        result.rows = beside.rows
        self._told(result.records, self._total)

    async def _compare(self) -> None:
        """Both tables up to where we have read, a partition at a time."""
        ends = dict(self._positions)
        if self._progress is not None:
            stored = await self._progress.reach(self._beside.topic, ends)
            ends = {number: min(end, stored.end(number)) for number, end in ends.items()}
        live, beside = self._projection.table, self._beside.name
        found: dict[str, list[int]] = {}
        for partition, end in ends.items():
            parameters = {
                "partition": partition,
                "start": self._starts.get(partition, 0),
                "end": end,
            }
            for side, (one, other) in enumerate(((beside, live), (live, beside))):
                rows = await self._clickhouse.rows(
                    f"SELECT job_id, count() FROM ({self._up_to(one)} EXCEPT {self._up_to(other)}) "
                    f"GROUP BY job_id ORDER BY job_id LIMIT {MOST_SHOWN}",
                    parameters,
                )
                for job_id, count in rows:
                    found.setdefault(job_id, [0, 0])[side] += int(count)
        self.result.drift = drift_in(found)

    def _up_to(self, table: str) -> str:
        """Rows of one partition before ``end``, but for jobs that have moved on meanwhile.

        What the log keeps no longer cannot be compared.
        """
        scope = " AND offset >= {start:Int64}"
        if self._projection is jobs.projection:
            scope = (
                f" AND job_id NOT IN (SELECT job_id FROM {self._projection.table} "
                "WHERE partition = {partition:Int32} AND offset >= {end:Int64})"
                f" AND ({{start:Int64}} = 0 OR job_id IN (SELECT job_id FROM {self._beside.name}))"
            )
        return (
            f"SELECT * FROM {table} FINAL "
            f"WHERE partition = {{partition:Int32}} AND offset < {{end:Int64}}{scope}"
        )

    async def _move_to_the_end(self) -> None:
        """Also when we are told to stop: a table half moved lacks the newest rows."""
        moving = asyncio.create_task(self._move())
        try:
            await asyncio.shield(moving)
        except asyncio.CancelledError:
            await moving
            raise

    async def _move(self) -> None:
        """Let the rebuilt table be the live one, with what came in the meantime."""
        live, beside = self._projection.table, self._beside.name
        for partition, start in self._starts.items():
            if start:
                await self._take_along(partition, start)
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

    async def _take_along(self, partition: int, start: int) -> None:
        """Rows of what the log keeps no longer, whose only place is the live table."""
        live, beside = self._projection.table, self._beside.name
        which = f"offset < {start:d}"
        if self._projection is jobs.projection:
            which = (
                f"offset < {self._positions.get(partition, 0):d} "
                f"AND job_id NOT IN (SELECT job_id FROM {beside} WHERE partition = {partition:d})"
            )
        await self._clickhouse.run(
            f"INSERT INTO {beside} SELECT * FROM {live} FINAL "
            f"WHERE partition = {partition:d} AND {which}"
        )


async def jobs_in(clickhouse: ClickHouse, table: str) -> int:
    """How many jobs the rows of a table are of."""
    rows = await clickhouse.rows(f"SELECT uniqExact(job_id) FROM {table}")
    return int(rows[0][0])


def drift_in(found: Mapping[str, list[int]]) -> list[Drift]:
    """The drift of each job, from [missing, surplus] by job."""
    return [
        Drift(job_id=job_id, missing=missing, surplus=surplus)
        for job_id, (missing, surplus) in sorted(found.items())[:MOST_SHOWN]
    ]
