"""A place is submitted, scraped, watched, stored and reported: every review, every field."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook

from tests.support.system import System

REVIEWS = 244
SECRET = "whsec_" + "c2NyYXBlc3RyZWFtLXRlc3Qtc2VjcmV0LTAxMjM0NTY="
NOT_IN_TRUTH = {"published_at"}
"""An estimate from "3 months ago" and the time of the scrape: its own test compares it."""


def test_every_review_with_every_field_arrives(system: System) -> None:
    job_id = system.submit(
        system.place(REVIEWS, latency_ms=20),
        webhook_url=system.hook("whole-way"),
        webhook_secret=SECRET,
        metadata={"order": "42"},
    )
    assert system.job(job_id)["status"] in {"queued", "processing"}
    (delivery,) = system.delivered("whole-way")

    # When the webhook fires, the results are readable.
    reviews = system.reviews(job_id)
    truth = system.truth(REVIEWS, latency_ms=20)
    assert len(reviews) == REVIEWS
    assert {review["review_id"] for review in reviews} == {each["review_id"] for each in truth}
    by_id = {review["review_id"]: review for review in reviews}
    for expected in truth:
        found = by_id[expected["review_id"]]
        for field, value in expected.items():
            if field not in NOT_IN_TRUTH:
                assert found[field] == value, (expected["review_id"], field)

    job = system.ended(job_id)
    assert (job["status"], job["outcome"]) == ("completed", "completed")
    assert (job["progress"], job["reviews_count"]) == (100, REVIEWS)
    assert job["metadata"] == {"order": "42"}
    check_webhook(delivery, job)
    system.check_nothing_doubled(job_id)


def check_webhook(delivery: dict[str, Any], job: dict[str, Any]) -> None:
    """Its content, and both signatures over the exact body."""
    headers = dict(delivery["headers"])
    body = delivery["body"]
    digest = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert headers["x-webhook-signature"] == digest
    told = Webhook(SECRET).verify(body, headers)
    assert told == json.loads(body)
    assert (told["event"], told["job_id"], told["status"]) == (
        "job.completed",
        job["job_id"],
        "completed",
    )
    assert told["reviews_count"] == REVIEWS
    assert told["reviews_url"] == job["reviews_url"]
    assert datetime.fromisoformat(told["completed_at"]) == datetime.fromisoformat(
        job["completed_at"]
    )


def test_the_secret_is_nowhere_in_the_clear(system: System) -> None:
    """Not in ClickHouse, not in a log, not in Kafka's own files."""
    secret = "whsec_bm90LXRvLWJlLWZvdW5kLWFueXdoZXJlLWluLWNsZWFy"
    job_id = system.submit(
        system.place(1), webhook_url=system.hook("secret"), webhook_secret=secret
    )
    system.delivered("secret")
    assert secret not in json.dumps(system.job(job_id)) + json.dumps(system.events(job_id))
    leaks = [
        path
        for path in system.data_dir.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert leaks == []
