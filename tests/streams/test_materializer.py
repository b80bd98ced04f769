"""Every record is stored exactly once, however often the materializer is interrupted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.adapters.kafka_reader import open_reader
from streams.adapters.kafka_writer import open_writer
from streams.domain.events import (
    AttemptScheduled,
    AttemptStarted,
    JobEvent,
    ProgressReported,
    ScrapeCompleted,
    ScrapeRequested,
    Webhook,
)
from streams.domain.ids import JobId, item_event_id, new_job_id
from streams.domain.items import NewItem
from streams.domain.job import Status
from streams.domain.recorded import NewEvent, new_event
from streams.materializer import Materializer
from streams.ports import NewRecord
from streams.settings import Settings
from streams.topics import JOB_EVENTS, SCRAPE_DLQ

T = TypeVar("T")
ASKED = ScrapeRequested(
    kind="google_reviews", url="https://x/", webhook=Webhook(url="https://h/", secret="sealed")
)


@asynccontextmanager
async def materializing(settings: Settings) -> AsyncIterator[None]:
    """A materializer that runs meanwhile, and is then interrupted wherever it is."""
    async with (
        open_log(settings, "materializer") as log,
        open_clickhouse(settings) as clickhouse,
    ):
        materializer = Materializer(settings, clickhouse, log.records, log.event_log)
        running = asyncio.create_task(materializer.run(asyncio.Event()))
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


def story(job_id: JobId, progress: int) -> list[NewEvent]:
    """A whole job with so many progress reports."""
    now = datetime.now(UTC)
    events: list[JobEvent] = [
        ASKED,
        AttemptScheduled(attempt=1, due_at=now),
        AttemptStarted(attempt=1, worker="w", lease_s=15.0),
        *(
            ProgressReported(attempt=1, worker="w", stage="scrolling", items_seen=n)
            for n in range(progress)
        ),
        ScrapeCompleted(
            kind=ASKED.kind,
            url=ASKED.url,
            requested_at=now,
            attempt=1,
            items_count=progress,
            outcome="completed",
        ),
    ]
    return [
        new_event(job_id, "public", event, now + timedelta(milliseconds=n), ordinal=n)
        for n, event in enumerate(events)
    ]


def items_of(job_id: JobId, count: int) -> list[NewItem]:
    """Reviews without much in them."""
    return [
        NewItem(
            job_id=job_id,
            tenant="public",
            event_id=item_event_id(job_id, f"r{n}"),
            occurred_at=datetime.now(UTC),
            schema="GoogleReview",
            fields={"review_id": f"r{n}", "position": n},
        )
        for n in range(1, count + 1)
    ]


async def stored(
    clickhouse: ClickHouse, job_ids: Sequence[JobId], count: int, *, table: str = "job_events_v1"
) -> None:
    """Wait until so many events of these jobs are stored, or rows of another table."""
    async with asyncio.timeout(30):
        while True:
            rows = await clickhouse.rows(
                f"SELECT count() FROM {table} WHERE job_id IN {{jobs:Array(String)}}",
                {"jobs": list(job_ids)},
            )
            if rows[0][0] >= count:
                return
            await asyncio.sleep(0.02)


def slowly(answer: Callable[..., Awaitable[T]]) -> Callable[..., Awaitable[T]]:
    """Leave the broker time to send what it would begin with."""

    async def wait_and_answer(*args: Any) -> T:
        await asyncio.sleep(0.5)
        return await answer(*args)

    return wait_and_answer


@pytest.mark.timeout(120)
@pytest.mark.parametrize("batch_rows", [100, 5_000])  # many batches under way, and few
async def test_interrupted_at_random_it_stores_each_record_once(
    parts: Settings, batch_rows: int
) -> None:
    parts = replace(parts, batch_rows=batch_rows)
    rng = random.Random(20261122)  # noqa: S311 - repeatable, not secret
    jobs = [new_job_id() for _ in range(40)]
    # Some are long enough to be read as columns.
    lengths = [300 if number % 10 == 0 else rng.randrange(30) for number in range(40)]
    events = [story(job, progress=length) for job, length in zip(jobs, lengths, strict=True)]
    total = sum(len(each) for each in events)
    async with open_log(parts, "test") as log, open_clickhouse(parts) as clickhouse:

        async def write() -> None:
            for job_id, each in zip(jobs, events, strict=True):
                await log.event_log.append_items(items_of(job_id, 5))
                await log.event_log.append(each)
                await asyncio.sleep(0.02)

        writing = asyncio.create_task(write())
        for _ in range(6):
            async with materializing(parts):
                await asyncio.sleep(rng.uniform(0.05, 0.6))  # the interruption, not a wait
        await writing
        async with materializing(parts):
            await stored(clickhouse, jobs, total)
            # Topics are not in order with each other: the last items may come later.
            await stored(clickhouse, jobs, 5 * len(jobs), table="items_v1")
        for table, count in (("job_events_v1", total), ("items_v1", 5 * len(jobs))):
            rows = await clickhouse.rows(
                f"SELECT count(), uniqExact(event_id) FROM {table} "
                "WHERE job_id IN {jobs:Array(String)}",
                {"jobs": list(jobs)},
            )
            assert tuple(rows[0]) == (count, count), table
        store = ClickHouseStore(clickhouse)
        for job_id, each in zip(jobs, events, strict=True):
            job = await store.find_job(job_id)
            assert job is not None
            assert (job.status, job.events_count) == (Status.COMPLETED, len(each))
            assert [known.event for known in await store.read_events(job_id)][1:] == [
                new.event for new in each
            ][1:]


async def test_what_is_stored_is_not_stored_again_when_the_group_has_forgotten_its_place(
    parts: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = replace(parts, batch_rows=20)
    before, after = new_job_id(), new_job_id()
    async with open_log(parts, "test") as log, open_clickhouse(parts) as clickhouse:
        await log.event_log.append(story(before, progress=200))
        async with materializing(parts):
            await stored(clickhouse, [before], 204)
        monkeypatch.setattr("streams.materializer.GROUP", f"it-{before}")
        monkeypatch.setattr(ClickHouseStore, "stored_ends", slowly(ClickHouseStore.stored_ends))
        async with materializing(parts):
            await log.event_log.append(story(after, progress=0))
            await stored(clickhouse, [after], 4)
        rows = await clickhouse.rows(
            "SELECT count(), uniqExact(partition, offset) FROM job_events_v1 "
            "WHERE job_id IN {jobs:Array(String)}",
            {"jobs": [before, after]},
        )
        assert tuple(rows[0]) == (208, 208)


async def test_a_secret_stays_out_of_the_store(parts: Settings) -> None:
    job_id = new_job_id()
    async with open_log(parts, "test") as log, open_clickhouse(parts) as clickhouse:
        await log.event_log.append(story(job_id, progress=0))
        async with materializing(parts):
            await stored(clickhouse, [job_id], 4)
        for table, column in (("job_events_v1", "payload"), ("jobs_v1", "state")):
            rows = await clickhouse.rows(
                f"SELECT {column} FROM {table} WHERE job_id = {{job:String}}", {"job": job_id}
            )
            assert rows
            assert not any("sealed" in row[0] for row in rows)


async def test_an_unreadable_record_goes_to_the_dead_letter_topic(parts: Settings) -> None:
    job_id = new_job_id()
    junk = f"junk {job_id}".encode()
    async with (
        open_log(parts, "test") as log,
        open_writer(parts, "test") as writer,
        open_clickhouse(parts) as clickhouse,
        open_reader(parts, "test") as reader,
    ):
        reader.assign({(SCRAPE_DLQ, 0): (await reader.ends(SCRAPE_DLQ))[0]})
        (position,) = await writer.send(
            [NewRecord(topic=JOB_EVENTS, key=job_id.encode(), value=junk)]
        )
        await log.event_log.append(story(job_id, progress=0))
        async with materializing(parts):
            await stored(clickhouse, [job_id], 4)  # the job behind it is not stopped
            async with asyncio.timeout(10):
                while True:
                    found = [raw for raw in await reader.read(timeout_s=1) if raw.value == junk]
                    if found:
                        break
    headers = {name: value.decode() for name, value in found[0].headers}
    assert headers["dlq_topic"] == JOB_EVENTS
    assert headers["dlq_offset"] == str(position.offset)
    assert headers["dlq_partition"] == str(position.partition)
    assert "Confluent" in headers["dlq_reason"]
