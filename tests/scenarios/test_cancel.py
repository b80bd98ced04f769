"""Jobs are cancelled, waiting and running."""

from __future__ import annotations

import time

import psutil

from tests.support.system import System, eventually, is_alive

REVIEWS = 2_000


def test_a_running_job_stops_within_5_s_and_keeps_its_reviews(system: System) -> None:
    job_id = system.submit(
        system.place(REVIEWS, latency_ms=200), webhook_url=system.hook("cancelled")
    )
    before = system.until(job_id, lambda job: job["reviews_count"] >= 20)
    worker = next(
        event["data"]["worker"]
        for event in system.events(job_id)
        if event["type"] == "AttemptStarted"
    )
    browsers = browsers_of(system.addresses()["pids"][worker])
    assert browsers
    asked_s = time.monotonic()
    assert system.call("DELETE", f"/jobs/{job_id}").status_code == 202
    job = system.ended(job_id, within_s=10)
    assert job["status"] == "cancelled"
    eventually(
        lambda: not any(is_alive(browser) for browser in browsers),
        within_s=5 - (time.monotonic() - asked_s),
        what="the end of the browser",
    )
    assert before["reviews_count"] <= job["reviews_count"] < REVIEWS
    assert len(system.reviews(job_id)) == job["reviews_count"]
    (delivery,) = system.delivered("cancelled")
    assert '"job.cancelled"' in delivery["body"]

    # Cancelling again changes nothing.
    assert system.call("DELETE", f"/jobs/{job_id}").json()["status"] == "cancelled"


def test_a_waiting_job_ends_at_once(system: System) -> None:
    busy = keep_both_workers_busy(system)
    waiting = system.submit(system.place(1))
    assert system.job(waiting)["status"] == "queued"
    system.call("DELETE", f"/jobs/{waiting}")
    job = system.ended(waiting, within_s=5)
    assert (job["status"], job["started_at"], job["reviews_count"]) == ("cancelled", None, 0)
    for job_id in busy:
        system.call("DELETE", f"/jobs/{job_id}")
    for job_id in busy:
        system.ended(job_id, within_s=15)
    # Its task is still in the queue; the worker that takes it is told to stop, and goes on.
    assert system.ended(system.submit(system.place(1)))["status"] == "completed"
    assert system.job(waiting)["status"] == "cancelled"


def keep_both_workers_busy(system: System) -> list[str]:
    """Long jobs, enough that each of the two workers has one: a task goes to either of them."""
    busy = [system.submit(system.place(REVIEWS, latency_ms=200)) for _ in range(12)]
    eventually(
        lambda: [system.job(job_id)["status"] for job_id in busy].count("processing") == 2,
        within_s=30,
        what="a long job for each worker",
    )
    return busy


def browsers_of(pid: int) -> list[int]:
    """The browser processes below a worker."""
    return [
        child.pid
        for child in psutil.Process(pid).children(recursive=True)
        if "chrom" in child.name()
    ]
