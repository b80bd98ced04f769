"""The reviews of each place as they stand now, removed ones too.

Personal data: ``review`` and ``text``; see ``place_events`` for all that a place's history holds.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from streams.domain.erasure import is_emptied
from streams.domain.place import PlaceScraped, RecordedPlaceEvent, ReviewRemoved
from streams.projections.projection import Projection, Row

SEARCHED = ("text", "text_translated", "owner_response_text")


def takes(recorded: RecordedPlaceEvent) -> bool:
    """Whether the event is about a review."""
    return not isinstance(recorded.event, PlaceScraped) and not is_emptied(recorded)


def row(recorded: RecordedPlaceEvent) -> Row:
    """The review after the event; that of a later event replaces it."""
    event = recorded.event
    assert not isinstance(event, PlaceScraped)  # noqa: S101 - `takes` leaves it out
    review = event.review
    return (
        recorded.place_id,
        event.review_id,
        recorded.tenant,
        recorded.job_id,
        type(event).__name__,
        not isinstance(event, ReviewRemoved),
        review.get("rating"),
        review.get("language") or "",
        bool(review.get("photo_urls") or review.get("photos_count")),
        review.get("owner_response_text") is not None,
        _time_in(review.get("published_at")),
        event.first_seen_at,
        recorded.occurred_at,
        event.changes,
        "\n".join(review[name] for name in SEARCHED if review.get(name)),
        recorded.partition,
        recorded.offset,
        msgspec.json.encode(review).decode(),
    )


def _time_in(value: object) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value  # type: ignore[return-value]


projection = Projection(
    name="place_reviews",
    version=1,
    columns=(
        ("place_id", "String"),
        ("review_id", "String"),
        ("tenant", "LowCardinality(String)"),
        ("job_id", "String"),
        ("type", "LowCardinality(String)"),
        ("is_present", "Bool"),
        ("rating", "Nullable(Float64)"),
        ("language", "LowCardinality(String)"),
        ("has_photo", "Bool"),
        ("has_reply", "Bool"),
        ("published_at", "Nullable(DateTime64(6, 'UTC'))"),
        ("first_seen_at", "DateTime64(6, 'UTC')"),
        ("seen_at", "DateTime64(6, 'UTC')"),
        ("changes", "Int32"),
        ("text", "String CODEC(ZSTD(3))"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("review", "String CODEC(ZSTD(3))"),
    ),
    order_by="(place_id, review_id)",
    newest_by="offset",
    row=row,
    takes=takes,
    doc="The reviews of each place as they stand now, removed ones too.",
)
