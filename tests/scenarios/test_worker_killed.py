"""A worker is killed in mid-scrape: the job goes on elsewhere, nothing lost, nothing twice."""

from __future__ import annotations

import time

from tests.support.system import System

REVIEWS = 244


def test_the_job_goes_on_elsewhere_within_20_s(system: System) -> None:
    job_id = system.submit(system.place(REVIEWS, latency_ms=300), webhook_url=system.hook("killed"))
    system.until(job_id, lambda job: 30 <= job["reviews_count"] < REVIEWS)
    started = next(event for event in system.events(job_id) if event["type"] == "AttemptStarted")
    worker = started["data"]["worker"]
    old_pid = system.kill(worker)
    killed_s = time.monotonic()

    system.until(job_id, lambda job: job["attempt"] == 2 and job["status"] == "processing")
    assert time.monotonic() - killed_s <= 20
    job = system.ended(job_id)
    assert (job["status"], job["outcome"], job["reviews_count"]) == (
        "completed",
        "completed",
        REVIEWS,
    )
    reviews = system.reviews(job_id)
    assert len({review["review_id"] for review in reviews}) == len(reviews) == REVIEWS
    system.check_nothing_doubled(job_id)
    assert len(system.delivered("killed")) == 1
    system.restarted(worker, old_pid)

    # The second attempt went on from what the first had found: each item is in the log once.
    ((rows,),) = system.rows(f"SELECT count() FROM items_v1 WHERE job_id = '{job_id}'")
    assert rows == REVIEWS
