"""Every place event, each once.

Personal data of a place's history (names, texts, pictures of authors) stand in ``payload`` here,
in ``review`` and ``text`` of ``place_reviews``, and in the records of the topic ``place-events``
(keyed by ``place_id``, in the fields ``review``, ``old_text``). ``places`` has none.
``review.author_id`` and ``review.review_id`` find a person's; ``job_id`` a scrape's.
"""

from __future__ import annotations

import msgspec

from streams.domain.erasure import is_emptied
from streams.domain.place import RecordedPlaceEvent
from streams.projections.projection import Projection, Row


def row(recorded: RecordedPlaceEvent) -> Row:
    """One event. Its id follows from its content, so a repeat replaces it."""
    return (
        recorded.place_id,
        recorded.event_id,
        recorded.job_id,
        recorded.tenant,
        type(recorded.event).__name__,
        getattr(recorded.event, "review_id", ""),
        recorded.occurred_at,
        recorded.partition,
        recorded.offset,
        "{}" if is_emptied(recorded) else msgspec.json.encode(recorded.event).decode(),
    )


projection = Projection(
    name="place_events",
    version=1,
    columns=(
        ("place_id", "String"),
        ("event_id", "String"),
        ("job_id", "String"),
        ("tenant", "LowCardinality(String)"),
        ("type", "LowCardinality(String)"),
        ("review_id", "String"),
        ("occurred_at", "DateTime64(6, 'UTC')"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("payload", "String CODEC(ZSTD(3))"),
    ),
    order_by="(place_id, event_id)",
    newest_by="offset",
    row=row,
    doc="What scrapes of places tell, each event once.",
    shown="payload != '{}'",  # one that was forgotten keeps its row: it says what is stored
)
