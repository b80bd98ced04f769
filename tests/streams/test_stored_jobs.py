"""Stored jobs by what a client asks for, on the real engine."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.ids import new_batch_id, new_job_id
from streams.domain.items import RecordedItem
from streams.domain.job import Job, Status
from streams.ports import JobQuery
from streams.projections import items, jobs
from streams.settings import Settings

NO_PARTITION = 1_000  # of no topic: the materializer goes on behind what is stored of real ones
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def job(number: int, **changes: object) -> Job:
    at = AT + timedelta(minutes=number)
    made = Job(
        job_id=new_job_id(),
        tenant="public",
        kind="google_reviews",
        url=f"https://x/{number}",
        created_at=at,
        updated_at=at,
        attempt_changed_at=at,
        partition=NO_PARTITION,
        offset=number,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def store(clickhouse: ClickHouse, stored: Sequence[Job]) -> None:
    rows = [jobs.projection.row(each) for each in stored]
    await clickhouse.insert(jobs.projection, rows, uuid.uuid4().hex)


async def test_jobs_are_found_by_each_filter(parts: Settings) -> None:
    tenant = uuid.uuid4().hex
    batch_id = new_batch_id()
    stored = [
        job(1, tenant=tenant, batch_id=batch_id),
        job(2, tenant=tenant, batch_id=batch_id, status=Status.FAILED),
        job(3, tenant=tenant, kind="shopping", url="https://y/3"),
    ]
    queries = {
        "batch": (JobQuery(batch_id=batch_id), {1, 2}),
        "status": (JobQuery(statuses=frozenset({Status.FAILED})), {2}),
        "kind": (JobQuery(kind="shopping"), {3}),
        "prefix": (JobQuery(url_prefix="https://x/"), {1, 2}),
        "from": (JobQuery(created_from=AT + timedelta(minutes=2)), {2, 3}),
        "before": (JobQuery(created_before=AT + timedelta(minutes=2)), {1}),
        "all": (JobQuery(kind="google_reviews", batch_id=batch_id, url_prefix="https://x/2"), {2}),
    }
    async with open_clickhouse(parts) as clickhouse:
        await store(clickhouse, stored)
        found = ClickHouseStore(clickhouse)
        for name, (query, offsets) in queries.items():
            asked = replace(query, tenant=tenant)
            assert {each.offset for each in await found.find_jobs(asked)} == offsets, name
            assert {each.offset for each in stored if asked.takes(each)} == offsets, name
        counted = {each.job_id: each.status for each in await found.find_batch(batch_id)}
        assert counted == {each.job_id: each.status for each in stored[:2]}


async def test_a_newer_state_counts_once_in_its_batch(parts: Settings) -> None:
    first = job(1, batch_id=new_batch_id())
    last = replace(first, offset=9, status=Status.COMPLETED)
    async with open_clickhouse(parts) as clickhouse:
        await store(clickhouse, [first])
        await store(clickhouse, [last])
        [counted] = await ClickHouseStore(clickhouse).find_batch(first.batch_id)
    assert (counted.status, counted.created_at) == (Status.COMPLETED, first.created_at)


async def test_a_table_from_before_batches_gets_the_column_and_keeps_its_rows(
    parts: Settings,
) -> None:
    name = f"it_jobs_{uuid.uuid4().hex}"
    old = replace(jobs.projection, name=name, columns=jobs.projection.columns[:-1])
    new = replace(jobs.projection, name=name)
    early, late = job(1), job(2, batch_id=new_batch_id())
    async with open_clickhouse(parts) as clickhouse:
        for statement in old.ddl():
            await clickhouse.run(statement)
        await clickhouse.insert(old, [jobs.projection.row(early)[:-1]], "early")
        for statement in (*new.ddl(), *new.ddl()):  # safe to repeat
            await clickhouse.run(statement)
        await clickhouse.insert(new, [jobs.projection.row(late)], "late")
        rows = await clickhouse.rows(f"SELECT job_id, batch_id FROM {name} ORDER BY offset")
    assert [tuple(row) for row in rows] == [(early.job_id, ""), (late.job_id, late.batch_id)]


async def test_the_newest_items_of_several_jobs_are_told_once_each(parts: Settings) -> None:
    job_ids = [new_job_id(), new_job_id()]
    found = [("a", 1), ("b", 2), ("b", 2), ("c", 3), ("d", 4)]
    rows = [
        items.projection.row(
            RecordedItem(
                job_id=job_ids[number % 2],
                tenant="public",
                event_id=f"{job_ids[number % 2]}-{number}",
                occurred_at=AT,
                partition=NO_PARTITION,
                offset=number,
                schema="GoogleReview",
                fields={"review_id": name, "published_at": AT + timedelta(days=day)},
            )
        )
        for number, (name, day) in enumerate(found)
    ]
    async with open_clickhouse(parts) as clickhouse:
        await clickhouse.insert(items.projection, rows, uuid.uuid4().hex)
        store = ClickHouseStore(clickhouse)
        assert await store.newest_item_ids(job_ids, "review_id", 3) == ["d", "c", "b"]
        assert await store.newest_item_ids([new_job_id()], "review_id", 3) == []
