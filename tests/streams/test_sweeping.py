"""A sweep over many open jobs stands in the way of nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

import streams.agents.orchestrator
from streams.agents.dispatching import REPEAT_S
from streams.domain.events import CancelRequested
from streams.domain.items import Position
from streams.domain.recorded import NewEvent, new_event
from streams.topics import JOB_EVENTS
from tests.support.orchestration import Orchestration, open_records

JOBS = 30


@pytest.fixture
async def waiting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orchestration]:
    """An orchestrator with open jobs in one partition, of which a sweep looks at few at once."""
    monkeypatch.setattr(streams.agents.orchestrator, "SWEPT_AT_ONCE", 3)
    async with open_records() as records:
        begun = Orchestration(records, partitions=range(1))
        await begun.sweep()
        for _ in range(JOBS):
            await begun.submit()
        yield begun


async def turns_during_a_sweep(at_work: Orchestration) -> int:
    """How often somebody else came to run."""
    sweep = asyncio.create_task(at_work.orchestrator.sweep(at_work.partitions))
    turns = 0
    while not sweep.done():
        await asyncio.sleep(0)
        turns += 1
    sweep.result()
    return turns


async def test_others_have_their_turn_while_open_jobs_are_looked_at(
    waiting: Orchestration,
) -> None:
    assert await turns_during_a_sweep(waiting) >= JOBS / 3


async def test_a_sweep_ends_when_its_partition_is_taken_away(waiting: Orchestration) -> None:
    sweep = asyncio.create_task(waiting.orchestrator.sweep(waiting.partitions))
    await asyncio.sleep(0)
    await waiting.orchestrator.sweep([])
    await sweep
    assert waiting.orchestrator.open_jobs() == 0
    await waiting.report("w1", JOBS)
    assert waiting.offered() == []


async def test_a_decision_that_stands_behind_a_flood_is_not_written_again(
    waiting: Orchestration,
) -> None:
    job_id = await waiting.submit()
    new = new_event(job_id, "public", CancelRequested(), waiting.now())
    await waiting.log.append([new])
    await waiting.orchestrator.react(waiting.broker.records(JOB_EVENTS)[-1])
    await waiting.orchestrator.close()  # its end is in the log, and not folded in yet
    for _ in range(3):
        waiting.clock_s += 2 * REPEAT_S
        await waiting.orchestrator.sweep(waiting.partitions)
        await waiting.orchestrator.close()
    assert waiting.types(job_id).count("ScrapeCancelled") == 1


async def test_a_job_whose_decision_cannot_be_written_holds_up_no_other(
    waiting: Orchestration, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled = [await waiting.submit() for _ in range(3)]
    append = waiting.log.append

    async def append_all_but_one(events: Sequence[NewEvent]) -> Sequence[Position]:
        if any(new.job_id == cancelled[1] for new in events):
            raise ValueError("it does not fit its schema")
        return await append(events)

    begin = waiting.broker.next_after((JOB_EVENTS, 0), 0)[-1].offset + 1
    new = [new_event(job_id, "public", CancelRequested(), waiting.now()) for job_id in cancelled]
    await append(new)
    monkeypatch.setattr(waiting.log, "append", append_all_but_one)
    await waiting.orchestrator.react_all(waiting.broker.next_after((JOB_EVENTS, 0), begin))
    await waiting.orchestrator.close()
    ended = [waiting.types(job_id).count("ScrapeCancelled") for job_id in cancelled]
    assert ended == [1, 0, 1]


async def test_a_decision_that_could_not_be_stored_is_written_by_the_next_sweep(
    waiting: Orchestration,
) -> None:
    job_id = await waiting.submit()
    new = new_event(job_id, "public", CancelRequested(), waiting.now())
    await waiting.log.append([new])
    waiting.broker.away = True
    await waiting.orchestrator.react(waiting.broker.next_after((JOB_EVENTS, 0), 0)[-1])
    await waiting.orchestrator.close()
    waiting.broker.away = False
    await waiting.sweep()
    assert waiting.types(job_id).count("ScrapeCancelled") == 1
