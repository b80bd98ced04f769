"""Options of a job: in the event, in the job, and refused when they can never work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from api.idempotency import fingerprint
from api.submission import Submission
from streams.domain.events import AttemptFailed, AttemptScheduled, ScrapeRequested
from tests.api.job_events import PLACE, started
from tests.api.world import World

NOW = datetime.now(UTC)
LATER = (NOW + timedelta(hours=2)).isoformat()
SOON = (NOW + timedelta(hours=1)).isoformat()


async def test_every_option_is_in_the_event_and_in_the_job(world: World) -> None:
    process = await world.start()
    job_id = await process.submit(
        priority="low",
        max_attempts=7,
        timeout_s=90.5,
        not_before=SOON,
        expires_at=LATER,
        metadata={"order": "17"},
    )
    [recorded] = world.history(job_id)
    event = recorded.event
    assert isinstance(event, ScrapeRequested)
    assert (event.max_attempts, event.attempt_timeout_s) == (7, 90.5)
    assert event.not_before == datetime.fromisoformat(SOON)
    assert event.expires_at == datetime.fromisoformat(LATER)
    job = await process.read(job_id)
    assert (job["priority"], job["max_attempts"], job["timeout_s"]) == ("low", 7, 90.5)
    assert datetime.fromisoformat(str(job["not_before"])) == event.not_before
    assert datetime.fromisoformat(str(job["expires_at"])) == event.expires_at
    assert job["metadata"] == {"order": "17"}


async def test_what_is_null_or_left_out_comes_from_the_settings(world: World) -> None:
    process = await world.start(max_attempts=4, attempt_timeout_s=60.0)
    nulls: list[dict[str, Any]] = [
        {},
        {"max_attempts": None, "timeout_s": None, "not_before": None},
    ]
    for fields in nulls:
        job = await process.read(await process.submit(**fields))
        assert (job["max_attempts"], job["timeout_s"], job["not_before"]) == (4, 60.0, None)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"max_attempts": 0}, "max_attempts"),
        ({"max_attempts": 21}, "max_attempts"),
        ({"timeout_s": 0.5}, "timeout_s"),
        ({"timeout_s": "long"}, "timeout_s"),
        ({"not_before": "2026-11-22T12:00:00"}, "timezone"),
        ({"not_before": (NOW + timedelta(days=31)).isoformat()}, "at most 30 days"),
        ({"expires_at": (NOW - timedelta(seconds=1)).isoformat()}, "has passed"),
        ({"expires_at": (NOW + timedelta(days=61)).isoformat()}, "at most 60 days"),
        ({"expires_at": SOON, "not_before": LATER}, "later than `not_before`"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"priority": "urgent"}, "priority"),
    ],
)
async def test_an_option_that_cannot_be_kept_is_refused(
    world: World, fields: dict[str, Any], says: str
) -> None:
    process = await world.start()
    answer = await process.client.post("/scrape", json={"url": PLACE, **fields})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert says in answer.json()["detail"]


async def test_a_request_sent_again_after_it_expired_is_still_that_job(world: World) -> None:
    process = await world.start()
    key = {"Idempotency-Key": "order-17"}
    body = {"url": PLACE, "expires_at": (datetime.now(UTC) + timedelta(seconds=0.3)).isoformat()}
    first = await process.client.post("/scrape", json=body, headers=key)
    assert first.status_code == 202
    while datetime.now(UTC) <= datetime.fromisoformat(body["expires_at"]):
        await process.is_caught_up()
    again = await process.client.post("/scrape", json=body, headers=key)
    assert (again.status_code, again.json()["job_id"]) == (202, first.json()["job_id"])
    assert again.headers["idempotency-replayed"] == "true"


def test_a_request_without_the_options_keeps_the_fingerprint_that_it_always_had() -> None:
    """Taken before these options existed; another one would refuse clients after an update."""
    asked = msgspec.json.decode(b'{"url": "https://x/", "metadata": {"a": "b"}}', type=Submission)
    before = "7c780a38b47ad8bcd7119e68007916a62fc33bdd6dffc4d8ca6f75b1fccb6205"
    assert fingerprint(asked, "key") == before


async def test_a_job_between_two_attempts_says_when_the_next_one_is_due(world: World) -> None:
    process = await world.start()
    job_id = await process.submit()
    due_at = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)
    failed = AttemptFailed(attempt=1, worker="w1", reason="r", message="m", may_retry=True)
    await world.append(job_id, *started(), failed, AttemptScheduled(attempt=2, due_at=due_at))
    await process.is_caught_up()
    job = await process.read(job_id)
    assert job["status"] == "retrying"
    assert datetime.fromisoformat(str(job["next_attempt_at"])) == due_at
