"""Which job events owe a webhook, and what its body tells."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.agents.webhooks import owed, schedule_deliveries
from streams.domain.events import Ending, ScrapeCancelled, ScrapeFailed, ScrapeRequested, Webhook
from streams.domain.recorded import Recorded
from streams.domain.webhook import (
    DeliveryScheduled,
    delivery_id_of,
)
from streams.errors import LogUnavailableError
from streams.settings import Settings
from tests.support.webhook_agent import API, TRACE, Agent, a_completion, a_record, running_agent

AT = datetime(2026, 11, 22, 10, 30, 1, 250_000, tzinfo=UTC)


NOTHING_FOUND: dict[str, Any] = {
    "kind": "google_reviews",
    "url": "https://www.google.com/maps",
    "requested_at": AT,
    "attempt": 1,
    "items_count": 0,
    "webhook": Webhook(url="https://a.b/"),
}


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    async with running_agent() as agent:
        yield agent


def test_only_an_ending_with_a_webhook_owes_one() -> None:
    asked = ScrapeRequested(kind="google_reviews", url="u", webhook=Webhook(url="https://a.b/"))
    recorded = a_record(a_completion(None), at=AT)
    assert owed(recorded, API) is None
    assert owed(recorded._replace(event=asked), API) is None


def test_the_body_tells_the_facts_flat_and_as_standard_webhooks_has_it() -> None:
    ending = a_completion(Webhook(url="https://a.b/"))
    ending = replace(ending, metadata={"order": "17"}, batch_id="b1")
    new = owed(a_record(ending, at=AT), API)
    assert new is not None
    assert isinstance(new.event, DeliveryScheduled)
    body = json.loads(new.event.body)
    job_id = "0" * 32
    facts = {
        "job_id": job_id,
        "status": "completed",
        "outcome": "completed",
        "error_message": None,
        "url": "https://www.google.com/maps/place/Café",
        "reviews_count": 244,
        "reviews_url": f"{API}/jobs/{job_id}/reviews",
        "file_url": None,
        "completed_at": "2026-11-22T10:30:01.250000Z",
        "metadata": {"order": "17"},
        "batch_id": "b1",
    }
    assert body == {
        "event": "job.completed",
        "type": "job.completed",
        "timestamp": "2026-11-22T10:30:01.250000Z",
        **facts,
        "data": facts,
    }
    assert new.delivery_id == delivery_id_of(new.job_id)
    assert new.event.items is not None
    assert new.traceparent == TRACE


def body_of(event: Ending) -> dict[str, Any]:
    new = owed(a_record(event, at=AT), API)
    assert new is not None
    assert isinstance(new.event, DeliveryScheduled)
    assert len(new.event.body) < 20_000
    body: dict[str, Any] = json.loads(new.event.body)
    return body


def test_the_body_says_where_the_file_is_when_files_are_kept() -> None:
    ending = a_record(a_completion(Webhook(url="https://a.b/")), at=AT)
    none = a_record(ScrapeFailed(reason="worker.lost", message="", **NOTHING_FOUND), at=AT)
    bodies = []
    for recorded in (ending, none):
        new = owed(recorded, API, has_files=True)
        assert new is not None
        assert isinstance(new.event, DeliveryScheduled)
        bodies.append(json.loads(new.event.body))
    assert bodies[0]["file_url"] == bodies[0]["data"]["file_url"] == f"{API}/jobs/{'0' * 32}/file"
    assert bodies[1]["file_url"] is None


def test_a_failed_job_says_why_and_links_to_no_reviews() -> None:
    body = body_of(
        ScrapeFailed(
            reason="source.not_a_place", message="this is no place " * 999, **NOTHING_FOUND
        )
    )
    assert body["type"] == body["event"] == "job.failed"
    assert body["status"] == "failed"
    assert body["outcome"] == "source.not_a_place"
    assert body["error_message"].startswith("this is no place")
    assert body["reviews_url"] is None


def test_a_failed_job_links_to_the_reviews_that_it_kept() -> None:
    some = {**NOTHING_FOUND, "items_count": 12}
    assert body_of(ScrapeFailed(reason="worker.lost", message="", **some))["reviews_url"]
    assert body_of(ScrapeFailed(reason="worker.lost", message="", **some))["error_message"]


def test_a_cancelled_job_is_no_error() -> None:
    body = body_of(ScrapeCancelled(reason="changed my mind", **NOTHING_FOUND))
    assert (body["type"], body["status"], body["outcome"]) == (
        "job.cancelled",
        "cancelled",
        "cancelled",
    )
    assert body["error_message"] is None


def test_a_partial_result_says_what_is_missing() -> None:
    whole = a_completion(Webhook(url="https://a.b/"))
    partial = replace(whole, outcome="partial", message="the source stopped early")
    assert body_of(partial)["error_message"] == "the source stopped early"
    assert body_of(replace(whole, message="all there"))["error_message"] is None


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        (Settings(public_url="https://scrape.example/api/"), "https://scrape.example/api"),
        (Settings(api_port=9000), "http://127.0.0.1:9000"),
        (Settings(api_host="::1"), "http://[::1]:8080"),
        (Settings(api_host="0.0.0.0"), "http://127.0.0.1:8080"),
        (Settings(api_host="::"), "http://[::1]:8080"),
    ],
)
def test_links_lead_to_where_clients_reach_the_api(settings: Settings, url: str) -> None:
    assert settings.api_url() == url


async def test_a_log_that_is_away_holds_the_event_until_it_is_stored(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LogUnavailableError, "retry_after_s", 0.01)

    async def one() -> AsyncIterator[Recorded]:
        yield a_record(a_completion(Webhook(url="https://a.b/")), at=AT)

    agent.broker.away = True
    scheduling = asyncio.create_task(schedule_deliveries(one(), agent.log, API))
    await asyncio.wait({scheduling}, timeout=0.05)
    assert not scheduling.done()
    agent.broker.away = False
    async with asyncio.timeout(5):
        await scheduling
    assert len(agent.history()) == 1
