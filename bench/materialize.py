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
from streams.adapters.clickhouse import open_clickhouse
from streams.domain.events import ProgressReported, ScrapeRequested, new_event
from streams.domain.ids import new_job_id
from streams.materializer import Materializer
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
            now = datetime.now(UTC)
            jobs = [new_job_id() for _ in range(JOBS)]
            for number in range(EVENTS_OF_A_JOB):
                event = (
                    ScrapeRequested(kind="google_reviews", url="https://x/")
                    if number == 0
                    else ProgressReported(
                        attempt=1, worker="w", stage="scrolling", items_seen=number
                    )
                )
                await log.event_log.append(
                    [new_event(job, "public", event, now, ordinal=number) for job in jobs]
                )
            total = JOBS * EVENTS_OF_A_JOB
            materializer = Materializer(settings, clickhouse, log.records, log.event_log)
            began_s = time.monotonic()
            running = asyncio.create_task(materializer.run(asyncio.Event()))
            async with asyncio.timeout(300):
                while True:
                    rows = await clickhouse.rows("SELECT count() FROM job_events_v1")
                    if rows[0][0] >= total:
                        break
                    await asyncio.sleep(0.05)
            took_s = time.monotonic() - began_s
            running.cancel()
            await asyncio.wait({running})
            distinct = await clickhouse.rows("SELECT uniqExact(event_id) FROM job_events_v1")
    line("events stored", rows[0][0], "")
    line("distinct events", distinct[0][0], "", at_least=total)
    line("rate", total / took_s, "events/s", at_least=60_000)
