"""What an event changes in a job's state."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypedDict

from streams.domain.events import Fact, ItemsSpan
from streams.domain.job import AttemptState, ResultsFile, Status


class Changes(TypedDict, total=False):
    """Fields of a ``Job`` that its events change after the first one."""

    status: Status
    updated_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    attempt: int
    attempts_spent: int
    attempt_state: AttemptState
    attempt_changed_at: datetime
    due_at: datetime | None
    worker: str | None
    lease_s: float
    may_retry: bool
    retry_after_s: float | None
    cancel_requested_at: datetime | None
    cancel_reason: str
    stage: str
    title: str
    facts: Mapping[str, Fact]
    items_total: int | None
    items_count: int
    items: ItemsSpan | None
    sources: Mapping[str, int]
    sources_attempt: int
    outcome: str | None
    reason: str | None
    message: str
    results: ResultsFile | None
    offset: int
    events_count: int
