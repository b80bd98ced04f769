"""Many jobs at once with two browsers: all complete, the queue empties.

Each costs a second of both processors; ``MANY_JOBS=200`` makes more of them.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.system import System, eventually

JOBS = int(os.environ.get("MANY_JOBS") or 30)


@pytest.mark.timeout(600)
def test_many_jobs_at_once_all_complete(system: System) -> None:
    url = system.place(1)
    with ThreadPoolExecutor(20) as threads:
        job_ids = list(threads.map(lambda _: system.submit(url), range(JOBS)))
    assert len(set(job_ids)) == JOBS
    eventually(lambda: queue_size(system) > 0, within_s=10, what="a queue")
    eventually(lambda: queue_size(system) == 0, within_s=500, what="an empty queue")
    jobs = [system.ended(job_id) for job_id in job_ids]
    assert {(job["status"], job["reviews_count"]) for job in jobs} == {("completed", 1)}
    eventually(
        lambda: metric(system, "scraper_active_jobs") == 0, within_s=10, what="no active job"
    )
    listed: list[str] = []
    cursor = ""
    while True:
        page = system.call("GET", f"/jobs?limit=100&status=completed{cursor}").json()
        listed += [job["job_id"] for job in page["jobs"]]
        if not page["next"]:
            break
        cursor = f"&cursor={page['next']}"
    assert set(job_ids) <= set(listed)
    assert len(listed) == len(set(listed))


def queue_size(system: System) -> float:
    """Jobs that wait."""
    return metric(system, "scraper_queue_size")


def metric(system: System, name: str) -> float:
    """A metric without labels, from the API."""
    found = re.search(rf"^{name} (\S+)$", system.call("GET", "/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])
