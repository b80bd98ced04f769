"""The orchestrator's offers: none without a free slot, none lost, none behind a busy worker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from streams.agents.dispatching import BLIND_AFTER_S, PATIENCE_S, REPEAT_S
from streams.domain.events import AttemptFailed, AttemptStarted
from streams.domain.limits import Limits, Quota
from streams.domain.recorded import new_event
from streams.topics import PARTITIONS
from tests.support.orchestration import Orchestration, open_records


@pytest.fixture
async def at_work() -> AsyncIterator[Orchestration]:
    async with open_records() as records:
        begun = Orchestration(records)
        await begun.sweep()
        yield begun


async def test_a_job_waits_in_the_log_until_a_worker_has_a_free_slot(
    at_work: Orchestration,
) -> None:
    job_id = await at_work.submit()
    await at_work.sweep(1.0)
    assert at_work.types(job_id) == ["ScrapeRequested", "AttemptScheduled"]
    assert at_work.tasks() == []
    await at_work.report("w1", 1, first=20)
    ((task, partition),) = at_work.tasks()
    assert (task.job_id, task.attempt) == (job_id, 1)
    assert partition in range(20, 30)


async def test_a_job_is_offered_at_once_while_a_slot_is_free(at_work: Orchestration) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    assert at_work.offered() == [job_id]


async def test_each_slot_that_comes_free_takes_the_next_job(at_work: Orchestration) -> None:
    await at_work.report("w1", 1)
    first, second = await at_work.submit(), await at_work.submit()
    await at_work.start(first, "w1")
    await at_work.report("w1", 0, running=(first,))
    assert at_work.offered() == [first]
    await at_work.succeed(first, "w1")
    assert at_work.offered() == [first]
    await at_work.report("w1", 1)
    assert sorted(at_work.offered()) == sorted([first, second])


async def test_a_job_never_goes_behind_the_busy_worker(at_work: Orchestration) -> None:
    busy = await at_work.submit()
    await at_work.start(busy, "w1")
    await at_work.report("w1", 0, running=(busy,), first=0)
    await at_work.report("w2", 1, first=40)
    job_id = await at_work.submit()
    ((task, partition),) = at_work.tasks()
    assert task.job_id == job_id
    assert partition >= 40


async def test_a_cancelled_job_is_never_offered(at_work: Orchestration) -> None:
    job_id = await at_work.submit()
    await at_work.cancel(job_id)
    await at_work.report("w1", 1)
    assert at_work.tasks() == []
    assert at_work.types(job_id)[-1] == "ScrapeCancelled"


async def test_a_task_whose_worker_is_gone_is_offered_again_to_another(
    at_work: Orchestration,
) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    await at_work.sweep(REPEAT_S + 2)  # and w1 has said nothing since
    assert at_work.offered() == [job_id]
    await at_work.report("w2", 1, first=40)
    assert at_work.offered() == [job_id, job_id]
    assert {partition >= 40 for _, partition in at_work.tasks()} == {True, False}


async def test_a_task_that_was_taken_and_never_claimed_is_offered_again(
    at_work: Orchestration,
) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    at_work.take_all()
    await at_work.report("w1", 1)
    await at_work.sweep(REPEAT_S - 1)
    assert at_work.offered() == [job_id]
    await at_work.report("w1", 1)
    await at_work.sweep(2)
    assert at_work.offered() == [job_id, job_id]


async def test_a_claim_that_may_stand_behind_a_flood_is_waited_for(
    at_work: Orchestration,
) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    at_work.take_all()
    started = AttemptStarted(attempt=1, worker="w1", lease_s=15.0)
    await at_work.log.append([new_event(job_id, "public", started, at_work.now())])
    for _ in range(3):
        await at_work.report_unread("w1", 1)
        await at_work.sweep_unread(2 * REPEAT_S)
    assert at_work.offered() == [job_id]
    await at_work.report("w1", 1)  # and now the orchestrator reads the claim
    await at_work.sweep(2 * REPEAT_S)
    assert at_work.offered() == [job_id]


async def test_a_task_before_a_free_worker_is_not_doubled_soon(at_work: Orchestration) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    for _ in range(2):
        await at_work.report("w1", 1)
        await at_work.sweep(REPEAT_S)
    assert at_work.offered() == [job_id]
    await at_work.report("w1", 1)
    await at_work.sweep(PATIENCE_S)
    await at_work.report("w1", 1)
    assert at_work.offered() == [job_id, job_id]


async def test_a_new_orchestrator_offers_what_waits_and_not_what_runs(
    at_work: Orchestration,
) -> None:
    await at_work.report("w1", 1)
    running, waiting = await at_work.submit(), await at_work.submit()
    await at_work.start(running, "w1")
    at_work.take_all()
    after = at_work.restarted()
    await after.sweep()
    assert after.offered() == [running]
    await after.report("w2", 2)
    assert sorted(after.offered()) == sorted([running, waiting])


async def test_a_new_orchestrator_waits_for_tasks_that_the_one_before_has_offered(
    at_work: Orchestration,
) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    after = at_work.restarted()
    await after.sweep()
    await after.report("w2", 1)
    assert after.offered() == [job_id]  # it still lies before w1
    await after.sweep(REPEAT_S + 1)
    await after.report("w2", 1)
    assert after.offered() == [job_id, job_id]


async def test_without_heartbeats_jobs_are_offered_all_the_same(at_work: Orchestration) -> None:
    at_work.orchestrator.dispatching.silent_s = lambda: BLIND_AFTER_S + 1
    jobs = [await at_work.submit() for _ in range(3)]
    assert sorted(at_work.offered()) == sorted(jobs)


async def test_a_broker_that_is_away_loses_no_job(at_work: Orchestration) -> None:
    job_id = await at_work.submit()
    at_work.broker.away = True
    await at_work.report("w1", 1)
    assert at_work.tasks() == []
    at_work.broker.away = False
    await at_work.report("w1", 1)
    assert at_work.offered() == [job_id]


async def test_a_retry_waits_for_its_time_and_then_for_a_slot(at_work: Orchestration) -> None:
    await at_work.report("w1", 1)
    job_id = await at_work.submit()
    await at_work.start(job_id, "w1")
    await at_work.append(
        job_id,
        AttemptFailed(attempt=1, worker="w1", reason="x", message="", may_retry=True),
    )
    await at_work.report("w1", 1)
    assert at_work.offered() == [job_id]
    await at_work.sweep(4.0)
    await at_work.report("w1", 1)
    assert [task.attempt for task, _ in at_work.tasks()] == [1, 2]


async def test_limits_hold_across_reports(at_work: Orchestration) -> None:
    limited = Orchestration(at_work.records, limits=Limits(per_kind=Quota(default=2)))
    await limited.sweep()
    jobs = [await limited.submit() for _ in range(4)]
    await limited.report("w1", 4)
    assert len(limited.offered()) == 2
    done = limited.offered()[0]
    await limited.start(done, "w1")
    await limited.succeed(done, "w1")
    await limited.report("w1", 3)
    assert len(limited.offered()) == 3
    assert set(limited.offered()) < set(jobs)


async def test_of_two_orchestrators_both_may_offer_and_nothing_waits_for_long(
    at_work: Orchestration,
) -> None:
    halves = range(PARTITIONS // 2), range(PARTITIONS // 2, PARTITIONS)
    here, there = pair = [
        Orchestration(at_work.records, at_work.broker, partitions=half) for half in halves
    ]
    for each in pair:
        await each.sweep()
        await each.report("w1", 1)
    first, second = await here.submit(), await there.submit()
    assert at_work.offered().count(first) == at_work.offered().count(second) == 1  # to w1, both
    await here.start(first, "w1")
    for each in pair:
        each.clock_s = here.clock_s
        await each.report("w1", 0, running=(first,))
        await each.report("w2", 1, first=40)
    await there.sweep(REPEAT_S / 2)
    assert at_work.offered().count(second) == 1
    await there.report("w1", 0, running=(first,))
    await there.sweep(REPEAT_S)
    await there.report("w2", 1, first=40)
    assert at_work.offered().count(second) == 2
