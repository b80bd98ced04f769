"""The state of a monitor: what its events say, the same for everybody who reads the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from streams.domain.events import ScrapeRequested, Webhook
from streams.domain.monitor_events import (
    MonitorChanged,
    MonitorCreated,
    MonitorDeleted,
    MonitorFired,
    MonitorPaused,
    MonitorResumed,
    MonitorRunRequested,
    MonitorSkipped,
    RecordedMonitor,
    Trigger,
)

Changes = dict[str, Any]
"""New values of a monitor's fields."""
KEPT_RUNS = 10
"""The newest runs that a monitor remembers."""


class MonitorStatus(StrEnum):
    """What a client sees."""

    ACTIVE = "active"
    PAUSED = "paused"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that was due: its job, or why there was none."""

    job_id: str
    due_at: datetime
    at: datetime
    """When it was started or skipped."""
    trigger: str
    full: bool = False
    open_job_id: str = ""
    """Set: skipped, because this job had not ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """Everything known of a monitor from its events. Times are UTC."""

    monitor_id: str
    tenant: str
    kind: str
    url: str
    every_s: int
    full_every: int = 0
    name: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    webhook: Webhook | None = None
    priority: str = "normal"
    max_attempts: int = 3
    attempt_timeout_s: float = 3600.0
    metadata: Mapping[str, str] = field(default_factory=dict)
    request_fingerprint: str = ""

    status: MonitorStatus = MonitorStatus.ACTIVE
    created_at: datetime
    updated_at: datetime
    grid_from: datetime
    """Where the grid begins: its creation, or when its period was last changed."""
    handled_to: datetime | None = None
    """Nothing that was due until then is due any more."""
    wanted: MonitorRunRequested | None = None
    """A run that a client has asked for, and that has not begun."""
    wanted_at: datetime | None = None
    runs: tuple[Run, ...] = ()
    """The newest ``KEPT_RUNS``, newest first."""
    runs_count: int = 0
    """Runs that were started."""
    last_job_id: str = ""
    """The job of the newest one."""

    partition: int
    offset: int
    """Place in the log of the newest event folded in."""

    @property
    def is_deleted(self) -> bool:
        """Whether nothing happens any more."""
        return self.status is MonitorStatus.DELETED


def evolve(monitor: Monitor | None, recorded: RecordedMonitor) -> Monitor | None:
    """The state after one more event; one that was folded in already changes nothing."""
    if monitor is None:
        return _created(recorded) if isinstance(recorded.event, MonitorCreated) else None
    if recorded.offset <= monitor.offset or monitor.is_deleted:
        return monitor
    changes = _changes(monitor, recorded)
    return replace(monitor, **changes, partition=recorded.partition, offset=recorded.offset)


def run_requested(monitor: Monitor, options: Mapping[str, str]) -> ScrapeRequested:
    """The request of one run, with the options that it was given."""
    return ScrapeRequested(
        kind=monitor.kind,
        url=monitor.url,
        options=options,
        webhook=monitor.webhook,
        priority=monitor.priority,
        max_attempts=monitor.max_attempts,
        attempt_timeout_s=monitor.attempt_timeout_s,
        metadata=monitor.metadata,
        monitor_id=monitor.monitor_id,
    )


def _created(recorded: RecordedMonitor) -> Monitor:
    event, at = recorded.event, recorded.occurred_at
    assert isinstance(event, MonitorCreated)  # noqa: S101 - evolve has looked
    return Monitor(
        monitor_id=recorded.monitor_id,
        tenant=recorded.tenant,
        kind=event.kind,
        url=event.url,
        every_s=event.every_s,
        full_every=event.full_every,
        name=event.name,
        options=event.options,
        webhook=event.webhook,
        priority=event.priority,
        max_attempts=event.max_attempts,
        attempt_timeout_s=event.attempt_timeout_s,
        metadata=event.metadata,
        request_fingerprint=event.request_fingerprint,
        created_at=at,
        updated_at=at,
        grid_from=at,
        partition=recorded.partition,
        offset=recorded.offset,
    )


def _changes(monitor: Monitor, recorded: RecordedMonitor) -> Changes:
    """The fields that a new event changes."""
    at = recorded.occurred_at
    match recorded.event:
        case MonitorFired() as event:
            return _changes_of_run(monitor, event, at)
        case MonitorSkipped() as event:
            return _changes_of_run(monitor, event, at)
        case MonitorChanged() as event:
            return _changes_asked_for(monitor, event, at)
        case MonitorPaused():
            return {"status": MonitorStatus.PAUSED, "updated_at": at}
        case MonitorResumed() if monitor.status is MonitorStatus.PAUSED:
            return {
                "status": MonitorStatus.ACTIVE,
                "handled_to": max(at, monitor.handled_to or at),
                "updated_at": at,
            }
        case MonitorDeleted():
            return {
                "status": MonitorStatus.DELETED,
                "runs": (),
                "wanted": None,
                "wanted_at": None,
                "updated_at": at,
            }
        case MonitorRunRequested() as event if monitor.wanted is None:
            is_known = any(run.job_id == event.job_id for run in monitor.runs)
            return {} if is_known else {"wanted": event, "wanted_at": at}
        case _:
            return {}


def _changes_asked_for(monitor: Monitor, event: MonitorChanged, at: datetime) -> Changes:
    changes: Changes = {
        name: value
        for name in ("every_s", "full_every", "name", "options", "webhook", "priority", "metadata")
        if (value := getattr(event, name)) is not None
    }
    changes["updated_at"] = at
    if event.without_webhook:
        changes["webhook"] = None
    if changes.get("every_s", monitor.every_s) != monitor.every_s:
        # A new grid: the first run under it is a period away.
        changes["grid_from"] = at
        changes["handled_to"] = max(at, monitor.handled_to or at)
    return changes


def _changes_of_run(
    monitor: Monitor, event: MonitorFired | MonitorSkipped, at: datetime
) -> Changes:
    """After a run that was due: once, however often it is told."""
    if any(known.job_id == event.job_id for known in monitor.runs):
        return {}
    run = Run(
        job_id=event.job_id,
        due_at=event.due_at,
        at=at,
        trigger=event.trigger,
        full=isinstance(event, MonitorFired) and event.full,
        open_job_id=event.open_job_id if isinstance(event, MonitorSkipped) else "",
    )
    changes: Changes = {"runs": (run, *monitor.runs[: KEPT_RUNS - 1])}
    if not run.open_job_id:
        changes |= {"runs_count": monitor.runs_count + 1, "last_job_id": run.job_id}
    if monitor.wanted is not None and monitor.wanted.job_id == run.job_id:
        changes |= {"wanted": None, "wanted_at": None}
    if run.trigger == Trigger.SCHEDULE:
        changes["handled_to"] = max(run.due_at, monitor.handled_to or run.due_at)
    return changes
