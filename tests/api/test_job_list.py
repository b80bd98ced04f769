"""``GET /jobs``: memory and store as one list, newest first."""

from __future__ import annotations

from typing import Any

import pytest

from api.job_memory import JobMemory
from streams.domain.ids import JobId
from tests.api.job_events import completed, progress, started
from tests.api.world import Process, World, eventually


async def listed(process: Process, **params: Any) -> list[tuple[str, str]]:
    """Id and status of every job, over all pages."""
    found: list[tuple[str, str]] = []
    while True:
        answer = await process.client.get("/jobs", params=params)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert len(body["jobs"]) <= params.get("limit", 50)
        found += [(job["job_id"], job["status"]) for job in body["jobs"]]
        if body["next"] is None:
            assert "link" not in answer.headers
            return found
        assert f"cursor={body['next']}" in answer.headers["link"]
        params["cursor"] = body["next"]


async def test_the_list_is_newest_first_and_complete_whatever_the_page(world: World) -> None:
    process = await world.start()
    jobs = [await process.submit() for _ in range(7)]
    newest_first = [(job_id, "queued") for job_id in reversed(jobs)]
    for limit in (1, 2, 3, 6, 7, 8, 500):
        assert await listed(process, limit=limit) == newest_first


async def test_jobs_in_memory_and_jobs_in_the_store_are_one_list(world: World) -> None:
    """Some are only in memory, some only in the store, some in both in different states."""
    process = await world.start(memory=JobMemory(most_jobs=6))
    jobs: list[JobId] = []
    expected: dict[str, str] = {}

    async def add(status: str) -> None:
        job_id = await process.submit()
        jobs.append(job_id)
        expected[job_id] = status
        if status != "queued":
            await world.append(job_id, *started(), progress(1))
        if status == "completed":
            await world.append(job_id, *completed(1))

    for number in range(10):
        await add("queued" if number % 4 == 3 else "completed")
    await process.is_caught_up()
    await eventually(lambda: len(process.live.memory) <= 6)  # the older ones: only in the store
    world.store.is_held = True
    for number in range(10):
        await add(["completed", "processing", "queued"][number % 3])  # only in memory
    stale = jobs[3]  # queued in the store, further in memory
    await world.append(stale, *started(), progress(1))
    expected[stale] = "processing"
    await process.is_caught_up()

    everything = [(job_id, expected[job_id]) for job_id in reversed(jobs)]
    for limit in (1, 2, 3, 5, 7, 19, 20, 21):
        assert await listed(process, limit=limit) == everything
    for status in ("queued", "processing", "completed"):
        wanted = [(job_id, found) for job_id, found in everything if found == status]
        for limit in (1, 3, 20):
            assert await listed(process, limit=limit, status=status) == wanted
    several = [(job_id, found) for job_id, found in everything if found != "completed"]
    assert await listed(process, status=["queued", "processing"]) == several
    assert await listed(process, status="queued,processing", limit=2) == several


async def test_an_empty_list_is_a_list(world: World) -> None:
    process = await world.start()
    assert (await process.client.get("/jobs")).json() == {"jobs": [], "next": None}


async def test_a_job_that_comes_between_two_pages_moves_nothing(world: World) -> None:
    process = await world.start()
    jobs = [await process.submit() for _ in range(4)]
    first = (await process.client.get("/jobs?limit=2")).json()
    await process.submit()
    params = {"limit": 2, "cursor": first["next"]}
    second = (await process.client.get("/jobs", params=params)).json()
    seen = [job["job_id"] for job in (*first["jobs"], *second["jobs"])]
    assert seen == list(reversed(jobs))


@pytest.mark.parametrize("query", ["status=done", "status=queued,", "limit=501"])
async def test_filters_that_are_none_are_refused_with_what_is_known(
    world: World, query: str
) -> None:
    process = await world.start()
    answer = await process.client.get(f"/jobs?{query}")
    if query.endswith(","):
        assert answer.status_code == 200  # an empty part is no filter
    else:
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_without_the_store_there_is_no_half_list(world: World) -> None:
    process = await world.start()
    await process.submit()
    world.store.away = True
    answer = await process.client.get("/jobs")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")
