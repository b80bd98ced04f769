"""Who works, as the workers say of themselves; and taking one out of service."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime

from streams.domain.fleet import (
    FORGOTTEN_AFTER_S,
    LOST_AFTER_S,
    DrainWorker,
    Fleet,
    RunningAttempt,
    WorkerReported,
)
from streams.topics import WORKER_CONTROL
from tests.api.world import Process, World

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
REPORT = WorkerReported(
    worker="w1",
    host="h1",
    version="1.2",
    occurred_at=NOW,
    started_at=NOW,
    slots=2,
    free=1,
    running=[RunningAttempt(job_id="j1", attempt=2)],
    kinds=["google_reviews"],
    partitions=[0, 1],
    memory_bytes=5,
)


async def process_with(world: World, fleet: Fleet) -> Process:
    return await world.start(change=lambda parts: replace(parts, fleet=fleet))


async def test_workers_are_listed_with_what_they_do(world: World) -> None:
    fleet = Fleet()
    fleet.hear(REPORT, time.monotonic())
    process = await process_with(world, fleet)
    (worker,) = (await process.client.get("/workers")).json()["workers"]
    assert (worker["id"], worker["host"], worker["version"]) == ("w1", "h1", "1.2")
    assert (worker["status"], worker["slots"], worker["free"]) == ("working", 2, 1)
    assert worker["jobs"] == [{"job_id": "j1", "attempt": 2}]
    assert worker["memory_bytes"] == 5
    assert worker["last_heartbeat_at"] == "2026-11-22T12:00:00Z"


async def test_the_status_says_how_a_worker_stands(world: World) -> None:
    fleet, now_s = Fleet(), time.monotonic()
    fleet.hear(replace(REPORT, worker="busy", free=0), now_s)
    fleet.hear(replace(REPORT, worker="draining", free=0, is_draining=True), now_s)
    fleet.hear(replace(REPORT, worker="idle", running=()), now_s)
    fleet.hear(replace(REPORT, worker="starting", free=0, running=()), now_s)
    fleet.hear(replace(REPORT, worker="lost"), now_s - LOST_AFTER_S - 1)
    fleet.hear(replace(REPORT, worker="forgotten"), now_s - FORGOTTEN_AFTER_S - 1)
    fleet.hear(replace(REPORT, worker="stopped"), now_s)
    fleet.hear(replace(REPORT, worker="stopped", is_stopped=True), now_s)
    process = await process_with(world, fleet)
    workers = (await process.client.get("/workers")).json()["workers"]
    assert {worker["id"]: worker["status"] for worker in workers} == {
        name: name for name in ("busy", "draining", "idle", "lost", "starting")
    }


async def test_draining_is_an_order_in_the_log(world: World) -> None:
    fleet = Fleet()
    fleet.hear(REPORT, time.monotonic())
    process = await process_with(world, fleet)
    asked = await process.client.post("/workers/w1/drain")
    undone = await process.client.delete("/workers/w1/drain")
    assert (asked.status_code, undone.status_code) == (202, 202)
    records = world.records("test")
    raws = world.broker.records(WORKER_CONTROL)
    assert {raw.key for raw in raws} == {b"w1"}
    orders = [records.read_order(raw) for raw in raws]
    assert orders == [DrainWorker(worker="w1"), DrainWorker(worker="w1", undo=True)]


async def test_a_worker_that_nobody_knows_cannot_be_drained(world: World) -> None:
    process = await world.start()
    answer = await process.client.post("/workers/nobody/drain")
    assert answer.status_code == 404
    assert not world.broker.records(WORKER_CONTROL)


async def test_a_report_reads_back_as_it_was_written(world: World) -> None:
    await world.log.report(REPORT)
    (raw,) = world.broker.records("worker-heartbeats")
    assert world.records("test").read_report(raw) == REPORT
