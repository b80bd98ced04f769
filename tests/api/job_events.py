"""Events and items of jobs, as the other roles write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from schemas.catalog import all_schemas
from streams.domain.events import (
    AttemptScheduled,
    AttemptStarted,
    AttemptSucceeded,
    ItemsSpan,
    JobEvent,
    ProgressReported,
    ScrapeCompleted,
    TargetDescribed,
)
from streams.domain.ids import JobId, item_event_id
from streams.domain.items import NewItem

PLACE = "https://www.google.com/maps/place/Cafe+Central"
BEGAN = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)

NOTHING_SHOWN = {
    field["name"]: field["default"]
    for field in json.loads(all_schemas()["GoogleReview"].text)["fields"]
    if "default" in field and field["name"] != "tenant"
}


def review(job_id: JobId, number: int) -> NewItem:
    return NewItem(
        job_id=job_id,
        tenant="public",
        event_id=item_event_id(job_id, f"review-{number}"),
        occurred_at=BEGAN,
        schema="GoogleReview",
        fields={
            **NOTHING_SHOWN,
            "review_id": f"review-{number}",
            "text": f'Über {number} "quoted"\n',
            "rating": 4.0,
            "position": number,
            "published_at": BEGAN,
        },
    )


def started(attempt: int = 1) -> Sequence[JobEvent]:
    return (
        AttemptScheduled(attempt=attempt, due_at=BEGAN),
        AttemptStarted(attempt=attempt, worker="w1", lease_s=15.0),
    )


def progress(seen: int, stage: str = "scrolling", items: ItemsSpan | None = None) -> JobEvent:
    return ProgressReported(attempt=1, worker="w1", stage=stage, items_seen=seen, items=items)


def described(total: int) -> JobEvent:
    return TargetDescribed(attempt=1, worker="w1", title="Café Central", items_total=total)


def completed(count: int, items: ItemsSpan | None = None) -> Sequence[JobEvent]:
    return (
        AttemptSucceeded(
            attempt=1, worker="w1", outcome="completed", items_count=count, items=items
        ),
        ScrapeCompleted(
            kind="google_reviews",
            url=PLACE,
            requested_at=BEGAN,
            attempt=1,
            items_count=count,
            items=items,
            outcome="completed",
        ),
    )
