"""Browser and driver are killed in mid-scrape: the same attempt goes on in a new browser."""

from __future__ import annotations

import signal
from typing import Any

import psutil

from tests.support.system import System, eventually, is_alive

REVIEWS = 244


def test_an_attempt_survives_its_browser_and_its_driver(system: System) -> None:
    job_id = system.submit(system.place(REVIEWS, latency_ms=300))
    system.until(job_id, lambda job: 20 <= job["reviews_count"] < REVIEWS)
    first = browser_group(system, job_id)
    kill(first, but="chromedriver")

    # The new browser has walked past what was found, and found more.
    restarted = eventually(
        lambda: restarts(system, job_id), within_s=30, what="a new browser of the same attempt"
    )
    found = restarted[0]["data"]["items_seen"]
    system.until(job_id, lambda job: found + 20 <= job["reviews_count"] < REVIEWS)
    second = browser_group(system, job_id)
    assert not {process.pid for process in first} & {process.pid for process in second}
    kill([process for process in second if process.name() == "chromedriver"])

    job = system.ended(job_id)
    assert (job["status"], job["outcome"], job["attempt"], job["reviews_count"]) == (
        "completed",
        "completed",
        1,
        REVIEWS,
    )
    assert len(restarts(system, job_id)) == 2
    assert not [process.pid for process in [*first, *second] if is_alive(process.pid)]

    truth = [review["review_id"] for review in system.truth(REVIEWS)]
    assert [review["review_id"] for review in system.reviews(job_id)] == truth
    rows = system.rows(
        "SELECT JSONExtractString(fields, 'review_id') FROM items_v1 "
        f"WHERE job_id = '{job_id}' ORDER BY position"
    )
    assert [review_id for (review_id,) in rows] == truth  # each once
    system.check_nothing_doubled(job_id)


def restarts(system: System, job_id: str) -> list[dict[str, Any]]:
    """The reports that a new browser is started, one a browser."""
    told: list[dict[str, Any]] = []
    previous = None
    for event in system.events(job_id):
        stage = event["data"].get("stage")
        if stage == "restarting_browser" and previous != stage:
            told.append(event)
        previous = stage
    return told


def browser_group(system: System, job_id: str) -> list[psutil.Process]:
    """The driver and Chromium's processes below the worker that runs the job."""
    worker = next(
        event["data"]["worker"]
        for event in system.events(job_id)
        if event["type"] == "AttemptStarted"
    )
    below = psutil.Process(system.addresses()["pids"][worker]).children(recursive=True)
    group = [process for process in below if "chrom" in process.name()]
    assert group
    return group


def kill(processes: list[psutil.Process], but: str = "") -> None:
    """``kill -9`` each, by its pid."""
    for process in processes:
        if is_alive(process.pid) and process.name() != but:
            process.send_signal(signal.SIGKILL)
