"""Runs of monitors over a log in memory: each once, whoever starts them and whatever is away."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from streams.agents.stalls import STALLED_S
from streams.domain.events import ScrapeRequested
from streams.domain.monitor_events import (
    MonitorFired,
    MonitorPaused,
    MonitorRunRequested,
    MonitorSkipped,
    new_monitor_event,
)
from streams.topics import PARTITIONS
from tests.support.orchestration import open_records
from tests.support.scheduling import CREATED, Scheduling


@pytest.fixture
async def scheduling() -> AsyncIterator[Scheduling]:
    async with open_records() as records:
        yield Scheduling(records)


async def test_the_second_run_stops_at_what_the_first_has_found(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    [first] = scheduling.runs()
    assert isinstance(first.event, ScrapeRequested)
    assert (first.event.monitor_id, first.event.webhook) == ("m", CREATED.webhook)
    assert first.traceparent
    assert scheduling.options(0) == {"sort": "newest"}
    await scheduling.find(first.job_id, "a")
    await scheduling.end(first.job_id)

    await scheduling.sweep(timedelta(minutes=59))
    assert len(scheduling.runs()) == 1
    await scheduling.sweep(timedelta(minutes=10))
    assert scheduling.options(1) == {**CREATED.options, "known_ids": "a"}
    assert [each.full for each in scheduling.said(MonitorFired)] == [True, False]  # type: ignore[union-attr]


async def test_after_a_run_that_did_not_find_everything_the_next_one_does(
    scheduling: Scheduling,
) -> None:
    await scheduling.append(CREATED)
    await scheduling.find(scheduling.runs()[0].job_id, "a")
    await scheduling.end(scheduling.runs()[0].job_id, outcome="partial")
    await scheduling.sweep(timedelta(hours=2))
    assert scheduling.options(1) == {"sort": "newest"}


async def test_a_run_is_skipped_while_the_one_before_is_open(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    [first] = scheduling.runs()
    await scheduling.sweep(timedelta(hours=2))
    assert scheduling.runs() == [first]
    [skipped] = scheduling.said(MonitorSkipped)
    assert isinstance(skipped, MonitorSkipped)
    assert skipped.open_job_id == first.job_id
    await scheduling.end(first.job_id)
    await scheduling.sweep(timedelta(minutes=5))
    assert len(scheduling.runs()) == 1
    await scheduling.sweep(timedelta(hours=1))
    assert len(scheduling.runs()) == 2


async def test_a_day_without_a_scheduler_is_made_up_for_with_one_run(
    scheduling: Scheduling,
) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    after = scheduling.restarted()
    await after.sweep(timedelta(days=1))
    assert len(after.runs()) == 2
    await after.sweep(timedelta(seconds=30))
    assert len(after.runs()) == 2


async def test_a_crash_between_the_two_appends_makes_no_second_job(
    scheduling: Scheduling, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(event: object) -> None:
        raise asyncio.CancelledError

    await scheduling.append(dataclasses.replace(CREATED))
    await scheduling.end(scheduling.runs()[0].job_id)
    with monkeypatch.context() as patch:
        patch.setattr(scheduling.log, "append_monitor", crash)
        await scheduling.sweep(timedelta(hours=2))
    second = scheduling.runs()[1]
    assert len(scheduling.said(MonitorFired)) == 1
    await scheduling.end(second.job_id)

    after = scheduling.restarted()
    after.store.is_held = True  # the materializer is behind: nobody may start anything yet
    await after.sweep(timedelta(seconds=5))
    assert len(after.said(MonitorFired)) == 1
    after.store.is_held = False
    await after.sweep(timedelta(seconds=3))
    assert len(after.said(MonitorFired)) == 2
    assert [each.job_id for each in after.runs()] == [scheduling.runs()[0].job_id, second.job_id]


async def test_two_schedulers_of_one_monitor_make_one_job_of_a_run(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    other = scheduling.restarted()
    later = timedelta(hours=2)
    await other.sweep()
    scheduling.now_at += later
    other.now_at += later
    await asyncio.gather(
        scheduling.scheduler.sweep(range(PARTITIONS)), other.scheduler.sweep(range(PARTITIONS))
    )
    await scheduling.settle()
    await other.settle()
    assert len({each.job_id for each in scheduling.runs()}) == 2
    await scheduling.sweep(timedelta(minutes=1))
    await other.sweep(timedelta(minutes=1))
    assert len({each.job_id for each in scheduling.runs()}) == 2


async def test_a_store_that_is_away_delays_a_run(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    scheduling.store.away = True
    await scheduling.sweep(timedelta(hours=2))
    assert len(scheduling.runs()) == 1
    assert 3_000 < scheduling.scheduler.overdue_s() <= 3_600
    scheduling.store.away = False
    await scheduling.sweep(timedelta(seconds=3))
    assert len(scheduling.runs()) == 2
    assert scheduling.scheduler.overdue_s() == 0


async def test_a_broker_that_is_away_delays_a_run(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    scheduling.broker.away = True
    await scheduling.sweep(timedelta(hours=2))
    scheduling.broker.away = False
    assert len(scheduling.runs()) == 1
    await scheduling.sweep(timedelta(seconds=3))
    assert len(scheduling.runs()) == 2


async def test_a_run_that_a_client_asks_for_has_the_id_that_it_was_told(
    scheduling: Scheduling,
) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    await scheduling.append(MonitorPaused())
    scheduling.now_at += timedelta(minutes=1)
    await scheduling.append(MonitorRunRequested(job_id="f" * 32, full=True))
    assert scheduling.runs()[1].job_id == "f" * 32
    assert scheduling.options(1) == {"sort": "newest"}
    assert scheduling.scheduler.count() == 1


async def test_partitions_of_another_process_are_left_alone(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    scheduling.now_at += timedelta(hours=2)
    await scheduling.scheduler.sweep(())
    await scheduling.settle()
    assert (len(scheduling.runs()), scheduling.scheduler.count()) == (1, 0)


async def test_many_monitors_that_are_due_at_once_each_run_once(scheduling: Scheduling) -> None:
    for number in range(100):
        new = new_monitor_event(f"m{number}", "public", CREATED, scheduling.now_at)
        await scheduling.log.append_monitor(new)
    await scheduling.sweep()
    await scheduling.sweep(timedelta(seconds=30))
    started = [each.event for each in scheduling.runs()]
    assert len({each.monitor_id for each in started if isinstance(each, ScrapeRequested)}) == 100
    assert len(started) == len(scheduling.said(MonitorFired)) == 100


async def test_a_change_comes_before_a_run_that_was_about_to_begin(scheduling: Scheduling) -> None:
    await scheduling.append(CREATED)
    await scheduling.end(scheduling.runs()[0].job_id)
    scheduling.store.away = True
    await scheduling.sweep(timedelta(hours=2))
    await scheduling.append(MonitorPaused())
    scheduling.store.away = False
    await scheduling.sweep(timedelta(seconds=3))
    assert len(scheduling.runs()) == 1


async def test_a_monitor_that_no_record_speaks_of_any_more_runs(scheduling: Scheduling) -> None:
    """Another one has read of it, and was gone before its first run."""
    await scheduling.sweep()
    await scheduling.log.append_monitor(
        new_monitor_event("m", "public", CREATED, scheduling.now_at)
    )
    for _ in range(3):
        await scheduling.scheduler.sweep(range(PARTITIONS))
        await scheduling.scheduler.close()
        scheduling.now_at += timedelta(seconds=STALLED_S + 1)
    assert len(scheduling.runs()) == 1
