"""The whole stack stops and starts again on its directory: everything is there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.system import COMMAND, System, running


@pytest.mark.timeout(300)
def test_old_jobs_their_events_and_reviews_are_there(own_dir: Path) -> None:
    system = System(own_dir, ["--demo", "--port", "0", "--slots", "1"])
    with running(system):
        job_id = system.submit(system.place(30))
        before = system.ended(job_id)
        reviews, events = system.reviews(job_id), system.events(job_id)
        check_second_up_is_refused(own_dir)
        waiting = system.submit(system.place(2_000, latency_ms=100))
        system.until(waiting, lambda job: job["reviews_count"] > 0)
    with running(system):
        after = system.job(job_id)
        # The port of the API may be another one after a restart, so links may differ.
        assert after | {"reviews_url": ""} == before | {"reviews_url": ""}
        assert system.reviews(job_id) == reviews
        assert system.events(job_id) == events
        # A job that was running goes on by itself.
        went_on = system.until(waiting, lambda job: job["attempt"] >= 2, within_s=40)
        assert went_on["reviews_count"] > 0
        system.call("DELETE", f"/jobs/{waiting}")
        assert system.ended(waiting)["status"] == "cancelled"
        new = system.submit(system.place(5))
        assert system.ended(new)["status"] == "completed"


def check_second_up_is_refused(directory: Path) -> None:
    """One clear message, exit code 6, and the first stack is untouched."""
    second = subprocess.run(
        [*COMMAND, "up", "--data-dir", str(directory), "--port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert second.returncode == 6
    assert str(directory) in second.stderr
