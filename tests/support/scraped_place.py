"""A place that is scraped, as its jobs stand in the log."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapestream.wiring import open_log
from streams.domain.events import (
    AttemptScheduled,
    AttemptStarted,
    ItemsSpan,
    JobEvent,
    ScrapeCompleted,
    ScrapeRequested,
    TargetDescribed,
)
from streams.domain.ids import JobId, item_event_id, new_job_id
from streams.domain.items import NewItem
from streams.domain.place import place_id_of
from streams.domain.recorded import new_event
from streams.settings import Settings

URL = "https://www.google.com/maps/place/A"


class Place:
    """A place that is scraped; each scrape an hour after the one before."""

    def __init__(self, settings: Settings, tenant: str = "public") -> None:
        self._settings = settings
        self.tenant = tenant
        self.feature_id = f"0x47:0x{uuid.uuid4().hex[:15]}"
        self.facts: dict[str, Any] = {"feature_id": self.feature_id, "rating": 4.2, "url": URL}
        place_id = place_id_of(tenant, "google_reviews", self.facts, URL)
        assert place_id is not None
        self.place_id = place_id
        self._hour = 0

    async def scraped(self, *reviews: dict[str, Any], outcome: str = "completed") -> JobId:
        """A job that has found ``reviews``; all of its events are in the log."""
        job_id = new_job_id()
        self._hour += 1
        at = datetime(2026, 10, 1, tzinfo=UTC) + timedelta(hours=self._hour)
        async with open_log(self._settings, "worker") as log:
            positions = await log.event_log.append_items(
                [
                    NewItem(
                        job_id=job_id,
                        tenant=self.tenant,
                        event_id=item_event_id(job_id, review["review_id"]),
                        occurred_at=at + timedelta(minutes=1),
                        schema="GoogleReview",
                        fields={"position": number, **review},
                    )
                    for number, review in enumerate(reviews, 1)
                ]
            )
            span = ItemsSpan(
                partition=positions[0].partition,
                first=positions[0].offset,
                end=positions[-1].offset + 1,
            )
            events: list[JobEvent] = [
                ScrapeRequested(kind="google_reviews", url=URL),
                AttemptScheduled(attempt=1, due_at=at),
                AttemptStarted(attempt=1, worker="w", lease_s=15.0),
                TargetDescribed(
                    attempt=1, worker="w", title="A", items_total=len(reviews), facts=self.facts
                ),
                ScrapeCompleted(
                    kind="google_reviews",
                    url=URL,
                    requested_at=at,
                    attempt=1,
                    items_count=len(reviews),
                    items=span,
                    outcome=outcome,
                ),
            ]
            await log.event_log.append(
                [
                    new_event(job_id, self.tenant, event, at + timedelta(minutes=n))
                    for n, event in enumerate(events)
                ]
            )
        return job_id


def review(review_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "review_id": review_id,
        "rating": 4.0,
        "text": f"Text of {review_id}",
        "language": "en",
        "published_at": datetime(2026, 9, 3, tzinfo=UTC),
        "published_at_precision": "day",
        **fields,
    }
