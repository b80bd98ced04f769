"""From a full topic into ClickHouse, in one process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.report import line
from scrapestream.process.topics import set_up
from scrapestream.stack import Stack
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.domain.events import (
    AttemptScheduled,
    AttemptStarted,
    JobEvent,
    ProgressReported,
    ScrapeRequested,
)
from streams.domain.ids import new_job_id
from streams.domain.recorded import new_event
from streams.materializer import Materializer
from streams.ports import EventLog
from streams.settings import Settings

JOBS = 2_000
EVENTS_OF_A_JOB = 100


async def measure(directory: Path) -> None:
    """Events of many jobs, mixed, as they stand in a topic after a busy hour."""
    async with Stack(directory, roles=()) as stack:
        addresses = stack.addresses
        settings = replace(
            Settings(),
            kafka_url=addresses.kafka or "",
            registry_url=addresses.registry or "",
            clickhouse_url=addresses.clickhouse or "",
            batch_rows=20_000,
        )
        await set_up(settings)
        async with open_log(settings, "bench") as log, open_clickhouse(settings) as clickhouse:
            await _fill(log.event_log)
            total = JOBS * EVENTS_OF_A_JOB
            materializer = Materializer(settings, clickhouse, log.records, log.event_log)
            began_s = time.monotonic()
            running = asyncio.create_task(materializer.run(asyncio.Event()))
            first = await _stored(clickhouse, at_least=1)
            first_s, first_cpu_s = time.monotonic(), time.process_time()
            count = await _stored(clickhouse, at_least=total)
            took_s, took_cpu_s = time.monotonic() - first_s, time.process_time() - first_cpu_s
            running.cancel()
            await asyncio.wait({running})
            distinct = await clickhouse.rows("SELECT uniqExact(event_id) FROM job_events_v1")
    line("events stored", count, "")
    line("distinct events", distinct[0][0], "", at_least=total)
    line("start to the first stored batch", first_s - began_s, "s")
    line("rate from there on", (count - first) / took_s, "events/s", at_least=60_000)
    line("processor time an event, this process", took_cpu_s / (count - first) * 1e6, "us")


async def _fill(event_log: EventLog) -> None:
    now = datetime.now(UTC)
    jobs = [new_job_id() for _ in range(JOBS)]
    for number in range(EVENTS_OF_A_JOB):
        event = _event(number, now)
        await event_log.append(
            [new_event(job, "public", event, now, ordinal=number) for job in jobs]
        )


def _event(number: int, now: datetime) -> JobEvent:
    match number:
        case 0:
            return ScrapeRequested(kind="google_reviews", url="https://x/")
        case 1:
            return AttemptScheduled(attempt=1, due_at=now)
        case 2:
            return AttemptStarted(attempt=1, worker="w", lease_s=15.0)
        case _:
            return ProgressReported(attempt=1, worker="w", stage="scrolling", items_seen=number)


async def _stored(clickhouse: ClickHouse, *, at_least: int) -> int:
    """Wait until so many events are stored; how many are."""
    async with asyncio.timeout(300):
        while True:
            rows = await clickhouse.rows("SELECT count() FROM job_events_v1")
            if rows[0][0] >= at_least:
                return int(rows[0][0])
            await asyncio.sleep(0.1)  # each question costs this process some milliseconds
