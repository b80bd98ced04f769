"""The agent that stores each ended job's results as a file."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from obstore.store import MemoryStore

from streams.adapters.blobs import Blobs
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.domain.events import (
    AttemptFailed,
    JobEvent,
    ResultsStored,
    ScrapeCancelled,
    ScrapeFailed,
    ScrapeRequested,
)
from streams.domain.ids import JobId, new_job_id
from streams.errors import ResultsUnavailableError
from streams.ports import ItemPage, TopicPartition
from streams.results_agent import ResultsAgent, ResultsMetrics, ResultsParts
from streams.topics import JOB_EVENTS, PARTITIONS, SCRAPED_ITEMS
from tests.api.job_events import BEGAN, PLACE, completed, started
from tests.api.world import World, eventually, open_world

ASKED = ScrapeRequested(kind="google_reviews", url=PLACE)
CLOSING: dict[str, Any] = {
    "kind": "google_reviews",
    "url": PLACE,
    "requested_at": BEGAN,
    "attempt": 1,
}


class FailingFiles(Blobs):
    """Refuses as often as it is told to, and counts."""

    def __init__(self) -> None:
        super().__init__(MemoryStore())
        self.refusals = 0
        self.puts = 0

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> None:
        self.puts += 1
        if self.refusals:
            self.refusals -= 1
            raise ResultsUnavailableError("the storage in the test is away")
        await super().put(key, pieces)


class GroupOfOne(MemoryReader):
    """Remembers what was committed."""

    def __init__(self, broker: MemoryBroker, commits: dict[TopicPartition, int]) -> None:
        super().__init__(broker)
        self._commits = commits
        self.assign({(JOB_EVENTS, n): commits.get((JOB_EVENTS, n), 0) for n in range(PARTITIONS)})

    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool:
        self._commits.update(positions)
        return True


class Stage:
    """A log with jobs, a storage, and lives of the agent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.files = FailingFiles()
        self.commits: dict[TopicPartition, int] = {}
        self.metrics: ResultsMetrics | None = None

    def parts(self) -> ResultsParts:
        records = self.world.records("materializer")
        return ResultsParts(
            reader=GroupOfOne(self.world.broker, self.commits),
            learn=records.learn,
            read_event=records.read_event,
            event_log=self.world.log,
            store=self.world.store,
            files=self.files,
            committed=self.committed,
            first_pause_s=0.001,
        )

    async def committed(self) -> Mapping[TopicPartition, int]:
        return {
            (topic, number): end
            for topic in (JOB_EVENTS, SCRAPED_ITEMS)
            for number, end in (await self.world.store.stored_ends(topic)).items()
        }

    async def job(self, *events: JobEvent, items: int = 0) -> JobId:
        """A job with these events after its start; the last ones may be ``completed``."""
        job_id = new_job_id()
        await self.world.append(job_id, ASKED, *started())
        if items:
            span = await self.world.put_items(job_id, items)
            events = (*events, *completed(items, span))
        await self.world.append(job_id, *events)
        return job_id

    def facts(self, job_id: JobId) -> list[ResultsStored]:
        events = [recorded.event for recorded in self.world.history(job_id)]
        return [event for event in events if isinstance(event, ResultsStored)]

    async def content(self, key: str) -> bytes:
        found = await self.files.read(key)
        assert found is not None
        return b"".join([piece async for piece in found])

    async def all_read(self, parts: ResultsParts | None = None) -> None:
        """One life of the agent, until it has committed all that is in the log before it."""
        parts = parts or self.parts()
        self.metrics = parts.metrics
        ends = {
            (raw.topic, raw.partition): raw.offset + 1
            for raw in self.world.broker.records(JOB_EVENTS)
        }
        running = asyncio.create_task(ResultsAgent(parts).run())
        try:
            await eventually(
                lambda: (
                    running.done()
                    or all(self.commits.get(part, 0) >= end for part, end in ends.items())
                )
            )
            assert not running.done(), running.result()
        finally:
            running.cancel()
            await asyncio.wait([running])


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_world() as world:
        yield Stage(world)


async def test_the_file_is_what_the_api_answers(stage: Stage) -> None:
    job_id = await stage.job(items=12)
    await stage.all_read()
    [fact] = stage.facts(job_id)
    assert fact.key == f"2026/11/22/{job_id}.json.gz"
    packed = await stage.content(fact.key)
    assert (fact.size_bytes, fact.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())
    process = await stage.world.start()
    answer = await process.client.get(f"/jobs/{job_id}/reviews")
    assert gzip.decompress(packed) == answer.content
    assert len(json.loads(answer.content)["reviews"]) == fact.rows == 12


async def test_endings_without_results_get_no_file_and_those_with_some_do(stage: Stage) -> None:
    failure = AttemptFailed(
        attempt=1, worker="w1", reason="site.blocked", message="", may_retry=False
    )
    ended = ScrapeFailed(**CLOSING, items_count=0, reason="site.blocked", message="")
    nothing = await stage.job(failure, ended)
    empty = await stage.job(*completed(0))
    job_id = new_job_id()
    await stage.world.append(job_id, ASKED, *started())
    span = await stage.world.put_items(job_id, 3)
    await stage.world.append(job_id, ScrapeCancelled(**CLOSING, items_count=3, items=span))
    running = await stage.job()
    await stage.all_read()
    assert [len(stage.facts(each)) for each in (nothing, empty, job_id, running)] == [0, 1, 1, 0]
    assert [fact.rows for each in (empty, job_id) for fact in stage.facts(each)] == [0, 3]


