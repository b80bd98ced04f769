"""The materializer killed with -9 again and again while events keep coming: none lost, none twice.

``KILLS=N`` sets how often, ``BENCH_SEED=N`` repeats a run; the seed is printed. Tables do not
merge meanwhile, so that a row that was stored twice stands there twice.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

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
from streams.domain.ids import JobId, item_event_id, new_job_id
from streams.domain.items import NewItem
from streams.domain.recorded import new_event
from streams.ports import EventLog
from streams.settings import PREFIX, Settings

# Names of tables are ours; every value goes as a parameter.
# ruff: noqa: S608

JOBS_AT_ONCE = 25
EVENTS_OF_A_JOB = 40
PAUSE_S = 0.02
KILL_AFTER_S = (0.0, 1.5)
WITHIN_S = 60.0
MOST_PARTS = 1_000_000
TABLES = ("job_events_v1", "items_v1")


@dataclass(slots=True)
class Written:
    """What stands in the log."""

    events: Counter[JobId] = field(default_factory=Counter)
    items: Counter[JobId] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the store says of what was written."""

    written: int
    """Events and items together."""
    lost: int
    doubled: int
    """Rows of the tables as they are, and of the views over them."""
    wrong_jobs: int
    """Jobs whose row does not count as many events as were written."""


async def measure(directory: Path) -> None:
    """As many kills as asked for."""
    seed = int(os.environ.get("BENCH_SEED") or random.SystemRandom().randrange(10_000))
    kills = int(os.environ.get("KILLS") or 100)
    print(f"  seed {seed}", flush=True)
    outcome = await run(directory, seed, kills)
    line("kills", kills, "")
    line("events and items written meanwhile", outcome.written, "")
    line("lost", outcome.lost, "")
    line("doubled", outcome.doubled, "")
    line("jobs whose row is wrong", outcome.wrong_jobs, "")
    if outcome.lost or outcome.doubled or outcome.wrong_jobs:
        raise RuntimeError(f"not exactly once: {outcome}")


async def run(directory: Path, seed: int, kills: int) -> Outcome:
    """Kill it that often, each time at a random moment after it has stored something."""
    chance = random.Random(seed)  # noqa: S311 - a run must be repeatable
    async with Stack(directory, roles=()) as stack:
        addresses = stack.addresses
        settings = replace(
            Settings(),
            kafka_url=addresses.kafka or "",
            registry_url=addresses.registry or "",
            clickhouse_url=addresses.clickhouse or "",
        )
        await set_up(settings)
        async with open_log(settings, "bench") as log, open_clickhouse(settings) as clickhouse:
            for table in TABLES:
                await clickhouse.run(
                    f"ALTER TABLE {table} MODIFY SETTING parts_to_delay_insert = {MOST_PARTS}, "
                    f"parts_to_throw_insert = {MOST_PARTS}, max_parts_in_total = {MOST_PARTS}"
                )
                await clickhouse.run(f"SYSTEM STOP MERGES {table}")
            written = Written()
            writing = asyncio.create_task(_write(log.event_log, written, chance))
            try:
                for number in range(1, kills + 1):
                    await _one_life(settings, directory, clickhouse, chance.uniform(*KILL_AFTER_S))
                    print(f"  killed {number} times", end="\r", flush=True)
            finally:
                writing.cancel()
                with suppress(asyncio.CancelledError):
                    await writing
            return await _last_life(settings, directory, clickhouse, written)


async def _write(event_log: EventLog, written: Written, chance: random.Random) -> None:
    """Jobs side by side, a few events and items at a time, until cancelled."""
    while True:
        jobs = [new_job_id() for _ in range(JOBS_AT_ONCE)]
        for number in range(EVENTS_OF_A_JOB):
            # To its end even when cancelled: what is counted must be what is in the log.
            await asyncio.shield(asyncio.ensure_future(_append(event_log, written, jobs, number)))
            await asyncio.sleep(chance.uniform(0, 2 * PAUSE_S))


async def _append(
    event_log: EventLog, written: Written, jobs: Sequence[JobId], number: int
) -> None:
    now = datetime.now(UTC)
    event = _event(number, now)
    written.events.update(jobs)
    written.items.update(jobs)
    await event_log.append([new_event(job, "public", event, now, ordinal=number) for job in jobs])
    await event_log.append_items(
        [
            NewItem(
                job_id=job,
                tenant="public",
                event_id=item_event_id(job, str(number)),
                occurred_at=now,
                schema="GoogleReview",
                fields={"review_id": str(number), "position": number},
            )
            for job in jobs
        ]
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


async def _one_life(
    settings: Settings, directory: Path, clickhouse: ClickHouse, then_s: float
) -> None:
    """Start it, let it store something, and kill it at a random moment of its work."""
    before = await _count(clickhouse, "job_events_v1")
    process = await _start(settings, directory)
    try:
        await _until(clickhouse, "job_events_v1", before + 1)
        await asyncio.sleep(then_s)
    finally:
        process.kill()
        await process.wait()


async def _last_life(
    settings: Settings, directory: Path, clickhouse: ClickHouse, written: Written
) -> Outcome:
    """Let it store the rest, then compare."""
    process = await _start(settings, directory)
    totals = {"job_events_v1": written.events.total(), "items_v1": written.items.total()}
    lost = doubled = 0
    try:
        for table, total in totals.items():
            await _until(clickhouse, table, total, distinct=True)
    finally:
        process.terminate()
        await process.wait()
    for table, total in totals.items():
        distinct = await _count(clickhouse, table, distinct=True)
        lost += max(0, total - distinct)
        doubled += await _count(clickhouse, table) - distinct
        rows = await clickhouse.rows(f"SELECT count() FROM {table} FINAL")
        doubled += max(0, int(rows[0][0]) - total)
    rows = await clickhouse.rows("SELECT job_id, state FROM jobs")
    stored = {job_id: msgspec.json.decode(state)["events_count"] for job_id, state in rows}
    wrong = {job for job, count in written.events.items() if stored.get(job) != count}
    return Outcome(written=sum(totals.values()), lost=lost, doubled=doubled, wrong_jobs=len(wrong))


async def _start(settings: Settings, directory: Path) -> asyncio.subprocess.Process:
    addresses = {
        f"{PREFIX}{name.upper()}": str(getattr(settings, name))
        for name in ("kafka_url", "registry_url", "clickhouse_url")
    }
    with (directory / "materializer.log").open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "scrapestream", "materializer"),
            env={**os.environ, **addresses},
            stdout=log,
            stderr=log,
        )


async def _until(clickhouse: ClickHouse, table: str, count: int, *, distinct: bool = False) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            if await _count(clickhouse, table, distinct=distinct) >= count:
                return
            await asyncio.sleep(0.05)


async def _count(clickhouse: ClickHouse, table: str, *, distinct: bool = False) -> int:
    what = "uniqExact(partition, offset)" if distinct else "count()"
    rows = await clickhouse.rows(f"SELECT {what} FROM {table}")
    return int(rows[0][0])
