"""Attempts, progress, reviews and webhook tries as columns: the views over JSON on the engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.domain.events import (
    AttemptFailed,
    AttemptScheduled,
    AttemptStarted,
    JobEvent,
    ProgressReported,
)
from streams.domain.ids import JobId, item_event_id, new_job_id
from streams.domain.items import RecordedItem
from streams.domain.recorded import Recorded
from streams.domain.webhook import DeliveryAttempted, RecordedDelivery
from streams.projections import items, job_events, webhook_events
from streams.settings import Settings

NO_PARTITION = 1_000  # of no topic: the materializer goes on behind what is stored of real ones
BEGAN = datetime(2026, 3, 1, 10, 0, 50, tzinfo=UTC)
HISTORY: Sequence[JobEvent] = (
    AttemptScheduled(attempt=1, due_at=BEGAN),
    AttemptStarted(attempt=1, worker="w1", lease_s=15.0),
    ProgressReported(attempt=1, worker="w1", stage="opening", items_seen=0),
    ProgressReported(attempt=1, worker="w1", stage="scrolling", items_seen=20),
    AttemptFailed(
        attempt=1, worker="w1", reason="scraper.blocked", message="", may_retry=True, items_count=20
    ),
    AttemptScheduled(attempt=2, due_at=BEGAN),
)


async def rows_of(clickhouse: ClickHouse, statement: str, job_id: JobId) -> list[tuple[Any, ...]]:
    rows = await clickhouse.rows(f"{statement} WHERE job_id = {{job:String}}", {"job": job_id})
    return [tuple(row) for row in rows]


def at(number: int) -> datetime:
    return BEGAN + timedelta(seconds=4 * number)


async def test_attempts_and_progress_are_read_off_the_events(parts: Settings) -> None:
    job_id = new_job_id()
    events = [
        Recorded(
            job_id=job_id,
            tenant="public",
            event_id=str(number),
            occurred_at=at(number),
            partition=NO_PARTITION,
            offset=number,
            event=event,
        )
        for number, event in enumerate(HISTORY)
    ]
    async with open_clickhouse(parts) as clickhouse:
        rows = [job_events.row(event) for event in events]
        await clickhouse.insert(job_events.projection, rows, uuid4().hex)
        attempts = await rows_of(
            clickhouse,
            "SELECT attempt, worker, started_at, ended_at, how, reason, items_count FROM attempts",
            job_id,
        )
        minutes = await rows_of(
            clickhouse,
            "SELECT minute, reports, items_seen, stage FROM progress_by_minute",
            job_id,
        )
    assert sorted(attempts) == [
        (1, "w1", at(1), at(4), "AttemptFailed", "scraper.blocked", 20),
        (2, "", None, None, "", "", 0),
    ]
    first = BEGAN.replace(second=0)
    assert sorted((minute.replace(tzinfo=UTC), *rest) for minute, *rest in minutes) == [
        (first, 1, 0, "opening"),
        (first + timedelta(minutes=1), 1, 20, "scrolling"),
    ]


async def test_reviews_have_typed_columns_and_no_value_where_there_is_none(parts: Settings) -> None:
    job_id = new_job_id()
    fields = {"review_id": "r", "position": 1, "rating": 4.5, "photo_urls": ["p"], "text": None}
    item = RecordedItem(
        job_id=job_id,
        tenant="public",
        event_id=item_event_id(job_id, "r"),
        occurred_at=BEGAN,
        partition=NO_PARTITION,
        offset=0,
        schema="GoogleReview",
        fields={**fields, "published_at": BEGAN},
    )
    async with open_clickhouse(parts) as clickhouse:
        await clickhouse.insert(items.projection, [items.row(item)], uuid4().hex)
        found = await rows_of(
            clickhouse,
            "SELECT review_id, rating, text, likes, photo_urls, published_at FROM reviews",
            job_id,
        )
    assert found == [("r", 4.5, None, None, ["p"], BEGAN)]


async def test_each_webhook_try_is_a_row(parts: Settings) -> None:
    job_id = new_job_id()
    tries = [
        DeliveryAttempted(attempt=1, ok=False, error="timeout", duration_ms=10.5, next_at=BEGAN),
        DeliveryAttempted(attempt=2, ok=True, status_code=204, duration_ms=3.0),
    ]
    deliveries = [
        RecordedDelivery(
            delivery_id=job_id,
            job_id=job_id,
            tenant="public",
            event_id=str(number),
            occurred_at=at(number),
            partition=NO_PARTITION,
            offset=number,
            event=event,
        )
        for number, event in enumerate(tries)
    ]
    async with open_clickhouse(parts) as clickhouse:
        rows = [webhook_events.row(delivery) for delivery in deliveries]
        await clickhouse.insert(webhook_events.projection, rows, uuid4().hex)
        found = await rows_of(
            clickhouse,
            "SELECT attempt, ok, status_code, error, duration_ms, next_at FROM webhook_attempts",
            job_id,
        )
    assert sorted(found) == [
        (1, False, None, "timeout", 10.5, BEGAN),
        (2, True, 204, None, 3.0, None),
    ]
