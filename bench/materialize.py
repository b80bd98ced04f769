"""From a full topic into ClickHouse, in one process; the usual way beside it; and how fresh it is.

``BENCH_JOBS`` sets how many jobs' events stand in the topic, 100 of each.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bench.report import line, quantile
from scrapestream.process.topics import set_up
from scrapestream.stack import Stack
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.kafka_writer import open_writer
from streams.domain.events import (
    AttemptScheduled,
    AttemptStarted,
    JobEvent,
    ProgressReported,
    ScrapeRequested,
)
from streams.domain.ids import JobId, new_job_id
from streams.domain.recorded import NewEvent, new_event
from streams.materializer import Materializer
from streams.ports import EventLog, NewRecord
from streams.settings import Settings
from streams.topics import WEBHOOK_DLQ

JOBS = int(os.environ.get("BENCH_JOBS", "2000"))
EVENTS_OF_A_JOB = 100
PEER_TOPIC = WEBHOOK_DLQ  # one that stands empty here
FRESH_RATE, FRESH_S, FRESH_PAUSE_S = 2_000, 10.0, 0.05


async def measure(directory: Path) -> None:
    """Events of many jobs, mixed, as they stand in a topic after a busy hour."""
    async with Stack(directory, roles=()) as stack:
        addresses = stack.addresses
        settings = replace(
            Settings(),
            kafka_url=addresses.kafka or "",
            registry_url=addresses.registry or "",
            clickhouse_url=addresses.clickhouse or "",
        )
        await set_up(settings)
        peer_rate = await _peer(settings)
        async with open_log(settings, "bench") as log, open_clickhouse(settings) as clickhouse:
            await _fill(log.event_log)
            total = JOBS * EVENTS_OF_A_JOB
            materializer = Materializer(settings, clickhouse, log.records, log.event_log)
            began_s = time.monotonic()
            async with _running(materializer):
                first = await _stored(clickhouse, at_least=1)
                first_s, first_cpu_s = time.monotonic(), time.process_time()
                count = await _stored(clickhouse, at_least=total)
                took_s, took_cpu_s = time.monotonic() - first_s, time.process_time() - first_cpu_s
                distinct = await clickhouse.rows("SELECT uniqExact(event_id) FROM job_events_v1")
                ages_s = await _ages(log.event_log, clickhouse, count)
    rate = (count - first) / took_s
    line("events stored", count, "")
    line("distinct events", distinct[0][0], "", at_least=total)
    line("start to the first stored batch", first_s - began_s, "s")
    line("rate from there on", rate, "events/s", at_least=60_000)
    line("processor time an event, this process", took_cpu_s / (count - first) * 1e6, "us")
    line("ours / one insert a thousand rows", rate / peer_rate, "", at_least=2)
    line(f"event to queryable at {FRESH_RATE}/s, p50", quantile(ages_s, 0.5), "s")
    line(f"event to queryable at {FRESH_RATE}/s, p95", quantile(ages_s, 0.95), "s", at_most=1)


@asynccontextmanager
async def _running(materializer: Materializer) -> AsyncIterator[None]:
    running = asyncio.create_task(materializer.run(asyncio.Event()))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait({running})


async def _fill(event_log: EventLog) -> None:
    now = datetime.now(UTC)
    jobs = [new_job_id() for _ in range(JOBS)]
    for number in range(EVENTS_OF_A_JOB):
        await event_log.append(_round(jobs, number, now))


def _round(jobs: list[JobId], number: int, now: datetime) -> list[NewEvent]:
    """The event of this number of each job."""
    event = _event(number, now)
    return [new_event(job, "public", event, now, ordinal=number) for job in jobs]


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


async def _ages(event_log: EventLog, clickhouse: ClickHouse, before: int) -> list[float]:
    """For a steady stream: seconds from appending an event to a query that counts it."""
    each = int(FRESH_RATE * FRESH_PAUSE_S)
    jobs = [new_job_id() for _ in range(each)]
    begun: list[float] = []

    async def write() -> None:
        due_s = time.monotonic()
        for number in range(int(FRESH_S / FRESH_PAUSE_S)):
            begun.append(time.monotonic())
            await event_log.append(_round(jobs, number, datetime.now(UTC)))
            due_s += FRESH_PAUSE_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    writing = asyncio.create_task(write())
    ages_s: list[float] = []
    while not writing.done() or len(ages_s) < len(begun):
        async with asyncio.timeout(60):
            stored = await _stored(clickhouse, at_least=before)
        seen_s, rounds = time.monotonic(), (stored - before) // each
        ages_s += [seen_s - at_s for at_s in begun[len(ages_s) : rounds]]
        await asyncio.sleep(0.02)
    await writing
    return ages_s


async def _peer(settings: Settings) -> float:
    """Rows a second of the usual way, on the same broker and ClickHouse."""
    now = datetime.now(UTC)
    jobs = [new_job_id() for _ in range(JOBS)]
    async with open_writer(settings, "bench") as writer:
        for number in range(EVENTS_OF_A_JOB):
            await writer.send([_as_json(new) for new in _round(jobs, number, now)])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.peers.classic_sink", ",".join(settings.brokers())),
        *(settings.clickhouse_url, PEER_TOPIC, str(JOBS * EVENTS_OF_A_JOB)),
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    found = json.loads(out)
    rate = float(found["rows"] / found["seconds"])
    line("one insert a thousand rows, JSON: rate", rate, "events/s")
    line("processor time an event, that process", found["cpu_s"] / found["rows"] * 1e6, "us")
    return rate


def _as_json(new: NewEvent) -> NewRecord:
    event = {
        "job_id": new.job_id,
        "event_id": new.event_id,
        "type": type(new.event).__name__,
        "tenant": new.tenant,
        "occurred_at": new.occurred_at,
        "traceparent": new.traceparent,
        "data": new.event,
    }
    return NewRecord(
        topic=PEER_TOPIC, key=new.job_id.encode(), value=msgspec.json.encode(event), headers=[]
    )
