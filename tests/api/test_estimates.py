"""How long a new job will take, as its submitter is told."""

from __future__ import annotations

import time
from dataclasses import replace

from streams.domain.fleet import Fleet
from tests.api.job_events import PLACE, completed, started
from tests.api.test_workers import REPORT
from tests.api.world import World


async def test_the_estimate_is_the_median_of_recent_jobs_times_the_turns_to_wait(
    world: World,
) -> None:
    fleet = Fleet()
    process = await world.start(change=lambda parts: replace(parts, fleet=fleet))
    fleet.hear(replace(REPORT, slots=2), time.monotonic())
    for _ in range(3):
        job_id = await process.submit()
        await world.append(job_id, *started(), *completed(1))  # 2 s from start to end
    await process.is_caught_up()
    estimates = []
    for _ in range(5):
        answer = await process.client.post("/scrape", json={"url": PLACE})
        estimates.append(answer.json()["estimated_time"])
    assert estimates == ["2s", "2s", "4s", "4s", "6s"]


async def test_a_new_process_knows_how_long_jobs_take(world: World) -> None:
    first = await world.start()
    job_id = await first.submit()
    await world.append(job_id, *started(), *completed(1))
    await first.is_caught_up()
    second = await world.start()
    answer = await second.client.post("/scrape", json={"url": PLACE})
    assert answer.json()["estimated_time"] == "2s"
