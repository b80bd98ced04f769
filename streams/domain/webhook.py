"""Webhook deliveries: events, state and when the next try is due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from streams.domain.events import (
    Ending,
    ItemsSpan,
    ScrapeCancelled,
    ScrapeCompleted,
    ScrapeFailed,
)
from streams.domain.ids import JobId, event_id
from streams.domain.retry import RetryPolicy, retry_delay_s

EVENT_TYPES: Mapping[type[Ending], str] = {
    ScrapeCompleted: "job.completed",
    ScrapeFailed: "job.failed",
    ScrapeCancelled: "job.cancelled",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryScheduled:
    """A webhook is owed to a customer."""

    type: str
    url: str
    secret: str | None = field(default=None, repr=False)
    """Encrypted."""
    body: str
    """The very text that is signed and sent, as UTF-8."""
    items: ItemsSpan | None = None
    """Items that must be readable before the first try."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempted:
    """One try, however it ended."""

    attempt: int
    ok: bool
    status_code: int | None = None
    error: str | None = None
    duration_ms: float
    next_at: datetime | None = None
    """When the next try is due; None when there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryExhausted:
    """No try is left; the delivery went to the dead-letter topic."""

    attempts: int
    reason: str


DeliveryEvent = DeliveryScheduled | DeliveryAttempted | DeliveryExhausted


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDelivery:
    """A delivery event, new (offset -1) or with its place in ``webhook-events``."""

    delivery_id: str
    job_id: JobId
    tenant: str
    event_id: str
    occurred_at: datetime
    event: DeliveryEvent
    traceparent: str | None = None
    partition: int = -1
    offset: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryResult:
    """How one try ended, before it is recorded."""

    ok: bool
    status_code: int | None = None
    error: str | None = None
    """Class of the failure, such as ``webhook.timeout``."""
    duration_ms: float = 0.0
    retry_after_s: float | None = None
    """Pause that the receiver asks for, seconds."""
    gone: bool = False
    """The receiver wants no further try (status 410)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A delivery as its events left it: owed until ``closed_at`` is set."""

    delivery_id: str
    job_id: JobId
    tenant: str
    scheduled: DeliveryScheduled
    """Without body and secret once closed: nobody needs them any more."""
    scheduled_at: datetime
    attempts: int = 0
    due_at: datetime | None
    """When the next try is due; None: no try is left, only the dead-letter topic."""
    last_error: str = ""
    """Class of the newest failure, then the receiver's status if it gave one."""
    closed_at: datetime | None = None
    """When it succeeded or was exhausted. Kept, so that a repeated schedule owes nothing."""
    traceparent: str | None = None
    partition: int
    scheduled_offset: int
    """Place of its ``DeliveryScheduled``."""
    offset: int
    """Place of the newest event folded in."""

    @property
    def is_owed(self) -> bool:
        """Whether something is still to be done for it."""
        return self.closed_at is None


def delivery_id_of(job_id: JobId) -> str:
    """The ``webhook-id`` of a job's end: the same over all tries. Holds no full stop."""
    return event_id(job_id, "webhook")


def evolve_delivery(delivery: Delivery | None, recorded: RecordedDelivery) -> Delivery | None:
    """Apply one event. None: nothing was ever owed. Total: late or repeated changes nothing."""
    if delivery is None:
        return _owed(recorded) if isinstance(recorded.event, DeliveryScheduled) else None
    if recorded.offset <= delivery.offset:
        return delivery
    changed = _applied(delivery, recorded) if delivery.is_owed else delivery
    return replace(changed, offset=recorded.offset)


def attempted(
    delivery: Delivery, result: DeliveryResult, at: datetime, *, tries: int, retry: RetryPolicy
) -> DeliveryAttempted:
    """The event of try ``delivery.attempts + 1``, with the time of the next one."""
    is_last = result.ok or result.gone
    return DeliveryAttempted(
        attempt=delivery.attempts + 1,
        ok=result.ok,
        status_code=result.status_code,
        error=result.error,
        duration_ms=result.duration_ms,
        next_at=None
        if is_last
        else next_try_at(delivery, at, tries=tries, retry=retry, asked_s=result.retry_after_s),
    )


def next_try_at(
    delivery: Delivery,
    failed_at: datetime,
    *,
    tries: int,
    retry: RetryPolicy,
    asked_s: float | None = None,
) -> datetime | None:
    """When to try again after the failure of try ``delivery.attempts + 1``; None: never.

    ``asked_s`` is the receiver's ``Retry-After``: it can only lengthen the pause, and not
    beyond ``retry.longest_s``.
    """
    made = delivery.attempts + 1
    if made >= tries:
        return None
    pause_s = retry_delay_s(retry, delivery.delivery_id, made)
    return failed_at + timedelta(seconds=max(pause_s, min(asked_s or 0.0, retry.longest_s)))


def delivery_event(
    delivery: Delivery, event: DeliveryAttempted | DeliveryExhausted, at: datetime
) -> RecordedDelivery:
    """``event`` of ``delivery`` with its deterministic id, ready to append."""
    number = event.attempt if isinstance(event, DeliveryAttempted) else event.attempts
    return RecordedDelivery(
        delivery_id=delivery.delivery_id,
        job_id=delivery.job_id,
        tenant=delivery.tenant,
        event_id=event_id(delivery.job_id, type(event).__name__, number),
        occurred_at=at,
        event=event,
        traceparent=delivery.traceparent,
    )


def scheduled_event(delivery: Delivery) -> RecordedDelivery:
    """The event by which an owed ``delivery`` began, as it was recorded."""
    return RecordedDelivery(
        delivery_id=delivery.delivery_id,
        job_id=delivery.job_id,
        tenant=delivery.tenant,
        event_id=event_id(delivery.job_id, DeliveryScheduled.__name__),
        occurred_at=delivery.scheduled_at,
        event=delivery.scheduled,
        traceparent=delivery.traceparent,
        partition=delivery.partition,
        offset=delivery.scheduled_offset,
    )


def _owed(recorded: RecordedDelivery) -> Delivery:
    event = recorded.event
    assert isinstance(event, DeliveryScheduled)  # noqa: S101 - evolve_delivery has looked
    return Delivery(
        delivery_id=recorded.delivery_id,
        job_id=recorded.job_id,
        tenant=recorded.tenant,
        scheduled=event,
        scheduled_at=recorded.occurred_at,
        due_at=recorded.occurred_at,
        traceparent=recorded.traceparent,
        partition=recorded.partition,
        scheduled_offset=recorded.offset,
        offset=recorded.offset,
    )


def _applied(delivery: Delivery, recorded: RecordedDelivery) -> Delivery:
    """The owed ``delivery`` after a new event; ``delivery`` itself when it changes nothing."""
    match recorded.event:
        case DeliveryScheduled():
            return delivery
        case DeliveryAttempted(ok=True, attempt=attempt):
            made = max(attempt, delivery.attempts)
            return _closed(replace(delivery, attempts=made, last_error=""), recorded.occurred_at)
        case DeliveryAttempted(attempt=attempt) as event:
            if attempt <= delivery.attempts:
                return delivery
            status = "" if event.status_code is None else str(event.status_code)
            return replace(
                delivery,
                attempts=attempt,
                due_at=event.next_at,
                last_error=f"{event.error or 'webhook.failed'} {status}".rstrip(),
            )
        case DeliveryExhausted():
            return _closed(delivery, recorded.occurred_at)


def _closed(delivery: Delivery, at: datetime) -> Delivery:
    emptied = replace(delivery.scheduled, body="", secret=None)
    return replace(delivery, scheduled=emptied, due_at=None, closed_at=at)
