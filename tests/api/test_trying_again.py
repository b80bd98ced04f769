"""Ended jobs are tried again or repeated, one or many; many are cancelled by a filter."""

from __future__ import annotations

from typing import Any

import pytest

from api.job_memory import JobMemory
from streams.domain.events import CancelRequested, ScrapeFailed, ScrapeRequested
from streams.domain.ids import JobId
from streams.topics import JOB_EVENTS
from tests.api.job_events import BEGAN, PLACE, completed, started
from tests.api.world import NOBODY, Process, World, eventually

HOOK = "https://hooks.example.com/done"
SECRET = "s3cret-of-a-customer"
OPTIONS: dict[str, Any] = {"priority": "low", "max_attempts": 5, "metadata": {"order": "17"}}
FAILED = ScrapeFailed(
    kind="google_reviews",
    url=PLACE,
    requested_at=BEGAN,
    attempt=1,
    items_count=0,
    reason="blocked",
    message="m",
)


async def failed_job(world: World, process: Process, **fields: Any) -> JobId:
    job_id = await process.submit(**fields)
    await world.append(job_id, *started(), FAILED)
    await process.is_caught_up()
    return job_id


def requested(world: World, job_id: str) -> ScrapeRequested:
    event = world.history(JobId(job_id))[0].event
    assert isinstance(event, ScrapeRequested)
    return event


async def test_a_failed_job_is_tried_again_as_a_new_job_and_only_once(world: World) -> None:
    process = await world.start()
    job_id = await failed_job(world, process, **OPTIONS)
    answer = await process.client.post(f"/jobs/{job_id}/retry")
    assert answer.status_code == 202
    new_id = answer.json()["job_id"]
    assert answer.headers["location"] == f"/jobs/{new_id}"
    job = await process.read(new_id)
    assert (job["status"], job["retry_of"], job["max_attempts"]) == ("queued", job_id, 5)
    assert (job["priority"], job["metadata"]) == ("low", {"order": "17"})
    again = await process.client.post(f"/jobs/{job_id}/retry")
    assert (again.status_code, again.json()["job_id"]) == (202, new_id)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(world.history(new_id)) == 1
    assert (await process.read(job_id))["status"] == "failed"  # its history stays as it is


async def test_a_job_is_cloned_as_often_as_asked(world: World) -> None:
    process = await world.start()
    job_id = await process.submit(**OPTIONS)
    ids = {(await process.client.post(f"/jobs/{job_id}/clone")).json()["job_id"] for _ in "ab"}
    assert len(ids | {job_id}) == 3
    for each in ids:
        job = await process.read(each)
        assert (job["cloned_from"], job["url"], job["retry_of"]) == (job_id, PLACE, None)


async def test_what_is_open_or_whole_is_not_tried_again(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    answer = await process.client.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_open")
    await world.append(job_id, *started(), *completed(0))
    await process.is_caught_up()
    answer = await process.client.post(f"/jobs/{job_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "job_complete")
    assert (await process.client.post(f"/jobs/{NOBODY}/retry")).status_code == 404


@pytest.mark.parametrize("verb", ["retry", "clone"])
async def test_the_webhook_keeps_its_secret_also_when_only_the_store_knows_the_job(
    world: World, verb: str
) -> None:
    process = await world.start(memory=JobMemory(most_jobs=0))
    job_id = await failed_job(world, process, webhook_url=HOOK, webhook_secret=SECRET)
    await eventually(lambda: len(process.live.memory) == 0)
    answer = await process.client.post(f"/jobs/{job_id}/{verb}")
    assert answer.status_code == 202, answer.text
    webhook = requested(world, answer.json()["job_id"]).webhook
    assert webhook is not None
    assert webhook.url == HOOK
    assert webhook.secret is not None
    assert world.sealer.unseal(webhook.secret) == SECRET


async def test_many_are_tried_again_by_a_filter(world: World) -> None:
    process = await world.start()
    failed = [await failed_job(world, process) for _ in range(3)]
    done, waiting = await process.submit(), await process.submit()
    await world.append(done, *started(), *completed(0))
    await process.client.post(f"/jobs/{failed[0]}/retry")
    await process.is_caught_up()
    body = {"url_prefix": PLACE, "dry_run": True}
    count = len(world.broker.records(JOB_EVENTS))
    answer = await process.client.post("/jobs/retry", json=body)
    assert (answer.status_code, answer.json()["matched"]) == (200, 3)
    assert len(world.broker.records(JOB_EVENTS)) == count
    answer = await process.client.post("/jobs/retry", json={"status": ["failed"]})
    assert answer.status_code == 202
    results = {each["job_id"]: each for each in answer.json()["results"]}
    assert results.keys() == set(failed)
    assert results[failed[0]]["result"] == "was retried before"
    for job_id in failed[1:]:
        assert results[job_id]["result"] == "retried"
        assert requested(world, results[job_id]["retry_job_id"]).retry_of == job_id
    assert waiting not in results


async def test_many_are_cancelled_by_a_filter(world: World) -> None:
    process = await world.start()
    high, low = await process.submit(), await process.submit(url=f"{PLACE}+2")
    body: dict[str, Any] = {"url_prefix": f"{PLACE}+2", "dry_run": True}
    answer = (await process.client.post("/jobs/cancel", json=body)).json()
    assert answer["results"] == [{"job_id": low, "result": "would be cancelled"}]
    body["dry_run"] = False
    answer = (await process.client.post("/jobs/cancel", json=body)).json()
    assert answer["results"] == [{"job_id": low, "result": "cancel requested"}]
    assert isinstance(world.history(low)[-1].event, CancelRequested)
    assert len(world.history(high)) == 1
    await process.is_caught_up()
    answer = (await process.client.post("/jobs/cancel", json=body)).json()
    assert answer["results"] == [{"job_id": low, "result": "was asked before"}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("retry", {}),
        ("cancel", {"limit": 5}),
        ("retry", {"status": ["queued"]}),
        ("cancel", {"status": ["failed"]}),
        ("cancel", {"stat": ["queued"]}),
    ],
)
async def test_a_filter_that_means_everything_or_nothing_is_refused(
    world: World, path: str, body: dict[str, Any]
) -> None:
    process = await world.start()
    answer = await process.client.post(f"/jobs/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
