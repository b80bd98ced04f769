"""Every place, as its newest scrape in the log found it."""

from __future__ import annotations

import msgspec

from streams.domain.erasure import is_emptied
from streams.domain.place import PlaceScraped, RecordedPlaceEvent
from streams.projections.projection import Projection, Row


def takes(recorded: RecordedPlaceEvent) -> bool:
    """Whether the event is about the place itself."""
    return isinstance(recorded.event, PlaceScraped) and not is_emptied(recorded)


def row(recorded: RecordedPlaceEvent) -> Row:
    """The place as one scrape found it; that of a later one replaces it."""
    event = recorded.event
    assert isinstance(event, PlaceScraped)  # noqa: S101 - `takes` leaves others out
    return (
        recorded.place_id,
        recorded.tenant,
        recorded.job_id,
        event.kind,
        event.url,
        event.title,
        event.feature_id or "",
        event.source_place_id or "",
        event.rating,
        event.reviews_total,
        msgspec.json.encode(event.histogram).decode(),
        event.outcome,
        recorded.occurred_at,
        recorded.partition,
        recorded.offset,
    )


projection = Projection(
    name="places",
    version=1,
    columns=(
        ("place_id", "String"),
        ("tenant", "LowCardinality(String)"),
        ("job_id", "String"),
        ("kind", "LowCardinality(String)"),
        ("url", "String"),
        ("title", "String"),
        ("feature_id", "String"),
        ("source_place_id", "String"),
        ("rating", "Nullable(Float64)"),
        ("reviews_total", "Nullable(Int64)"),
        ("histogram", "String"),
        ("outcome", "LowCardinality(String)"),
        ("scraped_at", "DateTime64(6, 'UTC')"),
        ("partition", "Int32"),
        ("offset", "Int64"),
    ),
    order_by="place_id",
    newest_by="offset",
    row=row,
    takes=takes,
    doc="Every place, as its newest scrape found it.",
)
