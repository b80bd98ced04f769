"""Everything that happened to webhook deliveries."""

from __future__ import annotations

import msgspec

from streams.domain.webhook import RecordedDelivery
from streams.projections.projection import Projection, Row


def row(recorded: RecordedDelivery) -> Row:
    """One delivery event, without the secret."""
    payload = msgspec.to_builtins(recorded.event)
    payload.pop("secret", None)
    return (
        recorded.delivery_id,
        recorded.job_id,
        recorded.tenant,
        type(recorded.event).__name__,
        recorded.event_id,
        recorded.occurred_at,
        recorded.partition,
        recorded.offset,
        msgspec.json.encode(payload).decode(),
    )


projection = Projection(
    name="webhook_events",
    version=1,
    columns=(
        ("delivery_id", "String"),
        ("job_id", "String"),
        ("tenant", "LowCardinality(String)"),
        ("type", "LowCardinality(String)"),
        ("event_id", "String"),
        ("occurred_at", "DateTime64(6, 'UTC')"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("payload", "String CODEC(ZSTD(3))"),
    ),
    order_by="(delivery_id, offset)",
    newest_by="offset",
    row=row,
    doc="Everything that happened to webhook deliveries.",
)
