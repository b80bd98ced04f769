"""The broker is killed and comes back during a job: the job ends right."""

from __future__ import annotations

from tests.support.system import System

REVIEWS = 150


def test_a_job_outlives_its_broker(system: System) -> None:
    job_id = system.submit(system.place(REVIEWS, latency_ms=300), webhook_url=system.hook("broker"))
    system.until(job_id, lambda job: job["reviews_count"] >= 20)
    old_pid = system.kill("kafka")
    system.restarted("kafka", old_pid)
    job = system.ended(job_id, within_s=90)
    assert (job["status"], job["reviews_count"]) == ("completed", REVIEWS)
    reviews = system.reviews(job_id)
    assert len({review["review_id"] for review in reviews}) == len(reviews) == REVIEWS
    system.delivered("broker", within_s=60)
    system.check_nothing_doubled(job_id)

    # And new jobs are taken as before.
    after = system.submit(system.place(1))
    assert system.ended(after)["status"] == "completed"
