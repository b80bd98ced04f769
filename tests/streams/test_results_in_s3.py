"""Results in a real S3 server, from a real log and store, by the materializer's process."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest

from scrapestream.process import materializer
from scrapestream.wiring import LogParts, open_log
from streams.adapters.blobs import Blobs, open_result_files
from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.events import ItemsSpan, JobEvent, ScrapeRequested
from streams.domain.ids import JobId, new_job_id
from streams.domain.job import Job, ResultsFile
from streams.domain.recorded import new_event
from streams.ports import JobStore
from streams.settings import Settings
from tests.api.job_events import BEGAN, PLACE, completed, review, started
from tests.support.s3_server import BUCKET, S3Server, s3_server

WITHIN_S = 90.0
ROWS = 6_000  # more than a page


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture
def settings(parts: Settings, server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return replace(parts, results_url=f"s3://{BUCKET}/of/ours", results_link_s=60)


@asynccontextmanager
async def role(settings: Settings) -> AsyncIterator[None]:
    """The materializer's process, in this one."""
    running = asyncio.create_task(materializer.run(settings))
    try:
        yield
    finally:
        running.cancel()
        await asyncio.wait([running])


async def append_job(log: LogParts, items: int) -> JobId:
    """A job that ends with ``items`` reviews."""
    job_id = new_job_id()

    async def append(*events: JobEvent) -> None:
        await log.event_log.append([new_event(job_id, "public", one, BEGAN) for one in events])

    await append(ScrapeRequested(kind="google_reviews", url=PLACE), *started())
    found = await log.event_log.append_items([review(job_id, each) for each in range(items)])
    span = ItemsSpan(partition=found[0].partition, first=found[0].offset, end=found[-1].offset + 1)
    await append(*completed(items, span))
    return job_id


async def told(store: JobStore, job_id: JobId) -> ResultsFile:
    """What the log says of the job's file, once it does."""
    job: Job | None = None
    async with asyncio.timeout(WITHIN_S):
        while job is None or job.results is None:
            await asyncio.sleep(0.1)
            job = await store.find_job(job_id)
    return job.results


async def all_stored(store: JobStore, job_id: JobId, items: int) -> None:
    count = 0
    async with asyncio.timeout(WITHIN_S):
        while count < items:
            await asyncio.sleep(0.1)
            count = await store.count_items(job_id)


async def fetched(files: Blobs, key: str) -> list[str]:
    """The ids of the reviews in a file, got by its link as a customer would."""
    link = await files.make_link(key)
    assert link is not None
    async with httpx2.AsyncClient() as client:
        answer = (await client.get(link)).raise_for_status()
    body = json.loads(gzip.decompress(answer.content))
    return [each["review_id"] for each in body["reviews"]]


async def test_an_outage_of_the_storage_delays_files_and_nothing_else(
    settings: Settings, server: S3Server
) -> None:
    files = open_result_files(settings)
    assert files is not None
    async with open_log(settings, "it") as log, open_clickhouse(settings) as clickhouse:
        store = ClickHouseStore(clickhouse)
        async with role(settings):
            large = await append_job(log, ROWS)
            first = await told(store, large)
            assert first.rows == ROWS
            assert first.key == f"2026/11/22/{large}.json.gz"
            assert await files.find_size(first.key) == first.size_bytes
            assert await fetched(files, first.key) == [f"review-{n}" for n in range(ROWS)]

            server.stop()
            late = await append_job(log, 3)
            await all_stored(store, late, 3)  # the store is filled all the same
        # The process ends while the storage is away; the next one finds what is owed.
        async with role(settings):
            still = await store.find_job(late)
            assert still is None or still.results is None
            server.start()
            second = await told(store, late)
            assert await fetched(files, second.key) == ["review-0", "review-1", "review-2"]
