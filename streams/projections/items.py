"""Scraped items, each once a job. One that was forgotten keeps a row without fields.

So the table still says how far the log is stored, and an audit finds each record once.
"""

from __future__ import annotations

import msgspec

from streams.domain.erasure import ERASED
from streams.domain.items import RecordedItem
from streams.projections.projection import Projection, Row


def row(item: RecordedItem) -> Row:
    """One item. Its event id follows from job and item, so a repeat replaces it."""
    return (
        item.job_id,
        item.event_id,
        item.tenant,
        item.schema,
        int(item.fields.get("position") or 0),
        item.occurred_at,
        item.partition,
        item.offset,
        msgspec.json.encode(item.fields).decode(),
    )


projection = Projection(
    name="items",
    version=1,
    columns=(
        ("job_id", "String"),
        ("event_id", "String"),
        ("tenant", "LowCardinality(String)"),
        ("schema", "LowCardinality(String)"),
        ("position", "Int64"),
        ("occurred_at", "DateTime64(6, 'UTC')"),
        ("partition", "Int32"),
        ("offset", "Int64"),
        ("fields", "String CODEC(ZSTD(3))"),
    ),
    order_by="(job_id, event_id)",
    newest_by="offset",
    row=row,
    doc="Scraped items, each once a job.",
    shown=f"schema != '{ERASED}'",
)
