"""A part of the log is replayed: its rows are compared and mended, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

import pytest

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.kafka_admin import open_admin
from streams.adapters.kafka_batches import partition_of
from streams.adapters.kafka_reader import open_reader
from streams.domain.ids import JobId, new_job_id
from streams.domain.log_part import LogPart
from streams.materializer import GROUP
from streams.mending import Mending
from streams.projections import items, job_events, jobs
from streams.projections.projection import Projection
from streams.replay import Drift, Replayed
from streams.settings import Settings
from streams.stored_progress import StoredProgress
from streams.topics import PARTITIONS
from tests.streams.test_materializer import materializing, stored
from tests.streams.test_replay import EVENTS, append

EVENT_TABLE, JOB_TABLE = job_events.projection.table, jobs.projection.table


def neighbours(count: int) -> list[JobId]:
    """Jobs of one partition."""
    first = new_job_id()
    found, home = [first], partition_of(first.encode(), range(PARTITIONS))
    while len(found) < count:
        job_id = new_job_id()
        if partition_of(job_id.encode(), range(PARTITIONS)) == home:
            found.append(job_id)
    return found


class Mend(Protocol):
    """Replays a part of the log into one projection."""

    async def __call__(
        self, projection: Projection, part: LogPart, *, change: bool = True
    ) -> Replayed:
        """Without ``change`` it is only compared."""


@asynccontextmanager
async def mending(settings: Settings) -> AsyncIterator[Mend]:
    """One set of connections for all replays of a test: they take longer than a replay."""
    async with (
        open_log(settings, "replay") as log,
        open_admin(settings, "replay") as admin,
        open_clickhouse(settings) as clickhouse,
    ):
        progress = StoredProgress(clickhouse, partial(admin.committed, GROUP))

        async def mend(projection: Projection, part: LogPart, *, change: bool = True) -> Replayed:
            # A reader of its own: it forgets topics that it does not read.
            async with open_reader(settings, "replay", wait_ms=20) as reader:
                one = Mending(projection, part, reader, log.records, clickhouse, progress=progress)
                return await one.run(mend=change)

        yield mend


async def rows_of(clickhouse: ClickHouse, table: str, job_id: JobId) -> list[tuple[object, ...]]:
    """A job's rows as they lie there, also those that others replace."""
    rows = await clickhouse.rows(
        f"SELECT * FROM {table} WHERE job_id = {{job:String}} ORDER BY offset", {"job": job_id}
    )
    return [tuple(row) for row in rows]


async def lose(clickhouse: ClickHouse, table: str, *job_ids: JobId) -> None:
    for job_id in job_ids:
        await clickhouse.run(f"DELETE FROM {table} WHERE job_id = '{job_id}'")


@pytest.mark.timeout(170)
async def test_one_job_is_mended_and_others_are_left(parts: Settings) -> None:
    whole, lost, other = job_ids = [new_job_id() for _ in range(3)]
    await append(parts, job_ids)
    async with (
        materializing(parts),
        mending(parts) as mend,
        open_clickhouse(parts) as clickhouse,
    ):
        await stored(clickhouse, job_ids, EVENTS * 3)
        before = await rows_of(clickhouse, EVENT_TABLE, lost)
        later = new_job_id()  # so that nothing is lost at an end
        await append(parts, [later])
        await stored(clickhouse, [later], EVENTS)
        for job_id in (lost, other):
            await clickhouse.run(
                f"ALTER TABLE {EVENT_TABLE} DELETE WHERE job_id = '{job_id}' "
                "AND type = 'ProgressReported' SETTINGS mutations_sync = 2"
            )
        await clickhouse.run(
            f"ALTER TABLE {EVENT_TABLE} UPDATE payload = '{{}}' WHERE job_id = '{lost}' "
            "AND type = 'AttemptStarted' SETTINGS mutations_sync = 2"
        )
        damaged = await rows_of(clickhouse, EVENT_TABLE, lost)
        part = LogPart(job_ids=(lost, whole))

        told = await mend(job_events.projection, part, change=False)
        assert told.drift == [Drift(job_id=lost, missing=EVENTS - 3, surplus=1)]
        assert (told.records, told.rows, told.jobs) == (EVENTS * 2, EVENTS * 2, 2)
        assert await rows_of(clickhouse, EVENT_TABLE, lost) == damaged

        for _ in range(2):  # what is right is not touched again
            await mend(job_events.projection, part)
            assert await rows_of(clickhouse, EVENT_TABLE, lost) == before
        assert len(await rows_of(clickhouse, EVENT_TABLE, other)) == 4
        told = await mend(job_events.projection, LogPart(job_ids=(other,)))
        assert (told.inserted, told.removed) == (EVENTS - 4, 0)
        # The same damage again: the same rows, which must not be taken for a repeated insert.
        await lose(clickhouse, EVENT_TABLE, lost)
        await mend(job_events.projection, part)
        assert await rows_of(clickhouse, EVENT_TABLE, lost) == before


