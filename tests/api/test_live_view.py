"""The live view: never behind, never without a job, whatever is away."""

from __future__ import annotations

import asyncio
import time

import pytest

import api.finding
import api.live_view
from api.job_memory import JobMemory
from streams.ports import NewRecord
from streams.topics import JOB_EVENTS
from tests.api.job_events import completed, described, progress, started
from tests.api.world import NOBODY, Process, World, eventually


async def test_a_job_that_another_process_accepted_is_never_404(world: World) -> None:
    first, second = await world.start(), await world.start()
    world.store.is_held = True  # only the log knows

    async def submit_and_read(writer: Process, reader: Process) -> None:
        job_id = await writer.submit()
        answers = await asyncio.gather(
            *(reader.client.get(f"/jobs/{job_id}{path}") for path in ("", "/events", "/reviews"))
        )
        assert [answer.status_code for answer in answers] == [200, 200, 200]

    pairs = [(first, second), (second, first)] * 20
    await asyncio.gather(*(submit_and_read(writer, reader) for writer, reader in pairs))


async def test_an_unreadable_record_is_passed_by(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    poison = NewRecord(topic=JOB_EVENTS, key=job_id.encode(), value=b"\x00\x00\x00\x03\xe7rubbish")
    await world.broker.send([poison])
    await world.append(job_id, *started())
    await process.is_caught_up()
    assert (await process.read(job_id))["status"] == "processing"


async def test_whether_a_job_exists_is_not_denied_while_kafka_is_away(world: World) -> None:
    process = await world.start()
    world.broker.away = True
    answer = await process.client.get(f"/jobs/{NOBODY}")
    assert (answer.status_code, answer.json()["code"]) == (503, "log_unavailable")
    assert answer.headers["retry-after"]


async def test_known_jobs_are_read_while_store_and_kafka_are_away(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    world.store.away = world.broker.away = True
    assert (await process.read(job_id))["status"] == "queued"


async def test_a_restarted_process_goes_on_where_the_store_stands(world: World) -> None:
    first = await world.start()
    ended, running, queued = [await first.submit() for _ in range(3)]
    await world.append(ended, *started(), *completed(0))
    await world.append(running, *started(), described(100), progress(10))
    await world.store.ping()
    world.store.is_held = True  # what follows is only in the log
    await world.append(running, progress(20))
    await world.append(queued, *started())
    late = await first.submit()
    second = await world.start()
    assert (await second.read(ended))["status"] == "completed"
    assert (await second.read(running))["reviews_count"] == 20
    assert (await second.read(queued))["status"] == "processing"
    assert (await second.read(late))["status"] == "queued"
    await first.is_caught_up()
    for job_id in (ended, running, queued, late):
        assert await first.read(job_id) == {
            **await second.read(job_id),
            "reviews_url": (await first.read(job_id))["reviews_url"],
        }


async def test_a_process_without_the_store_lives_accepts_and_waits(world: World) -> None:
    world.store.away = True
    process = await world.start(wait_until_ready=False)
    assert (await process.client.get("/health/live")).status_code == 200
    assert (await process.client.get("/health/ready")).status_code == 503
    job_id = await process.submit()
    assert (await process.read(job_id))["status"] == "queued"
    for path in ("/stream", "/events"):
        answer = await process.client.get(f"/jobs/{job_id}{path}")
        assert (answer.status_code, answer.json()["code"]) == (503, "events.lagging")
    # What happens meanwhile is stored before the process can load.
    await world.append(job_id, *started(), progress(3))
    world.store.away = False
    await eventually(lambda: process.live.is_ready)
    await world.append(job_id, *completed(3))
    await process.is_caught_up()
    events = (await process.client.get(f"/jobs/{job_id}/events")).json()["events"]
    assert [event["id"] for event in events] == [
        f"{one.partition}-{one.offset}" for one in world.history(job_id)
    ]


async def test_memory_is_bounded_and_forgets_only_what_is_stored(world: World) -> None:
    process = await world.start(memory=JobMemory(most_jobs=3))
    world.store.is_held = True
    jobs = []
    for _ in range(6):
        jobs.append(await process.submit())
        await world.append(jobs[-1], *started(), progress(1), *completed(1))
    kept_open = await process.submit()
    await process.is_caught_up()
    assert len(process.live.memory) == 7
    world.store.is_held = False
    await eventually(lambda: len(process.live.memory) == 3)
    assert sum(process.live.find(job_id) is None for job_id in jobs) == 4
    assert process.live.find(kept_open) is not None
    for job_id in jobs:
        job = await process.read(job_id)
        assert (job["status"], job["reviews_count"]) == ("completed", 1)


async def test_a_lagging_process_says_so_in_time(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.finding, "CATCH_UP_S", 0.1)
    process = await world.start()
    # The broker's ends say that there is more than this process can ever read.
    ends = process.live._ends  # noqa: SLF001 - a reader that is stuck cannot be had otherwise

    async def far_ahead() -> dict[int, int]:
        return {0: 10_000}

    ends.ask = far_ahead  # type: ignore[method-assign]  # as above
    began = time.monotonic()
    answer = await process.client.get(f"/jobs/{NOBODY}")
    assert (answer.status_code, answer.json()["code"]) == (503, "events.lagging")
    assert time.monotonic() - began < 2


async def test_what_is_held_is_read_at_the_release(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.live_view, "LONGEST_HOLD_S", 60.0)
    writer, reader = await world.start(), await world.start()
    with reader.live.hold(), reader.live.hold():
        job_id = await writer.submit()
        assert not await reader.live.is_caught_up(0.05)
    await reader.is_caught_up()
    assert reader.live.find(job_id) is not None


async def test_an_append_that_lasts_holds_nobody_up(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.live_view, "LONGEST_HOLD_S", 0.01)
    writer, reader = await world.start(), await world.start()
    with reader.live.hold():
        for _ in range(3):
            job_id = await writer.submit()
            await reader.is_caught_up()
            assert reader.live.find(job_id) is not None
