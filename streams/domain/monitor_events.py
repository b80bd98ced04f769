"""Monitor events: what became of a schedule. Names and fields are storage: add, never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from streams.domain.events import Author, Webhook
from streams.domain.ids import JobId, event_id


class Trigger(StrEnum):
    """What made a run due."""

    SCHEDULE = "schedule"
    REQUEST = "request"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorCreated:
    """A client wants a URL scraped again and again."""

    kind: str
    url: str
    every_s: int
    """Time between two runs, seconds."""
    full_every: int = 0
    """Each so many-th run does not stop at known items; 0: the first alone."""
    name: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    webhook: Webhook | None = None
    priority: str = "normal"
    max_attempts: int = 3
    attempt_timeout_s: float = 3600.0
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_fingerprint: str = ""
    """Of the request's content, when its client gave an idempotency key; else empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorChanged:
    """A client wants it otherwise from now on; None: as before."""

    every_s: int | None = None
    full_every: int | None = None
    name: str | None = None
    options: Mapping[str, str] | None = None
    webhook: Webhook | None = None
    without_webhook: bool = False
    """Whether nobody is told any more."""
    priority: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorPaused:
    """No run is due until it is resumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorResumed:
    """Runs are due again, those missed meanwhile excepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorDeleted:
    """Nothing happens any more. Its jobs stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorRunRequested:
    """A client wants a run now, beside the schedule."""

    job_id: str
    """The job that it will be."""
    full: bool = False
    """Whether it shall not stop at known items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorFired:
    """A run was due, and its job is in ``job-events``."""

    due_at: datetime
    job_id: str
    trigger: str = Trigger.SCHEDULE
    full: bool = False
    """Whether it was to find everything, not only what is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorSkipped:
    """A run was due while the one before had not ended: there will be none."""

    due_at: datetime
    job_id: str
    """The job that it would have been."""
    open_job_id: str
    trigger: str = Trigger.SCHEDULE


MonitorRequest = (
    MonitorCreated
    | MonitorChanged
    | MonitorPaused
    | MonitorResumed
    | MonitorDeleted
    | MonitorRunRequested
)
MonitorDecision = MonitorFired | MonitorSkipped
MonitorEvent = MonitorRequest | MonitorDecision

MONITOR_AUTHORS: Mapping[type[MonitorEvent], Author] = {
    MonitorCreated: Author.API,
    MonitorChanged: Author.API,
    MonitorPaused: Author.API,
    MonitorResumed: Author.API,
    MonitorDeleted: Author.API,
    MonitorRunRequested: Author.API,
    MonitorFired: Author.ORCHESTRATOR,
    MonitorSkipped: Author.ORCHESTRATOR,
}
"""Who may append what to ``monitor-events``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedMonitor:
    """A monitor's event, new (offset -1) or with its place in ``monitor-events``."""

    monitor_id: str
    job_id: JobId
    """The job that it is about; empty for none."""
    tenant: str
    event_id: str
    occurred_at: datetime
    event: MonitorEvent
    partition: int = -1
    offset: int = -1
    traceparent: str | None = None


def new_monitor_event(
    monitor_id: str,
    tenant: str,
    event: MonitorEvent,
    at: datetime,
    *,
    ordinal: str = "0",
    traceparent: str | None = None,
) -> RecordedMonitor:
    """Give ``event`` its id; ``ordinal`` tells apart events of one type."""
    return RecordedMonitor(
        monitor_id=monitor_id,
        job_id=JobId(getattr(event, "job_id", "")),
        tenant=tenant,
        event_id=event_id(monitor_id, type(event).__name__, 0, ordinal),
        occurred_at=at,
        event=event,
        traceparent=traceparent,
    )
