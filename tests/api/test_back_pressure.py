"""A queue that is full says when to come again; answers say how old they may be."""

from __future__ import annotations

from api.pressure import room_after_s
from api.store_age import StoreAge
from streams.topics import JOB_EVENTS
from tests.api.job_events import PLACE, completed, started
from tests.api.world import World, eventually


async def test_a_full_queue_refuses_until_a_job_has_ended(world: World) -> None:
    process = await world.start(max_open_jobs=2)
    first, second = await process.submit(), await process.submit()
    refused = [
        await process.client.post("/scrape", json={"url": PLACE}),
        await process.client.post("/jobs/batch", json=[{"url": PLACE}]),
        await process.client.post(f"/jobs/{second}/clone"),
    ]
    for answer in refused:
        assert (answer.status_code, answer.json()["code"]) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) >= 1
    assert len(world.broker.records(JOB_EVENTS)) == 2
    await world.append(first, *started(), *completed(0))
    await process.is_caught_up()
    await process.submit()


async def test_a_batch_that_does_not_fit_is_refused_whole(world: World) -> None:
    process = await world.start(max_open_jobs=2)
    answer = await process.client.post("/jobs/batch", json=[{"url": PLACE}] * 3)
    assert answer.status_code == 429
    assert (await process.client.post("/jobs/batch", json=[{"url": PLACE}] * 2)).status_code == 202


async def test_a_request_with_a_known_key_is_answered_by_a_full_queue_too(world: World) -> None:
    process = await world.start(max_open_jobs=1)
    key = {"Idempotency-Key": "order-1"}
    first = await process.client.post("/scrape", json={"url": PLACE}, headers=key)
    again = await process.client.post("/scrape", json={"url": PLACE}, headers=key)
    assert (again.status_code, again.json()["job_id"]) == (202, first.json()["job_id"])


def test_the_wait_is_as_long_as_the_workers_need() -> None:
    assert room_after_s(30, drained=0.5) == 60
    assert room_after_s(1, drained=100.0) == 1
    assert room_after_s(10**9, drained=0.1) == 3_600


async def test_answers_say_how_old_they_may_be(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    for path in (f"/jobs/{job_id}",):
        assert (await process.client.get(path)).headers["x-data-age"] == "0.0"
    for path in ("/jobs", f"/jobs/{job_id}/reviews", f"/jobs/{job_id}/events"):
        assert float((await process.client.get(path)).headers["x-data-age"]) >= 0
    for path in ("/health", "/jobs/none"):
        assert "x-data-age" not in (await process.client.get(path)).headers
    world.store.is_held = True  # the materializer stops: answers of the store grow old
    await process.submit()
    await process.is_caught_up()
    before = process.live.store_age.seconds()
    await eventually(lambda: process.live.store_age.seconds() > before + 0.2)


def test_the_store_is_as_old_as_the_oldest_moment_that_it_does_not_cover() -> None:
    now = 100.0
    age = StoreAge(clock=lambda: now)
    age.note({0: 5, 1: 0})
    now = 103.0
    age.learn({0: 5})
    assert age.seconds() == 3.0  # all that was read at 100
    age.note({0: 9})
    now = 110.0
    age.learn({0: 8})
    assert age.seconds() == 10.0  # one record of 103 is missing
    age.learn({0: 9})
    assert age.seconds() == 7.0
