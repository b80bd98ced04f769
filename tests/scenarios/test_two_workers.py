"""Two workers of one slot each: no job waits behind a busy one; drain, stop, freeze.

The jobs scrape nothing and only take their time, so the story needs no browser.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.system import System, eventually, running

LEASE_S = 3


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Two workers that take only jobs without a browser."""
    settings = {
        "SCRAPESTREAM_ALLOW_NOOP": "true",
        "SCRAPESTREAM_WORKER_KINDS": "noop",
        "SCRAPESTREAM_LEASE_S": str(LEASE_S),
        "SCRAPESTREAM_HEARTBEAT_S": "1",
        "SCRAPESTREAM_GRACE_S": "30",
        "SCRAPESTREAM_CHROMIUM": "/no/such/browser",
    }
    arguments = ["--port", "0", "--workers", "2", "--slots", "1"]
    with running(System(tmp_path_factory.mktemp("pair"), arguments, settings)) as started:
        yield started


def noop(**how: object) -> str:
    """A URL of the kind that scrapes nothing."""
    return "https://noop.invalid/?" + "&".join(f"{name}={value}" for name, value in how.items())


def worker_of(system: System, job_id: str, attempt: int = 1) -> str:
    """The worker that has claimed the attempt."""

    def find() -> str | None:
        for event in system.events(job_id):
            if event["type"] == "AttemptStarted" and event["data"]["attempt"] == attempt:
                return str(event["data"]["worker"])
        return None

    return eventually(find, within_s=30, what=f"attempt {attempt} of {job_id}")


def listed(system: System) -> dict[str, dict[str, Any]]:
    """What the API says of each worker."""
    return {worker["id"]: worker for worker in system.call("GET", "/workers").json()["workers"]}


def types_of(system: System, job_id: str) -> list[str]:
    return [event["type"] for event in system.events(job_id)]


def test_no_job_waits_behind_a_busy_worker_while_the_other_one_is_idle(pair: System) -> None:
    long = pair.submit(noop(items=1, ms=600_000))
    busy = worker_of(pair, long)
    for _ in range(20):  # by chance, a good half of them would be behind the busy one
        short = pair.submit(noop(items=1, ms=1))
        assert pair.ended(short, within_s=20)["status"] == "completed"
        assert worker_of(pair, short) != busy
    assert pair.job(long)["status"] == "processing"
    pair.call("DELETE", f"/jobs/{long}")
    assert pair.ended(long, within_s=20)["status"] == "cancelled"


def test_a_worker_that_is_told_to_stop_lets_its_job_end(pair: System) -> None:
    job_id = pair.submit(noop(items=200, ms=5_000))
    worker = worker_of(pair, job_id)
    pid = pair.addresses()["pids"][worker]
    os.kill(pid, signal.SIGTERM)
    job = pair.ended(job_id)
    assert (job["status"], job["reviews_count"], job["attempt"]) == ("completed", 200, 1)
    pair.restarted(worker, pid)


def test_a_worker_that_is_told_twice_hands_its_job_back_at_once(pair: System) -> None:
    job_id = pair.submit(noop(items=200, ms=8_000))
    worker = worker_of(pair, job_id)
    pair.until(job_id, lambda job: job["reviews_count"] > 0)
    pid = pair.addresses()["pids"][worker]
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: listed(pair)[worker]["draining"], within_s=10, what="a draining worker")
    os.kill(pid, signal.SIGTERM)
    job = pair.ended(job_id)
    assert (job["status"], job["reviews_count"], job["attempt"]) == ("completed", 200, 2)
    assert "AttemptReleased" in types_of(pair, job_id)
    pair.check_nothing_doubled(job_id)
    pair.restarted(worker, pid)


def test_a_worker_that_was_frozen_finds_that_its_job_is_not_its_own(pair: System) -> None:
    job_id = pair.submit(noop(items=400, ms=12_000))
    worker = worker_of(pair, job_id)
    pair.until(job_id, lambda job: job["reviews_count"] > 0)
    pid = pair.addresses()["pids"][worker]
    os.kill(pid, signal.SIGSTOP)
    try:
        other = worker_of(pair, job_id, attempt=2)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert other != worker
    job = pair.ended(job_id)
    assert (job["status"], job["reviews_count"], job["attempt"]) == ("completed", 400, 2)
    reviews = pair.reviews(job_id)
    assert len({review["item_id"] for review in reviews}) == len(reviews) == 400
    pair.check_nothing_doubled(job_id)
    # It is of use again, and does nothing for the job any more.
    jobs = [pair.submit(noop(items=1, ms=2_000)) for _ in range(2)]
    assert {worker_of(pair, each) for each in jobs} == {worker, other}
    ends = {"AttemptSucceeded", "AttemptFailed", "AttemptStopped", "AttemptReleased"}
    spoke_last = [event["data"]["worker"] for event in pair.events(job_id) if event["type"] in ends]
    assert spoke_last == [other]


def test_a_drained_worker_gets_nothing_until_it_is_undone(pair: System) -> None:
    eventually(lambda: set(listed(pair)) == {"worker-1", "worker-2"}, within_s=20, what="both")
    assert pair.call("POST", "/workers/worker-1/drain").status_code == 202
    eventually(
        lambda: listed(pair)["worker-1"]["status"] == "draining", within_s=10, what="the drain"
    )
    jobs = [pair.submit(noop(items=1, ms=200)) for _ in range(5)]
    for job_id in jobs:
        pair.ended(job_id)
    assert {worker_of(pair, job_id) for job_id in jobs} == {"worker-2"}
    assert pair.call("DELETE", "/workers/worker-1/drain").status_code == 202
    eventually(lambda: listed(pair)["worker-1"]["status"] == "idle", within_s=10, what="its slot")
    jobs = [pair.submit(noop(items=1, ms=3_000)) for _ in range(2)]
    assert {worker_of(pair, job_id) for job_id in jobs} == {"worker-1", "worker-2"}
    for job_id in jobs:
        pair.ended(job_id)


def test_a_waiting_job_says_where_it_stands(pair: System) -> None:
    busy = [pair.submit(noop(items=1, ms=600_000)) for _ in range(2)]
    for job_id in busy:
        worker_of(pair, job_id)
    waiting = [pair.submit(noop(items=1, ms=1)) for _ in range(3)]
    eventually(
        lambda: [pair.job(job_id)["queue_position"] for job_id in waiting] == [1, 2, 3],
        within_s=10,
        what="three places in the queue",
    )
    assert pair.job(waiting[0])["waiting_for"] == "a free slot"
    for job_id in busy:
        pair.call("DELETE", f"/jobs/{job_id}")
    for job_id in waiting:
        assert pair.ended(job_id)["queue_position"] is None


def test_no_worker_has_failed(pair: System) -> None:
    logs = Path(pair.data_dir) / "logs"
    assert not [log for log in logs.glob("worker-*.log") if "Traceback" in log.read_text()]
