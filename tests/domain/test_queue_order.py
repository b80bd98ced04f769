"""Where a waiting job stands: as it will be served."""

from __future__ import annotations

import pytest

from streams.domain.fair_queue import FairQueue, Waiting
from streams.domain.queue_order import HEAD, QueueOrder, Row
from tests.domain.test_fair_queue import NOBODY, waiting

MIXED = [
    waiting(number, tenant=tenant, priority=priority)
    for number in range(60)
    for tenant in ("a", "b", "c")
    for priority in ("high", "normal", "low")
]


def order_of(jobs: list[Waiting]) -> QueueOrder:
    order = QueueOrder(NOBODY)
    rows = [Row(job.order, job.job_id, job.priority, job.tenant, job.kind) for job in jobs]
    order.add(sorted(rows))
    order.close()
    return order


def really(jobs: list[Waiting]) -> list[str]:
    """The order in which the queue serves them, while all that were served are at work."""
    queue, served = FairQueue(), list[str]()
    running = NOBODY.copy()
    for job in jobs:
        queue.add(job)
    while job := queue.take(running=running):  # type: ignore[assignment]
        running[job.tenant] += 1
        served.append(job.job_id)
    return served


def test_the_head_is_exact() -> None:
    order = order_of(MIXED)
    served = really(MIXED)
    assert [order.position(job_id) for job_id in served[:HEAD]] == list(range(1, HEAD + 1))


def test_far_behind_it_is_about_right_and_never_out_of_range() -> None:
    order = order_of(MIXED)
    for place, job_id in enumerate(really(MIXED)[HEAD:], HEAD + 1):
        position = order.position(job_id)
        assert position is not None
        assert HEAD < position <= len(MIXED)
        assert position == pytest.approx(place, abs=60)


def test_of_one_tenant_every_place_is_exact() -> None:
    jobs = [waiting(number) for number in range(2_000)]
    order = order_of(jobs[::-1])
    assert [order.position(job.job_id) for job in jobs] == list(range(1, 2_001))


def test_a_newcomer_is_not_behind_the_25_000_of_another() -> None:
    jobs = [waiting(number, tenant="big") for number in range(25_000)]
    order = order_of([*jobs, waiting(30_000, tenant="small")])
    assert order.position(waiting(30_000, tenant="small").job_id) in {1, 2}
    assert order.position(jobs[-1].job_id) == 25_001


def test_what_does_not_wait_has_no_place() -> None:
    assert order_of([]).position("x") is None