async def test_a_storage_that_is_away_costs_time_and_nothing_else(stage: Stage) -> None:
    jobs = [await stage.job(items=2) for _ in range(6)]
    stage.files.refusals = 9
    await stage.all_read()
    assert [len(stage.facts(job_id)) for job_id in jobs] == [1] * 6
    assert stage.metrics is not None
    told = stage.metrics.registry.get_sample_value
    assert told("scraper_results_failed_total", {"reason": "results.unavailable"}) == 9
    assert told("scraper_results_pending") == 0


async def test_a_life_that_ends_in_between_leaves_the_file_to_the_next(stage: Stage) -> None:
    job_id = await stage.job(items=2)
    stage.files.refusals = 1_000_000
    running = asyncio.create_task(ResultsAgent(stage.parts()).run())
    await eventually(lambda: stage.files.puts > 1)
    running.cancel()
    await asyncio.wait([running])
    assert stage.facts(job_id) == []
    assert stage.commits == {}
    stage.files.refusals = 0
    await stage.all_read()
    assert len(stage.facts(job_id)) == 1


async def test_reading_the_log_again_writes_nothing_again(stage: Stage) -> None:
    job_id = await stage.job(items=2)
    await stage.all_read()
    before = await stage.content(stage.facts(job_id)[0].key)
    stage.commits.clear()
    await stage.all_read()
    assert (stage.files.puts, len(stage.facts(job_id))) == (1, 1)
    # Even a file that is written again, as after a crash before the fact, has the same bytes.
    await stage.files.delete([stage.facts(job_id)[0].key])
    job = await stage.world.store.find_job(job_id)
    assert job is not None
    agent = ResultsAgent(stage.parts())
    assert await agent.writer.write(job) == stage.facts(job_id)[0]
    assert await stage.content(stage.facts(job_id)[0].key) == before


async def test_nothing_is_written_before_the_store_has_all_items(stage: Stage) -> None:
    stage.world.store.is_held = True
    job_id = await stage.job(items=5)
    asked = 0

    async def committed() -> Mapping[TopicPartition, int]:
        nonlocal asked
        asked += 1
        stage.world.store.is_held = asked < 5
        return await stage.committed()

    await stage.all_read(replace(stage.parts(), committed=committed))
    assert asked >= 5
    assert [fact.rows for fact in stage.facts(job_id)] == [5]


async def test_an_erased_job_holds_nothing_up(stage: Stage) -> None:
    ghost = new_job_id()
    await stage.world.append(ghost, *completed(3))  # its request is gone
    job_id = await stage.job(items=1)
    await stage.all_read()
    assert (stage.facts(ghost), len(stage.facts(job_id))) == ([], 1)


async def test_a_job_that_cannot_be_written_holds_nothing_up(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [await stage.job(items=1) for _ in range(3)]
    read_items = stage.world.store.read_items

    async def broken_for_one(job_id: JobId, **options: Any) -> ItemPage:
        if job_id == jobs[1]:
            raise ZeroDivisionError("a bug of ours")
        return await read_items(job_id, **options)

    monkeypatch.setattr(stage.world.store, "read_items", broken_for_one)
    await stage.all_read()
    assert [len(stage.facts(job_id)) for job_id in jobs] == [1, 0, 1]
    assert stage.metrics is not None
    told = stage.metrics.registry.get_sample_value
    assert told("scraper_results_failed_total", {"reason": "internal"}) == 1


async def test_what_is_older_than_files_are_kept_is_not_written(stage: Stage) -> None:
    job_id = await stage.job(items=1)
    late = BEGAN + timedelta(days=9)
    await stage.all_read(replace(stage.parts(), days=3, clock=lambda: late))
    assert (stage.facts(job_id), stage.files.puts) == ([], 0)


async def test_a_sweep_deletes_our_expired_files_and_no_others(stage: Stage) -> None:
    name = f"{new_job_id()}.json.gz"

    async def one() -> AsyncIterator[bytes]:
        yield b"x"

    kept = [f"2026/11/20/{name}", "2020/01/01/of-others.json.gz", f"backup/{name}", "2020/x"]
    old = [f"2026/11/18/{name}", f"2026/10/31/{name}", f"2025/12/31/{name}"]
    for key in (*kept, *old):
        await stage.files.put(key, one())
    now = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
    parts = replace(stage.parts(), days=2, clock=lambda: now)
    sweeping = asyncio.create_task(ResultsAgent(parts).sweep())
    told = parts.metrics.registry.get_sample_value
    await eventually(lambda: told("scraper_results_deleted_total") == len(old))
    sweeping.cancel()
    await asyncio.wait([sweeping])
    sizes = [await stage.files.find_size(key) for key in (*kept, *old)]
    assert sizes == [1] * len(kept) + [None] * len(old)
