"""A page that is no place: the job fails, says why, and the webhook says so too."""

from __future__ import annotations

import json

from tests.support.system import System


def test_the_reason_is_clear_to_everybody(system: System) -> None:
    url = system.place(10, view="not_a_place")
    job_id = system.submit(url, webhook_url=system.hook("no-place"))
    job = system.ended(job_id)
    assert (job["status"], job["outcome"], job["attempt"]) == ("failed", "not_a_place", 1)
    assert job["error_message"]
    (delivery,) = system.delivered("no-place")
    told = json.loads(delivery["body"])
    assert (told["event"], told["status"], told["outcome"]) == (
        "job.failed",
        "failed",
        "not_a_place",
    )
    assert told["error_message"] == job["error_message"]


def test_a_host_that_no_scraper_knows_is_refused_at_once(system: System) -> None:
    answer = system.call("POST", "/scrape", json={"url": "https://example.com/maps/place/x"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert "google" in answer.json()["detail"]
