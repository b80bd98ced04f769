"""A projection is rebuilt from the log beside the live one, on the real engine and broker."""

from __future__ import annotations

import asyncio

import pytest

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import open_reader
from streams.domain.ids import JobId, new_job_id
from streams.domain.job import Status
from streams.projections import items, job_events, jobs
from streams.projections.projection import Projection
from streams.replay import Drift, Replay, Replayed
from streams.settings import Settings
from tests.streams.test_materializer import items_of, materializing, stored, story

EVENTS = 14


async def replayed(settings: Settings, projection: Projection, *, move: bool) -> Replayed:
    """One rebuild with a comparison."""
    async with (
        open_log(settings, "replay") as log,
        open_reader(settings, "replay") as reader,
        open_clickhouse(settings) as clickhouse,
    ):
        one = Replay(projection, reader, log.records, clickhouse)
        return await one.run(compare=True, move=move)


async def drift_of(settings: Settings, projection: Projection, *job_ids: JobId) -> list[Drift]:
    """The drift of these jobs: other tests use the same log."""
    found = await replayed(settings, projection, move=False)
    assert not found.moved
    return [drift for drift in found.drift if drift.job_id in job_ids]


async def append(settings: Settings, job_ids: list[JobId]) -> None:
    """A whole story with three items for each job."""
    async with open_log(settings, "api") as log:
        for job_id in job_ids:
            await log.event_log.append(story(job_id, EVENTS - 4))
            await log.event_log.append_items(items_of(job_id, 3))


async def damage(clickhouse: ClickHouse, whole: JobId, lost: JobId, changed: JobId) -> None:
    """What a bad day of an operator does to the tables."""
    assert whole not in {lost, changed}
    table = job_events.projection.table
    await clickhouse.run(
        f"ALTER TABLE {table} DELETE WHERE job_id = '{lost}' AND type = 'AttemptStarted'"
    )
    table = jobs.projection.table
    await clickhouse.run(
        f"ALTER TABLE {table} UPDATE url = 'https://y/' WHERE job_id = '{changed}'"
    )


@pytest.mark.timeout(170)
async def test_damage_is_told_job_by_job_and_mended_while_reads_go_on(parts: Settings) -> None:
    whole, lost, changed = job_ids = [new_job_id() for _ in range(3)]
    await append(parts, job_ids)
    async with materializing(parts), open_clickhouse(parts) as clickhouse:
        await stored(clickhouse, job_ids, EVENTS * 3)
        assert await drift_of(parts, job_events.projection, *job_ids) == []
        await damage(clickhouse, whole, lost, changed)

        [told] = await drift_of(parts, job_events.projection, *job_ids)
        assert told == Drift(job_id=lost, missing=1, surplus=0)
        [told] = await drift_of(parts, jobs.projection, *job_ids)
        assert told == Drift(job_id=changed, missing=1, surplus=1)

        # Jobs come in while the tables are rebuilt and swapped; readers find theirs all the time.
        later = [new_job_id() for _ in range(40)]
        store, seen = ClickHouseStore(clickhouse), 0

        async def rebuild() -> None:
            for projection in (job_events.projection, jobs.projection, items.projection):
                assert (await replayed(parts, projection, move=True)).moved

        rebuilding = asyncio.create_task(rebuild())
        for number in range(0, 40, 4):
            await append(parts, later[number : number + 4])
            job = await store.find_job(whole)
            assert job is not None
            assert job.status is Status.COMPLETED
            assert len((await store.read_items(whole, after=None, limit=10)).items) == 3
            seen += not rebuilding.done()
        await rebuilding
        assert seen, "the rebuild was over before anybody read"

        await stored(clickhouse, later, EVENTS * 40)
        for projection in (job_events.projection, jobs.projection, items.projection):
            assert await drift_of(parts, projection, *job_ids, *later) == []
        rows = await clickhouse.rows(
            "SELECT count(), uniqExact(job_id, offset) FROM job_events "
            "WHERE job_id IN {jobs:Array(String)}",
            {"jobs": [*job_ids, *later]},
        )
        assert tuple(rows[0]) == (EVENTS * 43, EVENTS * 43)
        left = await clickhouse.rows("SHOW TABLES LIKE '%rebuilt%'")
        assert not left
