"""A delivery's life, given its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streams.domain.ids import JobId, event_id
from streams.domain.retry import JITTER, RetryPolicy
from streams.domain.webhook import (
    Delivery,
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryExhausted,
    DeliveryResult,
    DeliveryScheduled,
    RecordedDelivery,
    attempted,
    delivery_event,
    delivery_id_of,
    evolve_delivery,
    scheduled_event,
)

JOB = JobId("0" * 32)
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
RETRY = RetryPolicy(base_s=5.0)

SCHEDULED = DeliveryScheduled(
    type="job.completed", url="https://example.com/hook", secret="sealed", body="{}"
)
FIRST_FAILED = DeliveryAttempted(
    attempt=1,
    ok=False,
    status_code=503,
    error="webhook.http_5xx",
    duration_ms=12.0,
    next_at=AT + timedelta(seconds=6),
)
SECOND_FAILED = replace(FIRST_FAILED, attempt=2, status_code=None, error="webhook.timeout")
LAST_FAILED = replace(FIRST_FAILED, attempt=3, next_at=None)
DELIVERED = DeliveryAttempted(attempt=2, ok=True, status_code=200, duration_ms=8.0)
EXHAUSTED = DeliveryExhausted(attempts=3, reason="no try is left")


def recorded(event: DeliveryEvent, offset: int) -> RecordedDelivery:
    return RecordedDelivery(
        delivery_id=delivery_id_of(JOB),
        job_id=JOB,
        tenant="public",
        event_id=event_id(JOB, type(event).__name__, getattr(event, "attempt", 0)),
        occurred_at=AT + timedelta(seconds=offset),
        event=event,
        partition=7,
        offset=offset,
    )


def given(*events: DeliveryEvent) -> Delivery | None:
    """Fold ``events``; each is read twice, as after a crash, and must count once."""
    delivery: Delivery | None = None
    for offset, event in enumerate(events):
        one = recorded(event, offset)
        delivery = evolve_delivery(delivery, one)
        assert evolve_delivery(delivery, one) == delivery
    return delivery


def owed_after(*events: DeliveryEvent) -> Delivery:
    delivery = given(*events)
    assert delivery is not None
    assert delivery.is_owed
    return delivery


def test_a_scheduled_delivery_is_due_at_once() -> None:
    delivery = owed_after(SCHEDULED)
    assert delivery.due_at == AT
    assert delivery.attempts == 0


def test_a_failed_try_says_when_the_next_one_is_due() -> None:
    delivery = owed_after(SCHEDULED, FIRST_FAILED)
    assert delivery.due_at == FIRST_FAILED.next_at
    assert delivery.last_error == "webhook.http_5xx 503"


def test_a_try_that_got_no_status_is_named_by_its_class() -> None:
    assert owed_after(SCHEDULED, FIRST_FAILED, SECOND_FAILED).last_error == "webhook.timeout"


def test_after_the_last_failure_no_try_is_due_but_the_dead_letter_is_owed() -> None:
    assert owed_after(SCHEDULED, FIRST_FAILED, SECOND_FAILED, LAST_FAILED).due_at is None


@pytest.mark.parametrize("end", [DELIVERED, EXHAUSTED])
def test_nothing_is_owed_after_success_or_exhaustion(end: DeliveryEvent) -> None:
    delivery = given(SCHEDULED, FIRST_FAILED, end)
    assert delivery is not None
    assert not delivery.is_owed
    assert delivery.closed_at == AT + timedelta(seconds=2)


def test_a_closed_delivery_keeps_neither_secret_nor_body() -> None:
    delivery = given(SCHEDULED, DELIVERED)
    assert delivery is not None
    assert delivery.scheduled.secret is None
    assert delivery.scheduled.body == ""


@pytest.mark.parametrize("late", [SCHEDULED, FIRST_FAILED, DELIVERED, EXHAUSTED])
def test_nothing_reopens_a_closed_delivery(late: DeliveryEvent) -> None:
    delivery = given(SCHEDULED, DELIVERED, late)
    assert delivery is not None
    assert not delivery.is_owed


def test_a_late_report_of_an_earlier_try_moves_nothing() -> None:
    before = owed_after(SCHEDULED, FIRST_FAILED, SECOND_FAILED)
    after = owed_after(SCHEDULED, FIRST_FAILED, SECOND_FAILED, FIRST_FAILED)
    assert after == replace(before, offset=after.offset)


def test_a_late_success_of_an_earlier_try_is_a_success() -> None:
    late = replace(DELIVERED, attempt=1)
    delivery = given(SCHEDULED, FIRST_FAILED, SECOND_FAILED, late)
    assert delivery is not None
    assert not delivery.is_owed
    assert delivery.attempts == 2


@pytest.mark.parametrize("event", [FIRST_FAILED, DELIVERED, EXHAUSTED])
def test_nothing_is_owed_that_was_not_scheduled(event: DeliveryEvent) -> None:
    assert given(event) is None


def failed(**more: object) -> DeliveryResult:
    return replace(DeliveryResult(ok=False, error="webhook.http_5xx", status_code=503), **more)  # type: ignore[arg-type]  # fields by name


def test_pauses_double_and_the_last_failure_has_no_next_try() -> None:
    first = attempted(owed_after(SCHEDULED), failed(), AT, tries=3, retry=RETRY)
    assert first.attempt == 1
    assert first.next_at is not None
    assert 5.0 <= (first.next_at - AT).total_seconds() <= 5.0 * (1 + JITTER)
    second = attempted(owed_after(SCHEDULED, first), failed(), AT, tries=3, retry=RETRY)
    assert second.next_at is not None
    assert 10.0 <= (second.next_at - AT).total_seconds() <= 10.0 * (1 + JITTER)
    third = attempted(owed_after(SCHEDULED, first, second), failed(), AT, tries=3, retry=RETRY)
    assert third.attempt == 3
    assert third.next_at is None


def test_retry_after_lengthens_the_pause() -> None:
    event = attempted(owed_after(SCHEDULED), failed(retry_after_s=90.0), AT, tries=3, retry=RETRY)
    assert event.next_at == AT + timedelta(seconds=90)


def test_retry_after_cannot_shorten_the_pause() -> None:
    asked = attempted(owed_after(SCHEDULED), failed(retry_after_s=0.1), AT, tries=3, retry=RETRY)
    assert asked == attempted(owed_after(SCHEDULED), failed(), AT, tries=3, retry=RETRY)


def test_retry_after_is_honoured_up_to_the_longest_pause() -> None:
    event = attempted(owed_after(SCHEDULED), failed(retry_after_s=1e9), AT, tries=3, retry=RETRY)
    assert event.next_at == AT + timedelta(seconds=RETRY.longest_s)


def test_a_receiver_that_is_gone_gets_no_further_try() -> None:
    event = attempted(
        owed_after(SCHEDULED), failed(status_code=410, gone=True), AT, tries=3, retry=RETRY
    )
    assert event.next_at is None


def test_a_decision_taken_again_is_the_same_decision() -> None:
    delivery = owed_after(SCHEDULED)
    once = attempted(delivery, failed(), AT, tries=3, retry=RETRY)
    again = attempted(delivery, failed(), AT, tries=3, retry=RETRY)
    assert delivery_event(delivery, once, AT) == delivery_event(delivery, again, AT)


def test_each_event_of_a_delivery_has_its_own_id() -> None:
    delivery = owed_after(SCHEDULED)
    tries = [FIRST_FAILED, SECOND_FAILED, LAST_FAILED]
    ids = {delivery_event(delivery, event, AT).event_id for event in tries}
    ids.add(delivery_event(delivery, EXHAUSTED, AT).event_id)
    assert len(ids | {scheduled_event(delivery).event_id}) == 5


def test_the_scheduled_event_can_be_told_again_word_for_word() -> None:
    first = recorded(SCHEDULED, 0)
    assert scheduled_event(owed_after(SCHEDULED, FIRST_FAILED)) == first


def test_the_webhook_id_is_the_same_over_all_tries_and_holds_no_full_stop() -> None:
    assert delivery_id_of(JOB) == delivery_id_of(JobId("0" * 32))
    assert delivery_id_of(JOB) != delivery_id_of(JobId("1" * 32))
    assert "." not in delivery_id_of(JOB)


def test_an_encrypted_secret_is_not_even_shown() -> None:
    assert "sealed" not in repr(owed_after(SCHEDULED))
