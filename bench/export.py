"""Reviews as files: rows a second, bytes, and how much the exporting process grows, by format.

``BENCH_EXPORT_ROWS`` sets the rows of the larger job; the smaller one has a tenth.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import psutil

from bench.report import line
from scrapestream.process.topics import set_up
from scrapestream.stack import Stack
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.domain.events import ItemsSpan
from streams.domain.ids import JobId, item_event_id, new_job_id
from streams.domain.items import RecordedItem
from streams.domain.job import AttemptState, Job, Status
from streams.exports.proof import rows_in
from streams.projections import items, jobs
from streams.settings import Settings

ROWS = int(os.environ.get("BENCH_EXPORT_ROWS", "100000"))
WARM_UP_ROWS = 100
FORMATS = ("json", "jsonl", "csv", "parquet", "xlsx")
ROWS_AN_INSERT = 10_000
SAMPLE_S = 0.01
GROWTH_BOUND_MB = 100  # a page of rows in a few forms, never the list


async def measure(directory: Path) -> None:
    """Jobs are put into ClickHouse as the materializer would; the API alone runs."""
    async with Stack(directory, roles=("api",), api_port=0) as stack:
        addresses = stack.addresses
        settings = replace(
            Settings(),
            kafka_url=addresses.kafka or "",
            registry_url=addresses.registry or "",
            clickhouse_url=addresses.clickhouse or "",
        )
        await set_up(settings)
        async with open_clickhouse(settings) as clickhouse:
            sizes = (WARM_UP_ROWS, ROWS // 10, ROWS)
            found = {size: await _fill(clickhouse, size) for size in sizes}
            await clickhouse.run(f"OPTIMIZE TABLE {items.projection.table} FINAL")
            rows = await clickhouse.rows(
                "SELECT sum(data_compressed_bytes) / sum(rows) FROM system.parts "
                "WHERE active AND table = {table:String}",
                {"table": items.projection.table},
            )
            line("a review in ClickHouse", float(rows[0][0]), "bytes")
        process = psutil.Process(addresses.pids["api"])
        path = directory / "file"
        async with aiohttp.ClientSession(
            str(addresses.api), timeout=aiohttp.ClientTimeout(total=900)
        ) as session:
            for form in FORMATS:  # what is loaded once is no growth
                await _download(session, found[WARM_UP_ROWS], form, path)
            for form in FORMATS:
                for size in sizes[1:]:
                    before = process.memory_info().rss
                    peak = _Peak(lambda: process.memory_info().rss)
                    watching = asyncio.create_task(peak.watch())
                    began_s = time.monotonic()
                    await _download(session, found[size], form, path)
                    took_s = time.monotonic() - began_s
                    watching.cancel()
                    grown_mb = (peak.highest - before) / 1e6
                    label = f"{form}, {size:,} rows"
                    line(f"{label}: rate", size / took_s, "rows/s")
                    line(f"{label}: growth", grown_mb, "MB", at_most=GROWTH_BOUND_MB)
                    line(f"{label}: file", path.stat().st_size / 1e6, "MB")
                    line(f"{label}: a review", path.stat().st_size / size, "bytes")
                    if form != "json":
                        line(f"{label}: rows in it", rows_in(path, form), "", at_least=size)


class _Peak:
    """The highest of many looks."""

    def __init__(self, look: Callable[[], int]) -> None:
        self._look = look
        self.highest = look()

    async def watch(self) -> None:
        while True:
            self.highest = max(self.highest, self._look())
            await asyncio.sleep(SAMPLE_S)


async def _download(session: aiohttp.ClientSession, job: JobId, form: str, path: Path) -> None:
    async with session.get(f"/jobs/{job}/reviews", params={"format": form}) as answer:
        if answer.status != 200:
            raise RuntimeError(f"status {answer.status}: {await answer.text()}")
        with path.open("wb") as file:
            async for piece in answer.content.iter_chunked(1 << 20):
                file.write(piece)


async def _fill(clickhouse: ClickHouse, count: int) -> JobId:
    """A finished job with ``count`` reviews of about 600 bytes."""
    job_id, now = new_job_id(), datetime.now(UTC)
    job = Job(
        job_id=job_id,
        tenant="public",
        kind="google_reviews",
        url="https://www.google.com/maps/place/Cafe+Central",
        status=Status.COMPLETED,
        created_at=now,
        updated_at=now,
        attempt_changed_at=now,
        started_at=now,
        completed_at=now,
        attempt=1,
        attempt_state=AttemptState.SUCCEEDED,
        outcome="completed",
        items_count=count,
        items=ItemsSpan(partition=0, first=0, end=count),
        partition=0,
        offset=1,
    )
    await clickhouse.insert(jobs.projection, [jobs.row(job)], token=f"bench:{job_id}")
    for first in range(0, count, ROWS_AN_INSERT):
        numbers = range(first, min(count, first + ROWS_AN_INSERT))
        rows = [items.row(_review(job_id, number, now)) for number in numbers]
        await clickhouse.insert(items.projection, rows, token=f"bench:{job_id}:{first}")
    return job_id


def _review(job_id: JobId, number: int, now: datetime) -> RecordedItem:
    return RecordedItem(
        job_id=job_id,
        tenant="public",
        event_id=item_event_id(job_id, str(number)),
        occurred_at=now,
        partition=0,
        offset=number,
        schema="GoogleReview",
        fields={
            "review_id": f"ChdDSUhNMG9nS0VJQ0FnSUQ{number:010}",
            "author_name": f"Visitor number {number}",
            "author_url": f"https://www.google.com/maps/contrib/{number:020}",
            "author_is_local_guide": number % 3 == 0,
            "author_reviews_count": number % 200,
            "rating": float(number % 5 + 1),
            "text": f"Review {number}: " + "words that a guest would write here, " * 8,
            "is_text_complete": True,
            "language": "en",
            "relative_date": "3 months ago",
            "published_at": now,
            "published_at_precision": "month",
            "likes": number % 7,
            "photo_urls": [f"https://example.org/{number}/{each}.jpg" for each in range(2)],
            "sub_ratings": {"Food": 5.0, "Service": 4.0},
            "position": number + 1,
            "source": "dom",
        },
    )
