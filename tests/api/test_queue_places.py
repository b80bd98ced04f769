"""A waiting job says where it stands, what it waits for, and when it will start."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import httpx2
import pytest

import api.queue_view
import api.sse
from api.pause import Pause
from streams.domain.events import AttemptFailed, AttemptScheduled
from streams.domain.fleet import Fleet
from tests.api.job_events import BEGAN, completed, started
from tests.api.sse_client import open_stream
from tests.api.test_workers import REPORT
from tests.api.world import WAIT_S, Process, World


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Nobody yet; the queue is looked at each time that somebody asks."""
    monkeypatch.setattr(api.queue_view, "FRESH_S", 0.0)
    monkeypatch.setattr(api.sse, "QUEUE_EVERY_S", 0.01)
    return Fleet()


async def begin(world: World, fleet: Fleet) -> Process:
    return await world.start(change=lambda parts: replace(parts, fleet=fleet))


async def test_without_a_worker_a_job_says_so(world: World, fleet: Fleet) -> None:
    process = await begin(world, fleet)
    job = await process.read(await process.submit())
    assert (job["queue_position"], job["estimated_start_s"]) == (1, None)
    assert job["waiting_for"] == "a worker: none is running"
    fleet.hear(replace(REPORT, kinds=["other"]), time.monotonic())
    job = await process.read(str(job["job_id"]))
    assert job["waiting_for"] == "a worker that scrapes google_reviews: none is running"
    fleet.hear(replace(REPORT, is_draining=True, free=0), time.monotonic())
    job = await process.read(str(job["job_id"]))
    assert job["waiting_for"] == "a worker: all are draining"


async def test_jobs_stand_in_the_order_in_which_they_came(world: World, fleet: Fleet) -> None:
    process = await begin(world, fleet)
    fleet.hear(replace(REPORT, free=0), time.monotonic())
    jobs = [await process.submit() for _ in range(3)]
    urgent = await process.submit(priority="high")
    places = [(await process.read(job_id))["queue_position"] for job_id in [urgent, *jobs]]
    assert places == [1, 2, 3, 4]
    starts = [(await process.read(job_id))["estimated_start_s"] for job_id in [urgent, *jobs]]
    assert starts == [10.0, 20.0, 30.0, 40.0]  # two slots, 20 s a job as long as nothing is known
    await world.append(urgent, *started())
    await process.is_caught_up()
    assert (await process.read(jobs[0]))["queue_position"] == 1
    assert (await process.read(urgent))["queue_position"] is None


async def test_a_retry_waits_for_its_time(world: World, fleet: Fleet) -> None:
    process = await begin(world, fleet)
    job_id = await process.submit()
    due_at = BEGAN.replace(year=2099)
    failed = AttemptFailed(attempt=1, worker="w1", reason="x", message="m", may_retry=True)
    await world.append(job_id, *started(), failed, AttemptScheduled(attempt=2, due_at=due_at))
    await process.is_caught_up()
    job = await process.read(job_id)
    assert job["queue_position"] is None
    assert job["waiting_for"] == "the time of its next attempt"


async def test_a_place_that_moved_is_no_304(world: World, fleet: Fleet) -> None:
    process = await begin(world, fleet)
    first, second = await process.submit(), await process.submit()
    tag = (await process.client.get(f"/jobs/{second}")).headers["etag"]
    known = {"If-None-Match": tag}
    assert (await process.client.get(f"/jobs/{second}", headers=known)).status_code == 304
    await world.append(first, *started(), *completed(0))
    await process.is_caught_up()
    assert (await process.client.get(f"/jobs/{second}", headers=known)).status_code == 200


async def test_the_stream_tells_each_move(world: World, fleet: Fleet) -> None:
    process = await world.serve()
    ahead, job_id = await process.submit(), await process.submit()
    places: list[object] = []
    path = f"/jobs/{job_id}/stream"
    async with open_stream(process.client, path, types={"queue", "message"}) as stream:
        async for message in stream:
            if message.event == "queue":
                places.append(message.data["queue_position"])
                assert message.data["status"] == "queued"
            if places == [2]:
                await world.append(ahead, *started())
            if places == [2, 1]:
                await world.append(job_id, *started(), *completed(0))
                places.append("told")
    assert places == [2, 1, "told"]
    assert message.data["status"] == "completed"


async def test_a_long_queue_is_looked_at_beside_everything_else(
    world: World, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.queue_view, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(api.queue_view, "MOST_OF_THE_TIME", 1e9)
    process = await world.serve()
    jobs = [await process.submit() for _ in range(7)]

    async def places() -> list[object]:
        return [(await process.read(job_id))["queue_position"] for job_id in jobs]

    pause = Pause(first_s=0.002, longest_s=0.02)
    async with asyncio.timeout(WAIT_S):
        while await places() != [1, 2, 3, 4, 5, 6, 7]:
            await pause.wait()


async def test_the_metrics_know_slots_and_the_oldest_job(world: World, fleet: Fleet) -> None:
    process = await begin(world, fleet)
    fleet.hear(REPORT, time.monotonic())
    page = await _metrics(process.client)
    assert 'scraper_slots{state="busy"} 1.0' in page
    assert 'scraper_slots{state="free"} 1.0' in page
    assert "scraper_queue_oldest_seconds 0.0" in page
    await process.submit()
    (line,) = [
        line
        for line in (await _metrics(process.client)).splitlines()
        if line.startswith("scraper_queue_oldest_seconds ")
    ]
    assert float(line.split()[1]) > 0


async def _metrics(client: httpx2.AsyncClient) -> str:
    return (await client.get("/metrics")).text
