"""Monitors over HTTP: made, read at any process, changed, run and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from api.pause import Pause
from streams.agents.earlier_runs import EarlierRuns
from streams.agents.past import Past
from streams.agents.scheduler import Scheduler
from streams.catalogue import Catalogue
from streams.domain.events import ScrapeRequested
from streams.domain.ids import JobId
from streams.domain.monitor_events import (
    MonitorCreated,
    MonitorFired,
    MonitorSkipped,
    new_monitor_event,
)
from streams.errors import InvalidRequestError
from streams.topics import MONITOR_EVENTS, PARTITIONS
from tests.api.job_events import PLACE, completed, started
from tests.api.world import GOOGLE, NOBODY, Process, World, eventually
from tests.support.orchestration import MemoryPastReader

WISH = {"url": PLACE, "every": "6h"}


async def created(process: Process, **more: Any) -> dict[str, Any]:
    answer = await process.client.post("/monitors", json={**WISH, **more})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    assert answer.headers["location"].endswith(f"/monitors/{body['monitor_id']}")
    return body


async def shown(process: Process, monitor_id: str) -> dict[str, Any]:
    answer = await process.client.get(f"/monitors/{monitor_id}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@asynccontextmanager
async def scheduling(world: World) -> AsyncIterator[None]:
    """A scheduler that looks after all monitors of this world."""

    async def store() -> Any:
        return world.store

    records = world.records("orchestrator")
    scheduler = Scheduler(
        world.log,
        EarlierRuns(store, MemoryPastReader(world.broker), {"google_reviews": "review_id"}),
        Past(MemoryPastReader(world.broker), MONITOR_EVENTS, records.learn),
        records.read_monitor,
    )
    read_to: dict[int, int] = {}

    async def run() -> None:
        pause = Pause(first_s=0.002, longest_s=0.02)
        while True:
            await scheduler.sweep(range(PARTITIONS))
            for raw in world.broker.records(MONITOR_EVENTS):
                if raw.offset >= read_to.get(raw.partition, 0):
                    await scheduler.react(raw)
                    read_to[raw.partition] = raw.offset + 1
            await pause.wait()

    running = asyncio.create_task(run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await scheduler.close()


async def test_a_monitor_is_known_at_every_process_as_soon_as_it_is_made(world: World) -> None:
    process, other = await world.start(), await world.start()
    made = await created(process, name="competitor", metadata={"team": "a"})
    assert (made["status"], made["every"], made["every_s"]) == ("active", "6h", 21_600)
    assert made["options"] == {"sort": "newest", "stop_at_known": "true"}
    assert await shown(other, made["monitor_id"]) == made
    listed = (await other.client.get("/monitors")).json()
    assert [each["monitor_id"] for each in listed["monitors"]] == [made["monitor_id"]]
    assert listed["next"] is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"every": "often"}, "such as 6h"),
        ({"every": "4m"}, "at least 5m"),
        ({"every": "99999w"}, "at most 366d"),
        ({"url": "ftp://example.com/"}, "http"),
        ({"url": "https://example.com/"}, "no scraper accepts"),
        ({"webhook_url": "http://169.254.169.254/"}, "public internet"),
        ({"webhook_secret": "s" * 32}, "webhook_url"),
        ({"options": {"known_ids": "a"}}, "send no `known_ids`"),
        ({"full_every": -1}, "full_every"),
        ({"not_before": "2026-11-22T12:00:00Z"}, "known fields are `url`, `every`"),
    ],
)
async def test_what_can_never_work_is_refused(
    world: World, body: dict[str, Any], told: str
) -> None:
    process = await world.start()
    answer = await process.client.post("/monitors", json={**WISH, **body})
    assert answer.status_code == 422, answer.text
    assert told in answer.json()["detail"]
    assert (await process.client.get("/monitors")).json()["monitors"] == []


async def test_a_kind_that_cannot_stop_at_known_items_is_scraped_as_it_is(world: World) -> None:
    def check(options: Any) -> None:
        if options:
            raise InvalidRequestError("no options")

    plain = replace(GOOGLE, check_options=check)
    process = await world.start(
        change=lambda parts: replace(parts, catalogue=Catalogue(kinds=[plain]))
    )
    assert (await created(process))["options"] == {}


async def test_a_client_that_wants_the_whole_list_each_time_gets_it(world: World) -> None:
    process = await world.start()
    made = await created(process, options={"stop_at_known": "false"})
    assert made["options"] == {"stop_at_known": "false"}


async def test_the_same_request_with_a_key_is_one_monitor(world: World) -> None:
    process, other = await world.start(), await world.start()
    key = {"Idempotency-Key": "once"}
    first = await process.client.post("/monitors", json=WISH, headers=key)
    again = await other.client.post("/monitors", json=WISH, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert first.json() == again.json()
    different = await other.client.post("/monitors", json={**WISH, "every": "1d"}, headers=key)
    assert refusal(different) == (422, "idempotency_key_reused")


async def test_a_change_leaves_the_rest_and_is_checked_as_a_new_one(world: World) -> None:
    process, other = await world.start(), await world.start()
    monitor_id = (await created(process, name="a"))["monitor_id"]
    path = f"/monitors/{monitor_id}"
    changed = await process.client.patch(
        path, json={"every": "P1D", "webhook_url": "https://example.com/hook", "paused": True}
    )
    assert changed.status_code == 200, changed.text
    found = await shown(other, monitor_id)
    assert found == changed.json()
    assert (found["every"], found["name"], found["status"]) == ("1d", "a", "paused")
    assert (found["next_run_at"], found["webhook_url"]) == (None, "https://example.com/hook")

    refused = await process.client.patch(path, json={"every": "1s"})
    assert refusal(refused) == (422, "invalid_request")
    back = await other.client.patch(path, json={"paused": False, "webhook_url": None})
    assert (back.json()["status"], back.json()["webhook_url"]) == ("active", None)
    assert back.json()["next_run_at"] is not None
    nothing = await process.client.patch(path, json={})
    assert nothing.json() == await shown(other, monitor_id)


async def test_a_secret_of_a_webhook_stands_nowhere_as_it_is(world: World) -> None:
    process = await world.start()
    secret = "a-secret-that-nobody-may-see-00"
    made = await created(process, webhook_url="https://example.com/", webhook_secret=secret)
    assert "secret" not in str(made)
    [raw] = world.broker.records(MONITOR_EVENTS)
    assert secret.encode() not in (raw.value or b"")
    event = world.records("test").read_monitor(raw).event
    assert isinstance(event, MonitorCreated)
    assert event.webhook is not None
    assert event.webhook.secret is not None
    assert world.sealer.unseal(event.webhook.secret) == secret


async def test_a_deleted_monitor_is_gone(world: World) -> None:
    process, other = await world.start(), await world.start()
    path = f"/monitors/{(await created(process))['monitor_id']}"
    assert (await process.client.delete(path)).status_code == 204
    for method in ("GET", "DELETE"):
        assert refusal(await other.client.request(method, path)) == (404, "unknown_monitor")
    assert (await other.client.get("/monitors")).json()["monitors"] == []
    for nobody in (NOBODY, "x", "..%2f"):
        assert (await other.client.get(f"/monitors/{nobody}")).status_code == 404


async def test_no_more_monitors_than_may_be(world: World) -> None:
    process = await world.start(max_monitors=2)
    first, _ = await created(process), await created(process)
    refused = await process.client.post("/monitors", json=WISH)
    assert "SCRAPESTREAM_MAX_MONITORS" in refused.json()["detail"]
    await process.client.delete(f"/monitors/{first['monitor_id']}")
    await created(process)


async def test_the_list_comes_in_pages(world: World) -> None:
    process = await world.start()
    made = [(await created(process))["monitor_id"] for _ in range(3)]
    first = (await process.client.get("/monitors?limit=2")).json()
    rest = (await process.client.get(f"/monitors?limit=2&cursor={first['next']}")).json()
    found = [each["monitor_id"] for each in (*first["monitors"], *rest["monitors"])]
    assert found == made[::-1]
    assert rest["next"] is None


async def test_a_run_is_started_by_the_scheduler_and_listed(world: World) -> None:
    process = await world.start()
    async with scheduling(world):
        monitor_id = (await created(process))["monitor_id"]

        def jobs() -> list[JobId]:
            found = [job for job in process.live.memory if job.monitor_id == monitor_id]
            return [job.job_id for job in sorted(found, key=lambda job: job.created_at)]

        await eventually(lambda: len(jobs()) == 1)
        [first] = jobs()
        busy = await process.client.post(f"/monitors/{monitor_id}/run")
        assert refusal(busy) == (409, "monitor_busy")
        await world.append(first, *started(), *completed(0))
        await process.is_caught_up()

        answer = await process.client.post(f"/monitors/{monitor_id}/run", json={"full": True})
        assert answer.status_code == 202, answer.text
        second = answer.json()["job_id"]
        assert (await process.read(second))["monitor_id"] == monitor_id
        # The scheduler's second event follows the job's first.
        await eventually(lambda: len(_fired(world)) == 2)
    found = await shown(process, monitor_id)
    assert found["runs_count"] == 2
    assert [(run["job_id"], run["trigger"]) for run in found["runs"]] == [
        (second, "request"),
        (first, "schedule"),
    ]
    assert [run["status"] for run in found["runs"]] == ["queued", "completed"]
    listed = (await process.client.get(f"/monitors/{monitor_id}/jobs")).json()["jobs"]
    assert [job["job_id"] for job in listed] == [second, first]
    assert jobs() == [first, second]
    history = (await process.client.get(f"/jobs/{first}/events")).json()["events"]
    assert (history[0]["type"], history[0]["author"]) == ("ScrapeRequested", "orchestrator")
    assert isinstance(world.history(first)[0].event, ScrapeRequested)


async def test_a_run_that_was_skipped_is_told(world: World) -> None:
    process = await world.start()
    monitor_id = (await created(process))["monitor_id"]
    now = datetime.now(UTC)
    for event in (
        MonitorFired(due_at=now, job_id="a" * 32),
        MonitorSkipped(due_at=now + timedelta(hours=6), job_id="b" * 32, open_job_id="a" * 32),
    ):
        await world.log.append_monitor(new_monitor_event(monitor_id, "public", event, now))
    skipped = (await shown(process, monitor_id))["runs"][0]
    assert (skipped["status"], skipped["job_id"], skipped["skipped_for"]) == (
        "skipped",
        None,
        "a" * 32,
    )


async def test_kafka_that_is_away_is_told(world: World) -> None:
    process = await world.start()
    await created(process)
    world.broker.away = True
    assert (await process.client.post("/monitors", json=WISH)).status_code == 503
    world.broker.away = False
    await created(process)


def _fired(world: World) -> list[MonitorFired]:
    records = world.records("test")
    events = [records.read_monitor(raw).event for raw in world.broker.records(MONITOR_EVENTS)]
    return [event for event in events if isinstance(event, MonitorFired)]
