"""``POST /scrape``: what is accepted, what is refused, and what is promised."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import api.health
import api.parts
from api.app import ApiParts
from streams.adapters.event_log import RecordEventLog
from streams.domain.events import ScrapeRequested
from streams.domain.items import Position
from streams.domain.recorded import NewEvent
from streams.topics import JOB_EVENTS
from tests.api.job_events import PLACE, completed, started
from tests.api.world import World, eventually

SECRET = "s3cret-of-a-customer"
HOOK = "https://hooks.example.com/done"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_a_submitted_url_is_in_the_log_before_the_answer(world: World) -> None:
    process = await world.start()
    answer = await process.client.post("/scrape", json={"url": PLACE})
    assert answer.status_code == 202
    job_id = answer.json()["job_id"]
    assert answer.json() == {"job_id": job_id, "status": "queued", "estimated_time": "20s"}
    assert answer.headers["location"] == f"/jobs/{job_id}"
    [recorded] = world.history(job_id)
    event = recorded.event
    assert isinstance(event, ScrapeRequested)
    assert (event.kind, event.url, event.webhook) == ("google_reviews", PLACE, None)
    assert event.max_attempts == world.settings.max_attempts


async def test_all_that_was_asked_for_is_in_the_event_and_the_secret_is_sealed(
    world: World,
) -> None:
    process = await world.start()
    job_id = await process.submit(
        webhook_url=HOOK,
        webhook_secret=SECRET,
        priority="high",
        options={"language": "de"},
        metadata={"order": "17"},
    )
    [recorded] = world.history(job_id)
    event = recorded.event
    assert isinstance(event, ScrapeRequested)
    assert (event.priority, event.options, event.metadata) == (
        "high",
        {"language": "de"},
        {"order": "17"},
    )
    assert event.webhook is not None
    assert event.webhook.url == HOOK
    assert event.webhook.secret is not None
    assert SECRET not in event.webhook.secret
    assert world.sealer.unseal(event.webhook.secret) == SECRET


async def test_no_answer_and_no_log_line_holds_the_secret(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    process = await world.start()
    job_id = await process.submit(webhook_url=HOOK, webhook_secret=SECRET)
    [recorded] = world.history(job_id)
    assert isinstance(recorded.event, ScrapeRequested)
    assert recorded.event.webhook is not None
    sealed = recorded.event.webhook.secret or ""
    await world.append(job_id, *started(), *completed(0))
    refused = {"url": "nowhere", "webhook_url": HOOK, "webhook_secret": SECRET}
    answers = [
        await process.client.post("/scrape", json=refused),
        await process.client.post("/scrape", json={"url": PLACE, "webhook_secret": [SECRET]}),
        await process.client.get(f"/jobs/{job_id}"),
        await process.client.get("/jobs"),
        await process.client.get(f"/jobs/{job_id}/events"),
        await process.client.get(f"/jobs/{job_id}/stream"),
        await process.client.delete(f"/jobs/{job_id}"),
        await process.client.get("/metrics"),
        await process.client.get("/health/detailed"),
    ]
    text = "".join(answer.text for answer in answers) + caplog.text
    assert HOOK in text
    assert SECRET not in text
    assert sealed not in text


@pytest.mark.parametrize("given", [None, "rubbish", TRACE.upper(), "ff" + TRACE[2:], TRACE])
async def test_the_trace_of_a_request_goes_on_in_its_events(
    world: World, given: str | None
) -> None:
    process = await world.start()
    headers = {"traceparent": given} if given else {}
    answer = await process.client.post("/scrape", json={"url": PLACE}, headers=headers)
    job_id = answer.json()["job_id"]
    await process.client.delete(f"/jobs/{job_id}", headers=headers)
    asked, cancelled = world.history(job_id)
    assert asked.traceparent is not None
    assert len(asked.traceparent) == len(TRACE)
    assert (asked.traceparent == TRACE) is (given == TRACE)
    assert (cancelled.traceparent == TRACE) is (given == TRACE)


GOOD: dict[str, Any] = {"url": PLACE}
MANY = {f"key-{number}": "x" for number in range(51)}


@pytest.mark.parametrize(
    ("body", "status", "code", "says"),
    [
        (b"", 400, "malformed_request", "not JSON"),
        (b"{", 400, "malformed_request", "not JSON"),
        (b'{"url": NaN}', 400, "malformed_request", "not JSON"),
        (b'{"url": "\xff"}', 400, "malformed_request", "not JSON"),
        (b'{"url": "\\ud800"}', 400, "malformed_request", "not JSON"),
        (b"[" * 100_000, 422, "invalid_request", "must be a JSON object"),
        ([GOOD], 422, "invalid_request", "must be a JSON object"),
        ("text", 422, "invalid_request", "must be a JSON object"),
        (b"null", 422, "invalid_request", "must be a JSON object"),
        ({}, 422, "invalid_request", "`url` is missing"),
        ({"url": 7}, 422, "invalid_request", "$.url"),
        ({"url": None}, 422, "invalid_request", "$.url"),
        ({"url": ""}, 422, "invalid_request", "`url` is empty"),
        ({**GOOD, "pages": 3}, 422, "invalid_request", "there is no field `pages`"),
        ({"url": PLACE + "x" * 4_096}, 422, "invalid_request", "at most 4096"),
        ({"url": PLACE + "\n"}, 422, "invalid_request", "white space"),
        ({"url": PLACE + "\x00"}, 422, "invalid_request", "white space"),
        ({"url": PLACE + "\u2028"}, 422, "invalid_request", "white space"),
        ({"url": "https://evil.example\\@google.com/maps/place/x"}, 422, "invalid_request", "back"),
        ({"url": "www.google.com/maps/place/x"}, 422, "invalid_request", "https://"),
        ({"url": "ftp://www.google.com/maps/place/x"}, 422, "invalid_request", "https://"),
        ({"url": "file:///etc/passwd"}, 422, "invalid_request", "https://"),
        ({"url": "javascript:alert(1)"}, 422, "invalid_request", "https://"),
        ({"url": "https:///maps/place/x"}, 422, "invalid_request", "name a host"),
        ({"url": "https://google.com:99999/maps/place/x"}, 422, "invalid_request", "no URL"),
        ({"url": "https://[::1/maps/place/x"}, 422, "invalid_request", "no URL"),
        ({"url": "https://me:pw@www.google.com/maps/place/x"}, 422, "invalid_request", "password"),
        ({"url": "https://example.com/"}, 422, "input.url_unsupported", "google.com/maps/place"),
        ({**GOOD, "webhook_url": "hooks"}, 422, "invalid_request", "`webhook_url` must begin"),
        ({**GOOD, "webhook_url": "http://169.254.169.254/"}, 422, "invalid_request", "public"),
        ({**GOOD, "webhook_secret": "x"}, 422, "invalid_request", "send `webhook_url` with it"),
        (
            {**GOOD, "webhook_url": HOOK, "webhook_secret": ""},
            422,
            "invalid_request",
            "1 to 256",
        ),
        (
            {**GOOD, "webhook_url": HOOK, "webhook_secret": "x" * 257},
            422,
            "invalid_request",
            "1 to 256",
        ),
        (
            {**GOOD, "webhook_url": HOOK, "webhook_secret": "whsec_!!"},
            422,
            "invalid_request",
            "whsec_",
        ),
        ({**GOOD, "priority": "urgent"}, 422, "invalid_request", "$.priority"),
        ({**GOOD, "metadata": MANY}, 422, "invalid_request", "$.metadata"),
        ({**GOOD, "metadata": {"k" * 65: "x"}}, 422, "invalid_request", "$.metadata"),
        ({**GOOD, "options": {"k": "x" * 1_025}}, 422, "invalid_request", "$.options"),
        ({**GOOD, "options": {"k": 1}}, 422, "invalid_request", "$.options"),
    ],
)
async def test_what_can_never_work_is_refused_with_what_to_do(
    world: World, body: Any, status: int, code: str, says: str
) -> None:
    process = await world.start()
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    headers = {"Content-Type": "application/json"}
    answer = await process.client.post("/scrape", headers=headers, **sent)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert says in problem["detail"]
    assert world.broker.records(JOB_EVENTS) == []


async def test_a_secret_in_the_form_of_standard_webhooks_is_accepted(world: World) -> None:
    process = await world.start()
    await process.submit(webhook_url=HOOK, webhook_secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 202),
        ("Application/JSON; charset=UTF-8", 202),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_only_a_body_declared_as_json_is_read(
    world: World, content_type: str, status: int
) -> None:
    process = await world.start()
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await process.client.post(
        "/scrape", content=b'{"url": "%s"}' % PLACE.encode(), headers=headers
    )
    assert answer.status_code == status
    if status == 415:
        assert answer.json()["code"] == "unsupported_media_type"
        assert answer.headers["accept-post"] == "application/json"


async def test_while_kafka_is_away_nothing_is_accepted_and_the_answer_comes_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.health, "FRESH_S", 0.05)
    process = await world.start()
    world.broker.away = True
    health = process.app.state.api.health
    await eventually(lambda: health.is_away("kafka"))
    answer = await process.client.post("/scrape", json={"url": PLACE})
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    problem = answer.json()
    assert problem["code"] == "log_unavailable"
    assert "job_id" not in problem
    assert world.broker.records(JOB_EVENTS) == []
    world.broker.away = False
    await eventually(lambda: not health.is_away("kafka"))
    await process.submit()


async def test_kafka_found_away_by_the_append_itself_names_the_job(world: World) -> None:
    process = await world.start()
    world.broker.away = True
    answer = await process.client.post("/scrape", json={"url": PLACE})
    assert answer.status_code == 503
    assert answer.json()["code"] == "log_unavailable"


class _SlowLog(RecordEventLog):
    """Stores what it gets, and never says so: an acknowledgement that got lost."""

    async def append(self, events: Sequence[NewEvent]) -> Sequence[Position]:
        await super().append(events)
        await asyncio.Event().wait()
        raise AssertionError


async def test_a_lost_acknowledgement_names_the_job_so_that_the_client_can_ask(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.parts, "APPEND_WITHIN_S", 0.1)
    slow = _SlowLog(world.broker, world.records("api"))

    def change(parts: ApiParts) -> ApiParts:
        return replace(parts, event_log=slow)

    process = await world.start(change=change)
    answer = await process.client.post("/scrape", json={"url": PLACE})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    problem = answer.json()
    assert problem["code"] == "log_unavailable"
    # It was stored after all, and the id in the problem finds it.
    found = await process.client.get(f"/jobs/{problem['job_id']}")
    assert found.status_code == 200