@pytest.mark.timeout(170)
async def test_a_lost_end_is_mended_as_a_whole_so_that_nothing_is_left_out(parts: Settings) -> None:
    first, second, third = neighbours(3)
    await append(parts, [first, second, third])
    async with mending(parts) as mend, open_clickhouse(parts) as clickhouse:
        async with materializing(parts):
            await stored(clickhouse, [first, second, third], EVENTS * 3)
            progress = LogPart(job_ids=(first,))
            assert (await mend(job_events.projection, progress)).drift == []
            await lose(clickhouse, EVENT_TABLE, second, third)
            told = await mend(job_events.projection, LogPart(job_ids=(third,)))
            assert told.drift == [Drift(job_id=third, missing=EVENTS, surplus=0)]
        # It goes on behind the highest row: `second` would be lost for ever.
        fourth = new_job_id()
        await append(parts, [fourth])
        async with materializing(parts):
            await stored(clickhouse, [fourth], EVENTS)
        for job_id in (first, second, third):
            assert len(await rows_of(clickhouse, EVENT_TABLE, job_id)) == EVENTS


@pytest.mark.timeout(170)
async def test_states_and_items_of_a_span_are_mended(parts: Settings) -> None:
    old, new = neighbours(2)
    await append(parts, [old])
    await asyncio.sleep(0.01)  # records have times in milliseconds
    between = datetime.now(UTC)
    await append(parts, [new])
    async with (
        materializing(parts),
        mending(parts) as mend,
        open_clickhouse(parts) as clickhouse,
    ):
        await stored(clickhouse, [old, new], EVENTS * 2)
        state = await rows_of(clickhouse, JOB_TABLE, new)
        nobody = JobId("0" * 32)
        columns = "* EXCEPT (job_id)"
        await clickhouse.run(
            f"INSERT INTO {JOB_TABLE} SELECT '{nobody}', {columns} FROM {JOB_TABLE} FINAL "
            f"WHERE job_id = '{new}'"
        )
        for job_id in (old, new):
            await clickhouse.run(
                f"ALTER TABLE {JOB_TABLE} UPDATE url = 'https://y/' WHERE job_id = '{job_id}' "
                "SETTINGS mutations_sync = 2"
            )
        await lose(clickhouse, items.projection.table, old, new)
        part = LogPart(since=between)

        told = await mend(jobs.projection, part, change=False)
        assert told.drift == [
            Drift(job_id=nobody, missing=0, surplus=1),
            Drift(job_id=new, missing=1, surplus=1),
        ]
        await mend(jobs.projection, part)
        assert (await rows_of(clickhouse, JOB_TABLE, new))[-1:] == state[-1:]
        assert not await rows_of(clickhouse, JOB_TABLE, nobody)
        assert (await rows_of(clickhouse, JOB_TABLE, old))[-1][3] == "https://y/"

        await mend(items.projection, part)
        assert len(await rows_of(clickhouse, items.projection.table, new)) == 3
        await mend(jobs.projection, LogPart(before=between, job_ids=(old,)))
        for projection in (jobs.projection, items.projection, job_events.projection):
            assert (await mend(projection, LogPart(job_ids=(old, new)))).drift == []
        assert not await clickhouse.rows("SHOW TABLES LIKE '%rebuilt%'")
