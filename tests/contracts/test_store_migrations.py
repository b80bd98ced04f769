"""Migrations on the real engine: each test has a database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from scrapestream.wiring import open_log
from streams.adapters import clickhouse_migrations
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_migrations import LOCK, Migrator
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_admin import KafkaAdmin, open_admin
from streams.adapters.log_positions import LogPositions
from streams.domain.events import CancelRequested
from streams.domain.ids import new_job_id
from streams.domain.recorded import Recorded
from streams.errors import NewerStoreError, TopicReplacedError
from streams.materializer import TOPICS, Materializer
from streams.projections import job_events
from streams.settings import Settings
from streams.topics import JOB_EVENTS

AT = datetime(2026, 11, 22, tzinfo=UTC)
ALL = [1, 2, 3, 4]


@pytest.fixture
async def own(parts: Settings) -> AsyncIterator[Settings]:
    """Settings of an empty database."""
    name = f"it_{uuid4().hex[:12]}"
    async with open_clickhouse(parts) as clickhouse:
        await clickhouse.run(f"CREATE DATABASE {name}")
        yield replace(parts, clickhouse_url=parts.clickhouse_url.replace("/default", f"/{name}"))
        await clickhouse.run(f"DROP DATABASE {name} SYNC")


@pytest.fixture
async def clickhouse(own: Settings) -> AsyncIterator[ClickHouse]:
    async with open_clickhouse(own) as clickhouse:
        yield clickhouse


async def tables(clickhouse: ClickHouse) -> Mapping[str, str]:
    """Each table and its definition."""
    rows = await clickhouse.rows(
        "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()"
    )
    return {str(name): str(definition) for name, definition in rows}


async def ids_of(admin: KafkaAdmin, topic: str, *, there: bool) -> list[str]:
    """Its id, as soon as it is there; nothing, as soon as it is gone."""
    async with asyncio.timeout(20):
        while True:
            ids = await admin.topic_ids([topic])
            if bool(ids) == there:
                return [*ids.values()]
            await asyncio.sleep(0.05)


async def an_event(clickhouse: ClickHouse, partition: int, offset: int) -> None:
    event = Recorded(
        job_id=new_job_id(),
        tenant="public",
        event_id="e",
        occurred_at=datetime.now(UTC),
        partition=partition,
        offset=offset,
        event=CancelRequested(),
    )
    await clickhouse.insert(job_events.projection, [job_events.row(event)], uuid4().hex)


async def test_it_runs_all_once_and_leaves_no_lock(clickhouse: ClickHouse) -> None:
    migrator = Migrator(clickhouse, 0)
    assert [step.number for step in await migrator.pending()] == ALL
    assert not await tables(clickhouse)  # asking changes nothing
    assert [step.number for step in await migrator.apply()] == ALL
    found = await tables(clickhouse)
    assert {"job_events_v1", "jobs", "attempts", "log_positions_v1"} <= found.keys()
    assert LOCK not in found
    assert [step.number for step in await migrator.apply()] == []


async def test_two_at_once_run_each_step_once(clickhouse: ClickHouse, own: Settings) -> None:
    async with open_clickhouse(own) as other:
        done = await asyncio.gather(Migrator(clickhouse, 0).apply(), Migrator(other, 0).apply())
    assert sorted(step.number for steps in done for step in steps) == ALL


async def test_the_lock_of_a_dead_process_is_taken_over(
    clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clickhouse.run(f"CREATE TABLE {LOCK} (x UInt8) ENGINE = Memory COMMENT 'dead 1'")
    monkeypatch.setattr(clickhouse_migrations, "LOCK_S", -1)
    async with asyncio.timeout(20):
        assert [step.number for step in await Migrator(clickhouse, 0).apply()] == ALL


async def test_the_store_of_a_later_release_is_left_alone(clickhouse: ClickHouse) -> None:
    migrator = Migrator(clickhouse, 0)
    await migrator.apply()
    await clickhouse.run("INSERT INTO migrations VALUES (99, 'later', 'x', now64(6))")
    with pytest.raises(NewerStoreError, match="99"):
        await migrator.apply()


async def test_rows_are_kept_as_long_as_set_and_for_ever_again(clickhouse: ClickHouse) -> None:
    await Migrator(clickhouse, 30).apply()
    assert (
        "TTL toDateTime(occurred_at) + toIntervalDay(30)" in (await tables(clickhouse))["items_v1"]
    )
    assert [step.name for step in await Migrator(clickhouse, 0).apply()] == ["retention"]
    assert " TTL " not in (await tables(clickhouse))["items_v1"]
    assert not await Migrator(clickhouse, 0).pending()


async def test_a_store_from_before_positions_gets_them_from_its_rows(
    clickhouse: ClickHouse,
) -> None:
    for statement in job_events.projection.ddl():
        await clickhouse.run(statement)
    await an_event(clickhouse, partition=3, offset=41)
    await Migrator(clickhouse, 0).apply()
    assert await ClickHouseStore(clickhouse).stored_ends(JOB_EVENTS) == {3: 42}


async def test_positions_are_those_of_the_newest_topic_and_never_fall(
    clickhouse: ClickHouse,
) -> None:
    await Migrator(clickhouse, 0).apply()
    positions = LogPositions(clickhouse)
    await positions.store({(JOB_EVENTS, 1): 9}, {JOB_EVENTS: "old"}, at=AT)
    await positions.store({(JOB_EVENTS, 0): 7, (JOB_EVENTS, 1): 5}, {JOB_EVENTS: "new"})
    await positions.store({(JOB_EVENTS, 0): 3}, {JOB_EVENTS: "new"})
    assert await positions.of(JOB_EVENTS) == {0: 7, 1: 5}
    await positions.check({JOB_EVENTS: "new"})
    await positions.check({})  # a broker that gives no ids
    with pytest.raises(TopicReplacedError, match=r"job-events .* --new-log"):
        await positions.check({JOB_EVENTS: "newer"})


async def test_tables_are_set_aside_for_a_log_that_begins_anew(clickhouse: ClickHouse) -> None:
    migrator = Migrator(clickhouse, 0)
    await migrator.apply()
    await an_event(clickhouse, partition=0, offset=5)
    await LogPositions(clickhouse).store({(JOB_EVENTS, 0): 6}, {JOB_EVENTS: "old"})
    aside = await migrator.set_aside("x")
    assert "job_events_v1_before_x" in aside
    counts = await clickhouse.rows(
        "SELECT (SELECT count() FROM job_events_v1_before_x), (SELECT count() FROM job_events)"
    )
    assert tuple(counts[0]) == (1, 0)
    await LogPositions(clickhouse).check({JOB_EVENTS: "new"})
    assert await ClickHouseStore(clickhouse).stored_ends(JOB_EVENTS) == {}


async def test_the_materializer_stops_at_a_topic_that_was_made_anew(
    own: Settings, clickhouse: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Migrator(clickhouse, 0).apply()
    await LogPositions(clickhouse).store({(JOB_EVENTS, 0): 5}, {JOB_EVENTS: "another"})
    monkeypatch.setattr("streams.materializer.GROUP", f"it-{uuid4().hex}")
    async with open_log(own, "test") as log:
        materializer = Materializer(own, clickhouse, log.records, log.event_log)
        async with asyncio.timeout(30):
            with pytest.raises(TopicReplacedError):
                await materializer.run(asyncio.Event())
    rows = await clickhouse.rows("SELECT count() FROM job_events")
    assert rows[0][0] == 0


async def test_a_topic_that_is_made_anew_has_another_id(parts: Settings) -> None:
    name = f"it-{uuid4().hex[:12]}"
    client = AIOKafkaAdminClient(bootstrap_servers=parts.brokers())
    await client.start()
    try:
        async with open_admin(parts, "test") as admin:
            assert set(await admin.topic_ids(TOPICS)) == set(TOPICS)
            seen = set()
            for _ in range(2):
                await client.create_topics([NewTopic(name, 1, 1)])
                seen.update(await ids_of(admin, name, there=True))
                await client.delete_topics([name])
                await ids_of(admin, name, there=False)
    finally:
        with suppress(Exception):
            await client.delete_topics([name])
        await client.close()
    assert len(seen) == 2
    assert all(len(topic_id) == 32 for topic_id in seen)
