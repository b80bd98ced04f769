"""The fold: a job's state from its events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from streams.domain.events import (
    AttemptFailed,
    AttemptLost,
    AttemptScheduled,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    CancelRequested,
    ItemsSpan,
    ProgressReported,
    Recorded,
    ScrapeCancelled,
    ScrapeCompleted,
    ScrapeFailed,
    ScrapeRequested,
    TargetDescribed,
)
from streams.domain.job import AttemptState, Job, Status, is_running

LOST_MESSAGES = {
    "worker.lost": "the worker was not heard of any more",
    "job.timeout": "the attempt ran past its time",
}


def evolve(job: Job | None, recorded: Recorded) -> Job | None:
    """Apply one event. Total: an event that comes late or twice changes nothing.

    None stands for a job that nobody asked for yet; only ``ScrapeRequested`` changes that.
    """
    if job is None:
        return _asked(recorded) if isinstance(recorded.event, ScrapeRequested) else None
    if recorded.offset <= job.offset:
        return job
    changed = _applied(job, recorded) if job.is_open else job
    return replace(
        changed,
        offset=recorded.offset,
        events_count=job.events_count + 1,
        updated_at=recorded.occurred_at if changed is not job else job.updated_at,
    )


def fold(history: Iterable[Recorded]) -> Job | None:
    """The state after ``history``, which is in the order of the log."""
    job: Job | None = None
    for recorded in history:
        job = evolve(job, recorded)
    return job


def _asked(recorded: Recorded) -> Job:
    event = recorded.event
    assert isinstance(event, ScrapeRequested)  # noqa: S101 - evolve has looked
    return Job(
        job_id=recorded.job_id,
        tenant=recorded.tenant,
        kind=event.kind,
        url=event.url,
        options=event.options,
        webhook=event.webhook,
        priority=event.priority,
        max_attempts=event.max_attempts,
        attempt_timeout_s=event.attempt_timeout_s,
        metadata=event.metadata,
        created_at=recorded.occurred_at,
        updated_at=recorded.occurred_at,
        attempt_changed_at=recorded.occurred_at,
        traceparent=recorded.traceparent,
        partition=recorded.partition,
        offset=recorded.offset,
    )


def _applied(job: Job, recorded: Recorded) -> Job:
    """The open ``job`` after a new event; ``job`` itself when the event changes nothing."""
    at = recorded.occurred_at
    match recorded.event:
        case ScrapeRequested():
            return job
        case CancelRequested(reason=reason):
            if job.cancel_requested_at is not None:
                return job
            return replace(job, cancel_requested_at=at, cancel_reason=reason)
        case AttemptScheduled(attempt=attempt, due_at=due_at):
            if attempt <= job.attempt or job.attempt_state is AttemptState.RUNNING:
                return job
            return replace(
                job,
                attempt=attempt,
                attempt_state=AttemptState.SCHEDULED,
                attempt_changed_at=at,
                due_at=due_at,
                worker=None,
                status=Status.QUEUED if job.started_at is None else Status.RETRYING,
                stage="queued" if job.started_at is None else "retrying",
            )
        case AttemptStarted():
            return _started(job, recorded.event, at)
        case TargetDescribed(attempt=attempt, worker=worker) as event:
            if not is_running(job, attempt, worker):
                return job
            total = job.items_total if event.items_total is None else event.items_total
            return replace(job, title=event.title, facts=event.facts, items_total=total)
        case ProgressReported(attempt=attempt, worker=worker) as event:
            if not is_running(job, attempt, worker):
                return job
            return replace(
                job,
                stage=event.stage,
                items_count=max(job.items_count, event.items_seen),
                items=_span(job, event.items),
            )
        case AttemptSucceeded() | AttemptFailed() | AttemptStopped():
            return _ended(job, recorded.event, at)
        case AttemptLost(attempt=attempt, reason=reason):
            if attempt != job.attempt or job.attempt_state is not AttemptState.RUNNING:
                return job
            return replace(
                job,
                attempt_state=AttemptState.LOST,
                attempt_changed_at=at,
                attempts_spent=job.attempts_spent + 1,
                may_retry=True,
                retry_after_s=None,
                reason=reason,
                message=LOST_MESSAGES.get(reason, reason),
                stage="retrying",
                status=Status.RETRYING,
            )
        case ScrapeCompleted() | ScrapeFailed() | ScrapeCancelled():
            return _closed(job, recorded.event, at)


def _started(job: Job, event: AttemptStarted, at: datetime) -> Job:
    # The claim may come before the AttemptScheduled that it answers: the task is sent beside it.
    is_next = event.attempt == job.attempt + 1 and job.attempt_state not in (
        AttemptState.RUNNING,
        AttemptState.SUCCEEDED,
    )
    is_scheduled = event.attempt == job.attempt and job.attempt_state is AttemptState.SCHEDULED
    if not (is_next or is_scheduled):
        return job
    return replace(
        job,
        attempt=event.attempt,
        attempt_state=AttemptState.RUNNING,
        attempt_changed_at=at,
        due_at=None,
        worker=event.worker,
        lease_s=event.lease_s,
        started_at=job.started_at or at,
        status=Status.PROCESSING,
        stage="starting",
    )


def _ended(job: Job, event: AttemptSucceeded | AttemptFailed | AttemptStopped, at: datetime) -> Job:
    if not is_running(job, event.attempt, event.worker):
        return job
    job = replace(
        job,
        attempt_changed_at=at,
        items_count=max(job.items_count, event.items_count),
        items=_span(job, event.items),
    )
    match event:
        case AttemptSucceeded():
            return replace(
                job,
                attempt_state=AttemptState.SUCCEEDED,
                outcome=event.outcome,
                reason=None,
                message=event.message,
                stage="finishing",
            )
        case AttemptFailed():
            return replace(
                job,
                attempt_state=AttemptState.FAILED,
                attempts_spent=job.attempts_spent + 1,
                may_retry=event.may_retry,
                retry_after_s=event.retry_after_s,
                reason=event.reason,
                message=event.message,
                stage="retrying",
                status=Status.RETRYING,
            )
        case AttemptStopped():
            return replace(
                job,
                attempt_state=AttemptState.STOPPED,
                stage="retrying",
                status=Status.RETRYING,
            )


def _closed(job: Job, event: ScrapeCompleted | ScrapeFailed | ScrapeCancelled, at: datetime) -> Job:
    job = replace(
        job,
        completed_at=at,
        due_at=None,
        items_count=event.items_count,
        items=event.items,
    )
    match event:
        case ScrapeCompleted(outcome=outcome, message=message):
            return replace(
                job,
                status=Status.COMPLETED,
                stage="completed",
                outcome=outcome,
                message=message,
                reason=None,
            )
        case ScrapeFailed(reason=reason, message=message):
            return replace(
                job,
                status=Status.FAILED,
                stage="failed",
                outcome=reason,
                reason=reason,
                message=message,
            )
        case ScrapeCancelled():
            return replace(job, status=Status.CANCELLED, stage="cancelled", outcome="cancelled")


def _span(job: Job, found: ItemsSpan | None) -> ItemsSpan | None:
    return job.items if found is None else found.joined(job.items)
