"""A worker over a log in memory: what it says of itself, when it takes tasks, how it stops.

Its jobs scrape nothing and need no browser. Log and codec are real.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from prometheus_client import CollectorRegistry

from scrapers.bare_page import NoBrowser
from scrapers.metrics import WorkerMetrics
from scrapers.registry import all_scrapers
from scrapers.worker import Worker
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.records import Records
from streams.domain.events import (
    AttemptReleased,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    JobEvent,
)
from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.ids import JobId, new_job_id
from streams.domain.recorded import Recorded
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.ports import RawRecord, TopicPartition
from streams.settings import Settings
from streams.topics import JOB_EVENTS, TASKS, WORKER_CONTROL, WORKER_HEARTBEATS
from tests.support.orchestration import open_records

WAIT_S = 10.0
OURS = 5
"""The partition that the worker reads."""


class MemoryTaskReader(MemoryReader):
    """A member of the workers' group that has one partition of each topic."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.committed: dict[TopicPartition, int] = {}
        self.assign({(topic, OURS): 0 for topic in TASKS.values()})

    async def read(
        self, *, timeout_s: float, most: int = 5_000, topics: Iterable[str] = ()
    ) -> list[RawRecord]:
        wanted = set(topics) or set(TASKS.values())
        if timeout_s == 0:
            return [raw for raw in self._ready(most) if raw.topic in wanted or self._put_back(raw)]
        return list(await super().read(timeout_s=timeout_s, most=most))

    def _put_back(self, raw: RawRecord) -> bool:
        place = (raw.topic, raw.partition)
        self._positions[place] = min(self._positions[place], raw.offset)
        return False

    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool:
        self.committed.update(positions)
        return True

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._positions[partition] = offset

    def assigned(self) -> frozenset[TopicPartition]:
        return frozenset(self._positions)

    def leave(self) -> None:
        self.assign({})


@dataclass(slots=True)
class Shift:
    """A worker at work, and the log that it shares with the test."""

    broker: MemoryBroker
    records: Records
    log: RecordEventLog
    tasks: MemoryTaskReader
    running: asyncio.Task[None]

    async def offer(self, query: str, priority: str = "normal") -> JobId:
        job_id = new_job_id()
        url = f"https://noop.invalid/?{query}"
        task = ScrapeTask(
            job_id=job_id, tenant="public", kind="noop", url=url, attempt=1, priority=priority
        )
        await self.log.enqueue([(task, OURS)])
        return job_id

    def history(self) -> list[Recorded]:
        """All events in the order of their times."""
        recorded = [self.records.read_event(raw) for raw in self.broker.records(JOB_EVENTS)]
        return sorted(recorded, key=lambda each: each.occurred_at)

    def events(self, job_id: JobId) -> list[JobEvent]:
        return [each.event for each in self.history() if each.job_id == job_id]

    def ended(self, job_id: JobId, how: type[JobEvent] = AttemptSucceeded) -> bool:
        return bool(self.events(job_id)) and isinstance(self.events(job_id)[-1], how)

    def started(self) -> list[JobId]:
        return [each.job_id for each in self.history() if isinstance(each.event, AttemptStarted)]

    def reports(self) -> list[WorkerReported]:
        return [self.records.read_report(raw) for raw in self.broker.records(WORKER_HEARTBEATS)]

    @property
    def said(self) -> WorkerReported | None:
        """The newest report."""
        return self.reports()[-1] if self.reports() else None

    async def is_free(self, count: int) -> None:
        await until(lambda: self.said is not None and self.said.free == count)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not is_so():  # noqa: ASYNC110 - the broker in memory tells nobody
            await asyncio.sleep(0.005)


@asynccontextmanager
async def at_work(**settings: object) -> AsyncIterator[Shift]:
    """A worker of two slots; it is stopped at the end, if it was not before."""
    chosen = replace(Settings(worker_slots=2, grace_s=0.0), **settings)  # type: ignore[arg-type]
    async with open_records() as records:
        broker = MemoryBroker()
        log = RecordEventLog(broker, records)
        worker = Worker(
            chosen,
            "w1",
            {"noop": all_scrapers()["noop"]},
            records,
            log,
            _NothingKnown(),  # type: ignore[arg-type]
            _no_browser,
            WorkerMetrics(CollectorRegistry(), ()),
            version="7",
        )
        tasks, orders = MemoryTaskReader(broker), MemoryReader(broker)
        orders.assign({(WORKER_CONTROL, number): 0 for number in range(24)})
        running = asyncio.create_task(worker.run(tasks, orders))
        shift = Shift(broker, records, log, tasks, running)
        try:
            await shift.is_free(chosen.worker_slots)
            yield shift
        finally:
            running.cancel()
            await asyncio.wait([running], timeout=WAIT_S)
            assert running.done()


