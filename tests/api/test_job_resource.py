"""``GET`` and ``DELETE /jobs/{id}``: the state of a job, wherever it is known."""

from __future__ import annotations

import pytest

from streams.domain.events import (
    AttemptFailed,
    ExtractionReported,
    ScrapeFailed,
)
from tests.api.job_events import BEGAN, PLACE, completed, described, progress, started
from tests.api.world import NOBODY, World


async def test_a_new_job_has_every_field_of_the_contract(world: World) -> None:
    process = await world.start()
    job_id = await process.submit(webhook_url="https://hooks.example.com/", metadata={"a": "b"})
    job = await process.read(job_id)
    created = job.pop("created_at")
    assert str(created).endswith("Z")
    assert job == {
        "job_id": job_id,
        "status": "queued",
        "kind": "google_reviews",
        "url": PLACE,
        "webhook_url": "https://hooks.example.com/",
        "started_at": None,
        "updated_at": created,
        "completed_at": None,
        "cancel_requested_at": None,
        "stage": "queued",
        "progress": 0,
        "reviews_count": 0,
        "reviews_total": None,
        "reviews_url": None,
        "results": None,
        "error_message": None,
        "error_code": None,
        "attempt": 0,
        "outcome": None,
        "title": None,
        "facts": {},
        "sources": {},
        "priority": "normal",
        "options": {},
        "metadata": {"a": "b"},
        "queue_position": 1,
        "estimated_start_s": None,
        "waiting_for": "a worker: none is running",
        "max_attempts": 3,
        "timeout_s": 3600.0,
        "not_before": None,
        "expires_at": None,
        "next_attempt_at": None,
        "batch_id": None,
        "retry_of": None,
        "cloned_from": None,
        "monitor_id": None,
    }


async def test_a_job_shows_how_far_it_is_and_then_its_result(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started(), described(200), progress(50))
    await process.is_caught_up()
    job = await process.read(job_id)
    assert (job["status"], job["stage"], job["progress"]) == ("processing", "scrolling", 25)
    assert (job["reviews_count"], job["reviews_total"], job["title"]) == (50, 200, "Café Central")
    assert job["reviews_url"] == f"{process.base_url}/jobs/{job_id}/reviews"
    await world.append(job_id, *completed(200))
    await process.is_caught_up()
    job = await process.read(job_id)
    assert (job["status"], job["progress"], job["outcome"]) == ("completed", 100, "completed")
    assert job["completed_at"] is not None


async def test_a_job_says_where_its_reviews_come_from_and_its_history_says_how(
    world: World,
) -> None:
    process = await world.start()
    job_id = await process.submit()
    read = ExtractionReported(
        attempt=1, worker="w1", selectors={"rating span.a": 9}, sources={"dom": 2, "joined": 7}
    )
    await world.append(job_id, *started(), progress(9), read, *completed(9))
    await process.is_caught_up()
    assert (await process.read(job_id))["sources"] == {"dom": 2, "joined": 7}
    events = (await process.client.get(f"/jobs/{job_id}/events")).json()["events"]
    (event,) = (event for event in events if event["type"] == "ExtractionReported")
    assert (event["author"], event["data"]["selectors"]) == ("worker", {"rating span.a": 9})


async def test_a_failed_job_says_why(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    refused = AttemptFailed(
        attempt=1, worker="w1", reason="source.not_a_place", message="no place", may_retry=False
    )
    await world.append(job_id, *started(), refused)
    await process.is_caught_up()
    job = await process.read(job_id)
    assert (job["status"], job["error_message"]) == ("retrying", "no place")
    await world.append(
        job_id,
        ScrapeFailed(
            kind="google_reviews",
            url=PLACE,
            requested_at=BEGAN,
            attempt=1,
            items_count=0,
            reason="source.not_a_place",
            message="no place",
        ),
    )
    await process.is_caught_up()
    job = await process.read(job_id)
    assert (job["status"], job["error_message"]) == ("failed", "no place")
    assert (job["error_code"], job["outcome"]) == ("source.not_a_place", "source.not_a_place")


async def test_links_follow_the_public_url(world: World) -> None:
    process = await world.start(public_url="https://scrape.example.com/api/")
    answer = await process.client.post("/scrape", json={"url": PLACE})
    job_id = answer.json()["job_id"]
    assert answer.headers["location"] == f"/api/jobs/{job_id}"
    await world.append(job_id, *started(), progress(1))
    await process.is_caught_up()
    job = await process.read(job_id)
    assert job["reviews_url"] == f"https://scrape.example.com/api/jobs/{job_id}/reviews"


async def test_a_poller_that_has_the_state_gets_304_until_it_changes(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    first = await process.client.get(f"/jobs/{job_id}")
    tag = first.headers["etag"]
    assert first.headers["retry-after"] == "1"
    for given in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        again = await process.client.get(f"/jobs/{job_id}", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    await world.append(job_id, *started(), *completed(0))
    await process.is_caught_up()
    last = await process.client.get(f"/jobs/{job_id}", headers={"If-None-Match": tag})
    assert last.status_code == 200
    assert last.headers["etag"] != tag
    assert "retry-after" not in last.headers


@pytest.mark.parametrize("job_id", ["x", NOBODY.upper() + "G", "0" * 31, "0" * 33, "A" * 32])
async def test_what_is_no_job_id_is_unknown_at_once(world: World, job_id: str) -> None:
    process = await world.start()
    world.store.away = world.broker.away = True  # nobody is asked
    answer = await process.client.get(f"/jobs/{job_id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


@pytest.mark.parametrize("path", ["", "/reviews", "/events", "/stream"])
async def test_an_unknown_job_is_404_everywhere(world: World, path: str) -> None:
    process = await world.start()
    answer = await process.client.get(f"/jobs/{NOBODY}{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")
