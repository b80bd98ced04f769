"""A scheduler of monitors over a log in memory, and what it has done there."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

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
    new_monitor_event,
)
from streams.domain.recorded import Recorded, new_event
from streams.topics import JOB_EVENTS, MONITOR_EVENTS, PARTITIONS
from tests.support.orchestration import WAIT_S, MemoryPastReader

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