class _NothingKnown:
    async def read(self, task: ScrapeTask, item_id: str) -> frozenset[str]:
        return frozenset()


def _no_browser() -> NoBrowser:
    raise AssertionError("a worker of kinds without a browser has started one")


async def test_it_says_what_it_is_and_what_it_does() -> None:
    async with at_work() as shift:
        await shift.is_free(2)
        said = shift.said
        assert said is not None
        assert (said.worker, said.version, said.slots) == ("w1", "7", 2)
        assert (said.kinds, said.partitions) == (["noop"], [OURS])
        job_id = await shift.offer("ms=60000")
        await until(lambda: bool(shift.said and shift.said.running))
        said = shift.said
        assert said is not None
        assert (said.free, said.running[0].job_id, said.running[0].attempt) == (1, job_id, 1)


async def test_it_takes_no_more_than_it_has_slots() -> None:
    async with at_work() as shift:
        for _ in range(2):
            await shift.offer("ms=60000")
        await shift.is_free(0)
        third = await shift.offer("ms=1")
        first = shift.started()[0]
        await shift.log.order(StopAttempt(worker="w1", job_id=first, attempt=1, reason="cancelled"))
        await until(lambda: shift.ended(third))
        types = [(type(each.event), each.job_id) for each in shift.history()]
        assert types.index((AttemptStopped, first)) < types.index((AttemptStarted, third))
        assert sum(shift.tasks.committed.values()) == 3


async def test_tasks_are_taken_together_as_far_as_slots_are_free() -> None:
    async with at_work(worker_slots=3) as shift:
        offered = [await shift.offer("ms=60000") for _ in range(4)]
        await shift.is_free(0)
        assert sorted(shift.started()) == sorted(offered[:3])
        assert sum(shift.tasks.committed.values()) == 3
        said = shift.said
        assert said is not None
        assert sorted(one.job_id for one in said.running) == sorted(offered[:3])


async def test_high_priority_goes_first() -> None:
    async with at_work(worker_slots=1) as shift:
        busy = await shift.offer("ms=300")
        await shift.is_free(0)
        low, high = await shift.offer("ms=1", "low"), await shift.offer("ms=1", "high")
        await until(lambda: shift.ended(low) and shift.ended(high))
        assert shift.started() == [busy, high, low]


async def test_while_it_drains_it_takes_nothing_and_ends_what_it_has() -> None:
    async with at_work() as shift:
        running = await shift.offer("items=5&ms=300")
        await until(lambda: running in shift.started())
        await shift.log.order(DrainWorker(worker="w1"))
        await until(lambda: bool(shift.said and shift.said.is_draining))
        await until(lambda: shift.ended(running))
        said = shift.said
        assert said is not None
        assert said.free == 0
        await shift.log.order(DrainWorker(worker="w1", undo=True))
        await shift.is_free(2)
        await until_ended(shift, await shift.offer("ms=1"))


async def until_ended(shift: Shift, job_id: JobId) -> None:
    await until(lambda: shift.ended(job_id))


async def test_orders_for_others_are_not_obeyed() -> None:
    async with at_work() as shift:
        await shift.log.order(DrainWorker(worker="w2"))
        await until_ended(shift, await shift.offer("ms=1"))
        assert not any(report.is_draining for report in shift.reports())


async def test_told_to_stop_it_lets_its_jobs_end_and_leaves() -> None:
    async with at_work(grace_s=WAIT_S) as shift:
        job_id = await shift.offer("items=5&ms=400")
        await until(lambda: job_id in shift.started())
        shift.running.cancel()
        await until(shift.running.done)
        assert shift.ended(job_id)
        assert shift.tasks.assigned() == frozenset()
        said = shift.said
        assert said is not None
        assert said.is_stopped


@pytest.mark.parametrize("how", ["no grace", "told twice"])
async def test_what_does_not_end_in_time_is_handed_back(how: str) -> None:
    async with at_work(grace_s=0.0 if how == "no grace" else WAIT_S) as shift:
        job_id = await shift.offer("items=100&ms=60000")
        await until(lambda: job_id in shift.started())
        shift.running.cancel()
        if how == "told twice":
            await until(lambda: bool(shift.said and shift.said.is_draining))
            shift.running.cancel()
        await until(shift.running.done)
        released = shift.events(job_id)[-1]
        assert isinstance(released, AttemptReleased)
        assert (released.worker, released.reason) == ("w1", "shutdown")
