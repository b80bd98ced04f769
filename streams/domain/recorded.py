"""Job events with what belongs to each: whose, when, and where in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from streams.domain.events import JobEvent
from streams.domain.ids import JobId, event_id


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event on its way to the log."""

    job_id: JobId
    tenant: str
    event_id: str
    occurred_at: datetime
    event: JobEvent
    traceparent: str | None = None
    """W3C trace context of the job."""


class Recorded(NamedTuple):
    """An event with its place in the log: order within a job is the offset.

    A tuple, as every reader of the log makes very many of them.
    """

    job_id: JobId
    tenant: str
    event_id: str
    occurred_at: datetime
    partition: int
    offset: int
    event: JobEvent
    traceparent: str | None = None


def new_event(
    job_id: JobId,
    tenant: str,
    event: JobEvent,
    at: datetime,
    *,
    ordinal: str | int = 0,
    traceparent: str | None = None,
) -> NewEvent:
    """Give ``event`` its deterministic id."""
    attempt = getattr(event, "attempt", 0)
    return NewEvent(
        job_id=job_id,
        tenant=tenant,
        event_id=event_id(job_id, type(event).__name__, attempt, ordinal),
        occurred_at=at,
        event=event,
        traceparent=traceparent,
    )
