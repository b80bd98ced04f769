"""A long log into a fresh table while the live one is read, and into a fresh topic."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.report import line, quantile
from scrapestream.process.topics import set_up
from scrapestream.stack import Stack
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.events import AttemptStarted, JobEvent, ProgressReported, ScrapeRequested
from streams.domain.ids import JobId, new_job_id
from streams.domain.recorded import new_event
from streams.materializer import Materializer
from streams.ports import EventLog
from streams.settings import Settings

JOBS = 6_000
EVENTS_OF_A_JOB = 100
TOTAL = JOBS * EVENTS_OF_A_JOB
CALM = 300  # questions without a replay beside them
PAUSE_S = 0.02  # between the questions of one reader
STORED_WITHIN_S = 300


async def measure(directory: Path) -> None:
    """Events of many jobs, mixed, as they stand in a topic after some busy hours."""
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
            materializer = Materializer(settings, clickhouse, log.records, log.event_log)
            running = asyncio.create_task(materializer.run(asyncio.Event()))
            await _stored(clickhouse)
            running.cancel()
            await asyncio.wait({running})
        async with open_clickhouse(settings) as clickhouse:
            await _rebuild(settings, clickhouse)
        told = await _command(settings, "--into-topic", "bench-replayed")
        cpu_us = told["cpu_s"] / told["records"] * 1e6
        line("copy to a topic: events", told["records"], "", at_least=TOTAL)
        line(
            "copy to a topic: rate",
            told["records"] / told["seconds"],
            "events/s",
            at_least=100_000,
        )
        line("copy to a topic: its processor time an event", cpu_us, "us")


async def _rebuild(settings: Settings, clickhouse: ClickHouse) -> None:
    [[job_id], *_] = await clickhouse.rows("SELECT job_id FROM jobs LIMIT 1")
    store = ClickHouseStore(clickhouse)
    calm_s = [await _asked_s(store, JobId(job_id)) for _ in range(CALM)]
    busy_s = []
    for name in ("job_events", "jobs"):
        replaying = asyncio.create_task(_command(settings, "--projection", name))
        while not replaying.done():
            busy_s.append(await _asked_s(store, JobId(job_id)))
            await asyncio.sleep(PAUSE_S)
        done = await replaying
        told = {**done["replays"][0], "cpu_s": done["cpu_s"]}
        line(f"replay of {name}: events", told["records"], "", at_least=TOTAL)
        rate = told["records"] / told["seconds"]
        line(f"replay of {name}: rate", rate, "events/s", at_least=100_000)
        cpu_us = told["cpu_s"] / told["records"] * 1e6
        line(f"replay of {name}: its processor time an event", cpu_us, "us")
    line("a job read meanwhile, p50", quantile(busy_s, 0.5) * 1000, "ms")
    line("a job read meanwhile, p99", quantile(busy_s, 0.99) * 1000, "ms")
    line("a job read without a replay, p99", quantile(calm_s, 0.99) * 1000, "ms")


async def _asked_s(store: ClickHouseStore, job_id: JobId) -> float:
    began_s = time.monotonic()
    assert await store.find_job(job_id) is not None  # noqa: S101 - it was there before
    return time.monotonic() - began_s


async def _command(settings: Settings, *arguments: str) -> dict[str, Any]:
    """What ``scrapestream replay`` prints, in a process of its own as always.

    With ``cpu_s``: the processor time that it took, seconds, its start too.
    """
    before_s = _children_s()
    urls = {
        f"SCRAPESTREAM_{name.upper()}": str(getattr(settings, name))
        for name in ("kafka_url", "registry_url", "clickhouse_url")
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "scrapestream", "replay", "--json", *arguments),
        stdout=PIPE,
        stderr=DEVNULL,
        env={**os.environ, **urls},
    )
    out, _ = await process.communicate()
    return {**json.loads(out), "cpu_s": _children_s() - before_s}


def _children_s() -> float:
    """Processor time of all ended children, seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _fill(event_log: EventLog) -> None:
    now = datetime.now(UTC)
    jobs = [new_job_id() for _ in range(JOBS)]
    for number in range(EVENTS_OF_A_JOB):
        at = now + timedelta(milliseconds=number)
        event = _event(number)
        await event_log.append(
            [new_event(job, "public", event, at, ordinal=number) for job in jobs]
        )


def _event(number: int) -> JobEvent:
    match number:
        case 0:
            return ScrapeRequested(kind="google_reviews", url="https://x/")
        case 1:
            return AttemptStarted(attempt=1, worker="w", lease_s=15.0)
        case _:
            return ProgressReported(attempt=1, worker="w", stage="scrolling", items_seen=number)


async def _stored(clickhouse: ClickHouse) -> None:
    async with asyncio.timeout(STORED_WITHIN_S):
        while True:
            [[count]] = await clickhouse.rows("SELECT count() FROM job_events_v1")
            if count >= TOTAL:
                return
            await asyncio.sleep(0.1)  # each question costs this process some milliseconds
