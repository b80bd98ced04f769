"""Items on their way to the log and in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streams.domain.ids import JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """One scraped item to append to ``scraped-items``."""

    job_id: JobId
    tenant: str
    event_id: str
    occurred_at: datetime
    schema: str
    """Short name of the item's schema, such as ``GoogleReview``."""
    fields: Mapping[str, Any]
    """The item itself, without the envelope."""
    traceparent: str | None = None
    key_id: str | None = None
    """The key that its personal fields are encrypted with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedItem:
    """An item with its place in the log."""

    job_id: JobId
    tenant: str
    event_id: str
    occurred_at: datetime
    partition: int
    offset: int
    schema: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A place in one partition of a topic."""

    partition: int
    offset: int
