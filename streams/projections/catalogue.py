"""Every projection."""

from __future__ import annotations

from collections.abc import Sequence

from streams.projections import (
    items,
    job_events,
    jobs,
    place_events,
    place_reviews,
    places,
    webhook_events,
)
from streams.projections.projection import Projection


def all_projections() -> Sequence[Projection]:
    """In the order in which their tables are created."""
    return (
        job_events.projection,
        jobs.projection,
        items.projection,
        webhook_events.projection,
        places.projection,
        place_reviews.projection,
        place_events.projection,
    )
