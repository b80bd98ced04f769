"""Runs of monitors over a log in memory: each once, whoever starts them and whatever is away."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker
from streams.adapters.memory_store import MemoryJobStore
from streams.adapters.records import Records
from streams.agents.earlier_runs import EarlierRuns
from streams.agents.past import Past
from streams.agents.scheduler import Scheduler
from streams.domain.events import JobEvent, ScrapeCompleted, ScrapeRequested, Webhook
from streams.domain.ids import JobId
from streams.domain.items import NewItem
from streams.domain.monitor_events import (
    MonitorCreated,
    MonitorEvent,
    MonitorFired,
    MonitorPaused,
    MonitorRunRequested,
    MonitorSkipped,
    new_monitor_event,
)
from streams.domain.recorded import Recorded, new_event
from streams.topics import JOB_EVENTS, MONITOR_EVENTS, PARTITIONS
from tests.support.orchestration import WAIT_S, MemoryPastReader, open_records

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
URL = "https://example.com/place"
CREATED = MonitorCreated(
    kind="noop",
    url=URL,
    every_s=3600,
    options={"sort": "newest", "stop_at_known": "true"},
    webhook=Webhook(url="https://example.com/hook", secret="sealed"),
)


class Scheduling:
    """One scheduler's life; ``restarted`` gives the next one over the same log."""

    def __init__(self, records: Records, broker: MemoryBroker | None = None) -> None:
        self.records = records
        self.broker = broker or MemoryBroker()
        self.log = RecordEventLog(self.broker, records)
        self.store = MemoryJobStore(self.broker, records)
        self.now_at = NOON
        self._read_to: dict[int, int] = {}

        async def store() -> MemoryJobStore:
            return self.store

        self.scheduler = Scheduler(
            self.log,
            EarlierRuns(store, MemoryPastReader(self.broker), {"noop": "item_id"}),
            Past(MemoryPastReader(self.broker), MONITOR_EVENTS, records.learn),
            records.read_monitor,
            clock=self.clock,
            now=lambda: self.now_at,
        )

    def clock(self) -> float:
        """A process's own clock, seconds."""
        return (self.now_at - NOON).total_seconds()

    def restarted(self) -> Scheduling:
        """The next scheduler: it knows nothing but the log."""
        after = Scheduling(self.records, self.broker)
        after.now_at = self.now_at
        return after

    async def append(self, event: MonitorEvent) -> None:
        """A client's wish, as the API appends it."""
        new = new_monitor_event("m", "public", event, self.now_at)
        await self.log.append_monitor(new)
        await self.sweep()

    async def sweep(self, after: timedelta = timedelta(0)) -> None:
        """Time passes, and the sweep comes; a second one after partitions were taken up."""
        self.now_at += after
        for _ in range(2):
            await self.scheduler.sweep(range(PARTITIONS))
            await self.settle()

    async def settle(self) -> None:
        """Let it read everything that is in the log, also what it writes."""
        async with asyncio.timeout(WAIT_S):
            while True:
                await self.scheduler.close()
                fresh = [
                    raw
                    for raw in self.broker.records(MONITOR_EVENTS)
                    if raw.offset >= self._read_to.get(raw.partition, 0)
                ]
                if not fresh:
                    return
                for raw in fresh:
                    await self.scheduler.react(raw)
                    self._read_to[raw.partition] = raw.offset + 1

    async def end(self, job_id: str, outcome: str = "completed") -> None:
        """A run comes to its end."""
        event = ScrapeCompleted(
            kind="noop",
            url=URL,
            requested_at=self.now_at,
            attempt=1,
            items_count=1,
            outcome=outcome,
        )
        await self._append_job(job_id, event)

    async def find(self, job_id: str, item_id: str) -> None:
        """A run finds an item."""
        fields = {"item_id": item_id, "text": "", "position": 1}
        new = NewItem(
            job_id=JobId(job_id),
            tenant="public",
            event_id=f"{job_id}/{item_id}",
            occurred_at=self.now_at,
            schema="NoopItem",
            fields=fields,
        )
        await self.log.append_items([new])

    async def _append_job(self, job_id: str, event: JobEvent) -> None:
        await self.log.append([new_event(JobId(job_id), "public", event, self.now_at)])

    def runs(self) -> list[Recorded]:
        """The requests in ``job-events``, oldest first."""
        events = [self.records.read_event(raw) for raw in self.broker.records(JOB_EVENTS)]
        asked = [each for each in events if isinstance(each.event, ScrapeRequested)]
        return sorted(asked, key=lambda each: each.occurred_at)

    def options(self, number: int) -> dict[str, str]:
        """The options of one run."""
        event = self.runs()[number].event
        assert isinstance(event, ScrapeRequested)
        return dict(event.options)

    def said(self, cls: type[MonitorEvent]) -> list[MonitorEvent]:
        """What stands in ``monitor-events`` of a type."""
        events = [self.records.read_monitor(raw) for raw in self.broker.records(MONITOR_EVENTS)]
        return [each.event for each in events if isinstance(each.event, cls)]


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
