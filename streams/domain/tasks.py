"""What the orchestrator tells workers: take this attempt, stop that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from streams.domain.events import (
    AttemptScheduled,
    AttemptStarted,
    ItemsSpan,
    JobEvent,
    ProgressReported,
    TargetDescribed,
)
from streams.domain.ids import JobId
from streams.domain.job import AttemptState, Job, has_expired, is_running

PRIORITIES = ("high", "normal", "low")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeTask:
    """One attempt for a worker to take; only a hint, the log decides who holds it."""

    job_id: JobId
    tenant: str
    kind: str
    url: str
    attempt: int
    options: Mapping[str, str] = field(default_factory=dict)
    attempt_timeout_s: float = 3600.0
    priority: str = "normal"
    items: ItemsSpan | None = None
    """Items that earlier attempts have emitted, at least."""
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAttempt:
    """An order to a worker: end this attempt, its reports count no more (or soon will not)."""

    worker: str
    job_id: JobId
    attempt: int
    reason: str
    """``cancelled`` or ``superseded``."""


def due_attempt(job: Job, decisions: tuple[JobEvent, ...], now: datetime) -> int | None:
    """The attempt that should wait for a worker, with ``decisions`` just taken for ``job``.

    None while an attempt runs, when none is due yet, or when a cancel waits.
    """
    attempt, due_at = job.attempt, job.due_at
    waiting = job.attempt_state is AttemptState.SCHEDULED
    for decision in decisions:
        if isinstance(decision, AttemptScheduled):
            attempt, due_at, waiting = decision.attempt, decision.due_at, True
    if not (waiting and job.is_open and due_at is not None and due_at <= now):
        return None
    if job.cancel_requested_at is not None or has_expired(job, now):
        return None
    return attempt


def task_of(job: Job, attempt: int) -> ScrapeTask:
    """What a worker has to know of an attempt."""
    return ScrapeTask(
        job_id=job.job_id,
        tenant=job.tenant,
        kind=job.kind,
        url=job.url,
        attempt=attempt,
        options=job.options,
        attempt_timeout_s=job.attempt_timeout_s,
        priority=job.priority,
        items=job.items,
        traceparent=job.traceparent,
    )


def due_stop(job: Job | None, job_id: JobId, event: JobEvent) -> StopAttempt | None:
    """The order for the worker whose report is ``event``, when it should not be running.

    None for ``job`` means closed and forgotten: a report always comes after its request.
    """
    if not isinstance(event, AttemptStarted | TargetDescribed | ProgressReported):
        return None
    attempt, worker = event.attempt, event.worker
    if job is None or not job.is_open or not is_running(job, attempt, worker):
        reason = "superseded"
    elif job.cancel_requested_at is not None:
        reason = "cancelled"
    else:
        return None
    return StopAttempt(worker=worker, job_id=job_id, attempt=attempt, reason=reason)


def cancel_stop(job: Job) -> StopAttempt | None:
    """The order that a cancel owes the worker of a running attempt."""
    if job.cancel_requested_at is None or job.attempt_state is not AttemptState.RUNNING:
        return None
    return StopAttempt(
        worker=job.worker or "", job_id=job.job_id, attempt=job.attempt, reason="cancelled"
    )
