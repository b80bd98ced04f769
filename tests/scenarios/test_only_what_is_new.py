"""A place is scraped again: the job stops at the reviews that an earlier one has found."""

from __future__ import annotations

from tests.support.system import System

REVIEWS = 120


def test_the_second_job_stops_at_what_the_first_has_found(system: System) -> None:
    url = system.place(REVIEWS, seed=77)
    newest = {"options": {"sort": "newest"}}
    first = system.submit(url, **newest)
    assert system.ended(first)["reviews_count"] == REVIEWS
    assert len(system.reviews(first)) == REVIEWS  # they are in the store

    again = system.submit(url, options={"stop_at_known": "true"})
    job = system.ended(again)
    assert (job["status"], job["outcome"], job["reviews_count"]) == ("completed", "completed", 0)
    asked = system.events(again)[0]["data"]["options"]
    assert len(asked["known_ids"].split(",")) == 50
