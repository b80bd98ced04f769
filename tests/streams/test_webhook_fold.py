"""What the agent keeps of ``webhook-events``, and for how long."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from streams.agents.delivery_fold import (
    FORGET_EVERY,
    REMEMBERED,
    DeliveryFold,
    decoded,
    encoded,
)
from streams.domain.events import ItemsSpan
from streams.domain.ids import JobId
from streams.domain.webhook import (
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryExhausted,
    DeliveryScheduled,
    RecordedDelivery,
    delivery_id_of,
)

AT = datetime(2026, 11, 22, 10, 0, 0, 123_456, tzinfo=UTC)
SCHEDULED = DeliveryScheduled(
    type="job.completed",
    url="https://example.com/",
    secret="sealed",
    body='{"place":"Café"}',
    items=ItemsSpan(partition=3, first=10, end=254),
)
DELIVERED = DeliveryAttempted(attempt=1, ok=True, duration_ms=8.5)
FAILED = DeliveryAttempted(attempt=1, ok=False, error="webhook.timeout", duration_ms=8.5)


def recorded(
    event: DeliveryEvent, offset: int, *, job: str = "a", partition: int = 0
) -> RecordedDelivery:
    return RecordedDelivery(
        delivery_id=delivery_id_of(JobId(job)),
        job_id=JobId(job),
        tenant="public",
        event_id=f"{job}-{offset}",
        occurred_at=AT,
        event=event,
        partition=partition,
        offset=offset,
    )


def test_a_delivery_comes_back_from_its_bytes_as_it_was() -> None:
    fold = DeliveryFold({})
    events: list[DeliveryEvent] = [SCHEDULED, FAILED, DELIVERED]
    for offset, event in enumerate(events):
        delivery = fold.apply(recorded(event, offset), AT)
        assert delivery is not None
        assert decoded(encoded(delivery)) == delivery


def test_a_sweep_learns_what_is_due_without_reading_the_deliveries() -> None:
    fold = DeliveryFold({})
    delivery_id = delivery_id_of(JobId("a"))
    later = replace(FAILED, next_at=AT + timedelta(minutes=1))
    fold.apply(recorded(SCHEDULED, 0), AT)
    assert fold.owed() == [(delivery_id, 0, AT.timestamp())]
    fold.apply(recorded(later, 1), AT)
    assert fold.owed() == [(delivery_id, 1, AT.timestamp() + 60)]
    fold.apply(recorded(replace(FAILED, attempt=2), 2), AT)
    assert fold.owed() == [(delivery_id, 2, -math.inf)]
    fold.apply(recorded(DeliveryExhausted(attempts=2, reason="no try is left"), 3), AT)
    assert fold.owed() == []


def test_a_record_read_twice_changes_nothing() -> None:
    fold = DeliveryFold({})
    assert fold.apply(recorded(SCHEDULED, 0), AT) is not None
    assert fold.apply(recorded(SCHEDULED, 0), AT) is None


def test_a_delivered_one_is_remembered_for_a_while_and_then_forgotten() -> None:
    storage: dict[str, bytes] = {}
    fold = DeliveryFold(storage)
    fold.apply(recorded(SCHEDULED, 0), AT)
    fold.apply(recorded(DELIVERED, 1), AT)
    assert not fold.owed()
    fold.apply(recorded(SCHEDULED, 2, job="b"), AT + REMEMBERED)
    assert len(storage) == 2
    fold.apply(recorded(FAILED, 3, job="b"), AT + REMEMBERED + FORGET_EVERY)
    assert [each.delivery_id for each in fold.owed()] == [delivery_id_of(JobId("b"))]
    assert len(storage) == 1


def test_only_the_partition_of_the_record_is_changed() -> None:
    storage: dict[str, bytes] = {}
    fold = DeliveryFold(storage)
    for partition, job in enumerate("ab"):
        fold.apply(recorded(SCHEDULED, 0, job=job, partition=partition), AT)
        fold.apply(recorded(DELIVERED, 1, job=job, partition=partition), AT)
    later = AT + REMEMBERED + FORGET_EVERY + timedelta(seconds=1)
    fold.apply(recorded(SCHEDULED, 2, job="c", partition=0), later)
    assert set(storage) == {delivery_id_of(JobId(job)) for job in "bc"}


def test_a_start_reads_from_the_oldest_that_is_kept() -> None:
    fold = DeliveryFold({})
    for offset, job in enumerate("ab", start=5):
        fold.apply(recorded(SCHEDULED, offset, job=job), AT)
    fold.apply(recorded(DELIVERED, 7, job="b"), AT)
    fold.apply(recorded(DELIVERED, 9, job="never scheduled", partition=1), AT)
    assert fold.low_waters() == {0: 5, 1: 10}


def test_deliveries_of_a_partition_that_went_away_are_dropped() -> None:
    storage: dict[str, bytes] = {}
    fold = DeliveryFold(storage)
    for partition, job in enumerate("ab"):
        fold.apply(recorded(SCHEDULED, 0, job=job, partition=partition), AT)
    fold.keep_only({0, 1})
    assert len(storage) == 2
    fold.keep_only({1})
    assert [each.delivery_id for each in fold.owed()] == [delivery_id_of(JobId("b"))]
    assert fold.folded_to == {1: 1}
