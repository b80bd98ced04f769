"""Decisions: which events record a command, and which should exist for a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypedDict

from streams.domain.events import (
    AttemptLost,
    AttemptScheduled,
    CancelRequested,
    Decision,
    ItemsSpan,
    JobEvent,
    ScrapeCancelled,
    ScrapeCompleted,
    ScrapeFailed,
    Webhook,
)
from streams.domain.job import AttemptState, Job, has_expired
from streams.domain.retry import RULES, AttemptEnd, RetryPolicy, wait_s


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelScrape:
    """A client wants the job to end now."""

    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclareLost:
    """The worker that holds ``attempt`` was silent for its lease."""

    attempt: int
    worker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Time has passed, or an event came: write what should exist and does not."""

    now: datetime
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    cancel_grace_s: float = 10.0


Command = CancelScrape | DeclareLost | Advance


def decide(command: Command, job: Job | None) -> tuple[JobEvent, ...]:
    """Events that record ``command``; none when it changes nothing.

    Idempotent: the same command decided again after its events gives ``()``, because Kafka
    delivers at least once.
    """
    if job is None or not job.is_open:
        return ()
    match command:
        case CancelScrape(reason=reason):
            return () if job.cancel_requested_at else (CancelRequested(reason=reason),)
        case DeclareLost(attempt=attempt, worker=worker):
            holds = (job.attempt_state, job.attempt, job.worker)
            if holds != (AttemptState.RUNNING, attempt, worker):
                return ()
            return (AttemptLost(attempt=attempt, worker=worker),)
        case Advance():
            return _advanced(command, job)


def _advanced(command: Advance, job: Job) -> tuple[Decision, ...]:
    if job.cancel_requested_at is not None:
        waited = command.now - job.cancel_requested_at
        stopping = job.attempt_state is AttemptState.RUNNING
        if stopping and waited < timedelta(seconds=command.cancel_grace_s):
            return ()
        return (_cancelled(job),)
    if has_expired(job, command.now):
        return (_failed(job, "job.expired", "no worker was free for it before `expires_at`"),)
    match job.attempt_state:
        case AttemptState.NONE:
            due_at = max(job.created_at, job.not_before or job.created_at)
            return (AttemptScheduled(attempt=1, due_at=due_at),)
        case AttemptState.SCHEDULED:
            return ()
        case AttemptState.RUNNING:
            return _overdue(command, job)
        case AttemptState.SUCCEEDED:
            return (_completed(job, job.outcome or "completed", job.message),)
        case AttemptState.STOPPED:
            return _after(AttemptEnd.HANDED_BACK, command, job)
        case AttemptState.LOST:
            return _after(AttemptEnd.LOST, command, job)
        case AttemptState.FAILED:
            end = AttemptEnd.FAILED if job.may_retry else AttemptEnd.REFUSED
            return _after(end, command, job)


def _after(end: AttemptEnd, command: Advance, job: Job) -> tuple[Decision, ...]:
    """The next attempt as the table of ``streams.domain.retry`` has it, or the job's end."""
    rule = RULES[end]
    if rule.again and (rule.is_free or job.attempts_spent < job.max_attempts):
        pause_s = wait_s(
            rule,
            command.retry,
            job.job_id,
            failures=job.attempts_spent,
            asked_s=job.retry_after_s,
        )
        due_at = job.attempt_changed_at + timedelta(seconds=pause_s)
        return (AttemptScheduled(attempt=job.attempt + 1, due_at=due_at),)
    if job.items_count > 0:
        # What was found is worth having; the outcome says that it is not all.
        return (_completed(job, "partial", job.message),)
    return (_failed(job, job.reason or "internal", job.message),)


def _overdue(command: Advance, job: Job) -> tuple[Decision, ...]:
    # The worker ends an attempt at its time; this is for a worker whose own clock hangs.
    longest = timedelta(seconds=job.attempt_timeout_s + 2 * job.lease_s)
    if command.now - job.attempt_changed_at < longest:
        return ()
    return (AttemptLost(attempt=job.attempt, worker=job.worker or "", reason="job.timeout"),)


def _completed(job: Job, outcome: str, message: str) -> ScrapeCompleted:
    return ScrapeCompleted(**_closing(job), outcome=outcome, message=message)


def _failed(job: Job, reason: str, message: str) -> ScrapeFailed:
    return ScrapeFailed(**_closing(job), reason=reason, message=message)


def _cancelled(job: Job) -> ScrapeCancelled:
    return ScrapeCancelled(**_closing(job), reason=job.cancel_reason)


class _Closing(TypedDict):
    """What every last event says."""

    kind: str
    url: str
    requested_at: datetime
    attempt: int
    items_count: int
    items: ItemsSpan | None
    webhook: Webhook | None
    metadata: Mapping[str, str]
    batch_id: str


def _closing(job: Job) -> _Closing:
    return _Closing(
        kind=job.kind,
        url=job.url,
        requested_at=job.created_at,
        attempt=job.attempt,
        items_count=job.items_count,
        items=job.items,
        webhook=job.webhook,
        metadata=job.metadata,
        batch_id=job.batch_id,
    )
