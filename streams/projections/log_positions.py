"""How far each topic is stored: written behind every batch, so that nobody has to look for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from streams.projections.projection import Projection, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """All records of a partition before ``end`` are stored, or were put aside."""

    topic: str
    incarnation: str
    """Kafka's id of the topic; empty when it was not known."""
    partition: int
    end: int
    stored_at: datetime


def row(position: LogPosition) -> Row:
    """One position; a higher one of the same partition replaces it."""
    return (
        position.topic,
        position.incarnation,
        position.partition,
        position.end,
        position.stored_at,
    )


projection = Projection(
    name="log_positions",
    version=1,
    columns=(
        ("topic", "LowCardinality(String)"),
        ("incarnation", "LowCardinality(String)"),
        ("partition", "Int32"),
        ("end", "Int64"),
        ("stored_at", "DateTime64(6, 'UTC')"),
    ),
    order_by="(topic, incarnation, partition)",
    newest_by="end",
    row=row,
    doc="How far each topic is stored.",
)
"""Filled by the materializer itself and from no topic, so it is not in the catalogue."""
