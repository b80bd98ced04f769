"""``DELETE /jobs/{id}``: a request in the log, which never overtakes it."""

from __future__ import annotations

from streams.domain.events import (
    AttemptStopped,
    CancelRequested,
    ScrapeCancelled,
)
from streams.topics import JOB_EVENTS
from tests.api.job_events import BEGAN, PLACE, completed, progress, started
from tests.api.world import NOBODY, World


async def test_a_queued_job_is_cancelled_by_a_request_in_the_log(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    answer = await process.client.delete(f"/jobs/{job_id}")
    assert answer.status_code == 202
    job = answer.json()
    assert (job["job_id"], job["status"]) == (job_id, "queued")
    assert job["cancel_requested_at"] is not None
    [_, asked] = world.history(job_id)
    assert isinstance(asked.event, CancelRequested)
    again = await process.client.delete(f"/jobs/{job_id}")
    assert again.status_code == 202
    assert len(world.history(job_id)) == 2  # asked once is enough


async def test_a_running_job_ends_cancelled_and_keeps_its_reviews(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started(), progress(30))
    # Not waited for: the cancel must not overtake what is in the log before it.
    answer = await process.client.delete(f"/jobs/{job_id}")
    assert answer.json()["reviews_count"] == 30
    closing = ScrapeCancelled(
        kind="google_reviews", url=PLACE, requested_at=BEGAN, attempt=1, items_count=30
    )
    await world.append(
        job_id, AttemptStopped(attempt=1, worker="w1", reason="cancelled", items_count=30), closing
    )
    await process.is_caught_up()
    job = await process.read(job_id)
    assert (job["status"], job["reviews_count"]) == ("cancelled", 30)
    assert job["reviews_url"] is not None


async def test_cancelling_a_finished_job_changes_nothing(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started(), *completed(0))
    await process.is_caught_up()
    before = world.history(job_id)
    answer = await process.client.delete(f"/jobs/{job_id}")
    assert (answer.status_code, answer.json()["status"]) == (200, "completed")
    assert world.history(job_id) == before


async def test_an_unknown_job_cannot_be_cancelled(world: World) -> None:
    process = await world.start()
    answer = await process.client.delete(f"/jobs/{NOBODY}")
    assert answer.status_code == 404
    assert world.broker.records(JOB_EVENTS) == []
