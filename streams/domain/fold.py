"""The fold: a job's state from its events.

Each event gives the fields that it changes, which are set in a copy that nobody else holds yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from streams.domain.changes import Changes
from streams.domain.events import (
    AttemptFailed,
    AttemptLost,
    AttemptReleased,
    AttemptScheduled,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    CancelRequested,
    ExtractionReported,
    ItemsSpan,
    ProgressReported,
    ResultsStored,
    ScrapeCancelled,
    ScrapeCompleted,
    ScrapeFailed,
    ScrapeRequested,
    TargetDescribed,
)
from streams.domain.job import AttemptState, Job, ResultsFile, Status, copied, is_running
from streams.domain.progress import ProgressRun, set_progress, set_run
from streams.domain.recorded import Recorded

LOST_MESSAGES = {
    "worker.lost": "the worker was not heard of any more",
    "job.timeout": "the attempt ran past its time",
}
NOTHING = Changes()


def evolve(job: Job | None, recorded: Recorded) -> Job | None:
    """Apply one event. Total: an event that comes late or twice changes nothing.

    None stands for a job that nobody asked for yet; only ``ScrapeRequested`` changes that.
    """
    return fold((recorded,), job)


def fold(history: Iterable[Recorded | ProgressRun], job: Job | None = None) -> Job | None:
    """The state after ``history``, in the order of the log, going on from ``job``, which stays."""
    ours: Job | None = None  # from the first change on: a copy, changed in place
    for recorded in history:
        before = ours or job
        if isinstance(recorded, ProgressRun):
            if before is None or recorded.last_offset <= before.offset:
                continue
            if recorded.offset > before.offset:
                ours = ours or copied(before)
                set_run(ours, recorded)
            else:
                ours = fold(recorded.each(), before)
        elif before is None:
            ours = _asked(recorded) if isinstance(recorded.event, ScrapeRequested) else None
        elif recorded.offset > before.offset:
            ours = ours or copied(before)
            if type(recorded.event) is ProgressReported:  # nearly all of them
                set_progress(ours, recorded, recorded.event)
            else:
                _set(ours, _changes(before, recorded))
    return ours or job


def _set(job: Job, changes: Changes) -> None:
    """Change ``job`` itself, past its being frozen: only for one that ``fold`` has just made."""
    for name, value in changes.items():
        object.__setattr__(job, name, value)


def _changes(job: Job, recorded: Recorded) -> Changes:
    """What a new event changes."""
    changes = _changes_while_open(job, recorded) if job.is_open else _changes_after(job, recorded)
    counted = Changes(offset=recorded.offset, events_count=job.events_count + 1)
    if changes:
        counted["updated_at"] = recorded.occurred_at
        counted.update(changes)
    return counted


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
        request_fingerprint=event.request_fingerprint,
        not_before=event.not_before,
        expires_at=event.expires_at,
        batch_id=event.batch_id,
        retry_of=event.retry_of,
        cloned_from=event.cloned_from,
        monitor_id=event.monitor_id,
        created_at=recorded.occurred_at,
        updated_at=recorded.occurred_at,
        attempt_changed_at=recorded.occurred_at,
        traceparent=recorded.traceparent,
        partition=recorded.partition,
        offset=recorded.offset,
    )


def _changes_while_open(job: Job, recorded: Recorded) -> Changes:
    """What a new event changes in an open job, apart from the counters."""
    at = recorded.occurred_at
    match recorded.event:
        case ScrapeRequested() | ResultsStored():
            return NOTHING
        case CancelRequested(reason=reason):
            if job.cancel_requested_at is not None:
                return NOTHING
            return Changes(cancel_requested_at=at, cancel_reason=reason)
        case AttemptScheduled(attempt=attempt, due_at=due_at):
            if attempt <= job.attempt or job.attempt_state is AttemptState.RUNNING:
                return NOTHING
            return Changes(
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
                return NOTHING
            total = job.items_total if event.items_total is None else event.items_total
            return Changes(title=event.title, facts=event.facts, items_total=total)
        case ProgressReported():
            return NOTHING  # `set_progress` has done it
        case ExtractionReported(attempt=attempt, worker=worker, sources=sources):
            if not is_running(job, attempt, worker) or attempt <= job.sources_attempt:
                return NOTHING
            counted = Counter(job.sources) + Counter(sources)
            return Changes(sources=dict(counted), sources_attempt=attempt)
        case AttemptSucceeded() | AttemptFailed() | AttemptStopped() | AttemptReleased():
            return _ended(job, recorded.event, at)
        case AttemptLost(attempt=attempt, reason=reason):
            if attempt != job.attempt or job.attempt_state is not AttemptState.RUNNING:
                return NOTHING
            return Changes(
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
            return _closed(recorded.event, at)


def _changes_after(job: Job, recorded: Recorded) -> Changes:
    """What a new event changes in an ended job: how it ended stays."""
    event = recorded.event
    if not isinstance(event, ResultsStored) or job.results is not None:
        return NOTHING
    return Changes(
        results=ResultsFile(
            key=event.key,
            size_bytes=event.size_bytes,
            rows=event.rows,
            sha256=event.sha256,
            stored_at=recorded.occurred_at,
        )
    )


def _started(job: Job, event: AttemptStarted, at: datetime) -> Changes:
    # The claim may come before the AttemptScheduled that it answers: the task is sent beside it.
    is_next = event.attempt == job.attempt + 1 and job.attempt_state not in (
        AttemptState.RUNNING,
        AttemptState.SUCCEEDED,
    )
    is_scheduled = event.attempt == job.attempt and job.attempt_state is AttemptState.SCHEDULED
    if not (is_next or is_scheduled):
        return NOTHING
    return Changes(
        attempt=event.attempt,
        attempt_state=AttemptState.RUNNING,
        attempt_changed_at=at,
        due_at=None,
        retry_after_s=None,
        worker=event.worker,
        lease_s=event.lease_s,
        started_at=job.started_at or at,
        status=Status.PROCESSING,
        stage="starting",
    )


def _ended(
    job: Job,
    event: AttemptSucceeded | AttemptFailed | AttemptStopped | AttemptReleased,
    at: datetime,
) -> Changes:
    if not is_running(job, event.attempt, event.worker):
        return NOTHING
    found = Changes(
        attempt_changed_at=at,
        items_count=max(job.items_count, event.items_count),
        items=_span(job, event.items),
    )
    match event:
        case AttemptSucceeded():
            return Changes(
                **found,
                attempt_state=AttemptState.SUCCEEDED,
                outcome=event.outcome,
                reason=None,
                message=event.message,
                stage="finishing",
            )
        case AttemptFailed():
            return Changes(
                **found,
                attempt_state=AttemptState.FAILED,
                attempts_spent=job.attempts_spent + 1,
                may_retry=event.may_retry,
                retry_after_s=event.retry_after_s,
                reason=event.reason,
                message=event.message,
                stage="retrying",
                status=Status.RETRYING,
            )
        case AttemptStopped() | AttemptReleased():
            return Changes(
                **found,
                attempt_state=AttemptState.STOPPED,
                retry_after_s=event.retry_after_s if isinstance(event, AttemptStopped) else None,
                stage="retrying",
                status=Status.RETRYING,
            )


def _closed(event: ScrapeCompleted | ScrapeFailed | ScrapeCancelled, at: datetime) -> Changes:
    found = Changes(
        completed_at=at,
        due_at=None,
        items_count=event.items_count,
        items=event.items,
    )
    match event:
        case ScrapeCompleted(outcome=outcome, message=message):
            return Changes(
                **found,
                status=Status.COMPLETED,
                stage="completed",
                outcome=outcome,
                message=message,
                reason=None,
            )
        case ScrapeFailed(reason=reason, message=message):
            return Changes(
                **found,
                status=Status.FAILED,
                stage="failed",
                outcome=reason,
                reason=reason,
                message=message,
            )
        case ScrapeCancelled():
            return Changes(**found, status=Status.CANCELLED, stage="cancelled", outcome="cancelled")


def _span(job: Job, found: ItemsSpan | None) -> ItemsSpan | None:
    return job.items if found is None else found.joined(job.items)
