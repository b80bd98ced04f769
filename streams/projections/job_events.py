"""Every job event, as it was."""

from __future__ import annotations

import msgspec

from streams.domain.events import JobEvent
from streams.domain.recorded import Recorded
from streams.projections.projection import Projection, Row


def row(recorded: Recorded) -> Row:
    """One event. The webhook's secret stays in the log alone, encrypted as it is."""
    return (
        recorded.job_id,
        recorded.partition,
        recorded.offset,
        recorded.event_id,
        type(recorded.event).__name__,
        recorded.tenant,
        recorded.occurred_at,
        recorded.traceparent or "",
        _payload(recorded.event).decode(),
    )


def _payload(event: JobEvent) -> bytes:
    if getattr(event, "webhook", None) is None:  # most: encoded as they are
        return msgspec.json.encode(event)
    fields = msgspec.to_builtins(event)
    fields["webhook"] = {**fields["webhook"], "secret": None}
    return msgspec.json.encode(fields)


projection = Projection(
    name="job_events",
    version=1,
    columns=(
        ("job_id", "String"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("event_id", "String"),
        ("type", "LowCardinality(String)"),
        ("tenant", "LowCardinality(String)"),
        ("occurred_at", "DateTime64(6, 'UTC')"),
        ("traceparent", "String"),
        ("payload", "String CODEC(ZSTD(3))"),
    ),
    order_by="(job_id, offset)",
    newest_by="offset",
    row=row,
    doc="Every job event, as it was.",
)
