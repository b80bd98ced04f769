"""An orchestrator over a log in memory, and workers that only say how they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zlib import crc32

from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.records import Records
from streams.agents.orchestrator import Orchestrator
from streams.agents.past import Past
from streams.domain.dispatch import Dispatcher
from streams.domain.events import (
    AttemptStarted,
    AttemptSucceeded,
    CancelRequested,
    JobEvent,
    ScrapeRequested,
)
from streams.domain.fleet import RunningAttempt, WorkerReported
from streams.domain.ids import JobId, new_job_id
from streams.domain.limits import Limits
from streams.domain.recorded import new_event
from streams.domain.tasks import ScrapeTask
from streams.ports import RawRecord, TopicPartition
from streams.settings import Settings
from streams.topics import JOB_EVENTS, PARTITIONS, TASK_PARTITIONS, TASKS, topic_schemas

WAIT_S = 10.0


class MemoryPastReader(MemoryReader):
    """What ``Past`` needs more; its marks are kept nowhere, so it reads everything."""

    async def starts(self, topic: str) -> Mapping[int, int]:
        return dict.fromkeys(range(PARTITIONS), 0)

    async def committed(self, partition: TopicPartition) -> int | None:
        return None

    async def position(self, partition: TopicPartition) -> int:
        return self._positions[partition]

    async def read(self, *, timeout_s: float, most: int = 5_000) -> list[RawRecord]:
        return list(await super().read(timeout_s=timeout_s, most=most))

    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool:
        return True


@dataclass(slots=True)
class MemoryGroups:
    """Ends of topics, and what the workers' group has committed."""

    broker: MemoryBroker
    taken: dict[TopicPartition, int] = field(default_factory=dict)

    async def ends(self, topic: str) -> Mapping[int, int]:
        count = TASK_PARTITIONS if topic in TASKS.values() else PARTITIONS
        return {n: len(self.broker.next_after((topic, n), 0)) for n in range(count)}

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        self.broker.check()
        return dict(self.taken)


class Orchestration:
    """One orchestrator's life; ``restarted`` gives the next one over the same log."""

    def __init__(
        self,
        records: Records,
        broker: MemoryBroker | None = None,
        limits: Limits | None = None,
        partitions: range = range(PARTITIONS),
    ) -> None:
        """``partitions`` of ``job-events`` are its own."""
        self.records = records
        self.partitions = partitions
        self.broker = broker or MemoryBroker()
        self.groups = MemoryGroups(self.broker)
        self.log = RecordEventLog(self.broker, records)
        self.clock_s = 1_000.0
        self._read_to: dict[int, int] = {}
        self.orchestrator = Orchestrator(
            Settings(),
            self.log,
            self.groups,
            Past(MemoryPastReader(self.broker), JOB_EVENTS, records.learn),
            records.read_event,
            Dispatcher(limits),
            clock=lambda: self.clock_s,
            now=self.now,
        )

    def now(self) -> datetime:
        return datetime(2026, 11, 22, 12, tzinfo=UTC) + timedelta(seconds=self.clock_s)

    def restarted(self) -> Orchestration:
        """The next orchestrator: it knows nothing but the log."""
        after = Orchestration(self.records, self.broker)
        after.groups.taken = self.groups.taken
        after.clock_s = self.clock_s
        return after

    async def submit(self, **asked: str) -> JobId:
        """A client asks for a job of its partitions, and the orchestrator hears it."""
        job_id = new_job_id()
        while crc32(job_id.encode()) % PARTITIONS not in self.partitions:
            job_id = new_job_id()
        event = ScrapeRequested(kind="reviews", url="https://example.com/", **asked)  # type: ignore[arg-type]
        await self.append(job_id, event)
        return job_id

    async def append(self, job_id: JobId, event: JobEvent) -> None:
        """Somebody appends an event, and the orchestrator hears it."""
        await self.log.append([new_event(job_id, "public", event, self.now())])
        await self.settle()

    async def start(self, job_id: JobId, worker: str, attempt: int = 1) -> None:
        """A worker claims an attempt."""
        await self.append(job_id, AttemptStarted(attempt=attempt, worker=worker, lease_s=15.0))

    async def succeed(self, job_id: JobId, worker: str) -> None:
        """A worker comes to the end of the first attempt."""
        await self.append(
            job_id,
            AttemptSucceeded(attempt=1, worker=worker, outcome="completed", items_count=0),
        )

    async def cancel(self, job_id: JobId) -> None:
        """A client wants the job's end."""
        await self.append(job_id, CancelRequested())

    async def report(
        self, worker: str, free: int, *, running: tuple[JobId, ...] = (), first: int = 0
    ) -> None:
        """A worker says how it is; it reads ten partitions from ``first`` on."""
        await self.report_unread(worker, free, running=running, first=first)
        await self.settle()

    async def report_unread(
        self, worker: str, free: int, *, running: tuple[JobId, ...] = (), first: int = 0
    ) -> None:
        """As ``report``; what stands in the log is not read."""
        said = WorkerReported(
            worker=worker,
            host="h",
            version="1",
            occurred_at=self.now(),
            started_at=self.now(),
            slots=free + len(running),
            free=free,
            running=[RunningAttempt(job_id=job_id, attempt=1) for job_id in running],
            kinds=["reviews"],
            partitions=list(range(first, first + 10)),
        )
        self.orchestrator.dispatching.hear(said, self.clock_s)
        await self.orchestrator.close()

    async def sweep(self, after_s: float = 0.0) -> None:
        """Time passes, and the sweep comes."""
        await self.sweep_unread(after_s)
        await self.settle()

    async def sweep_unread(self, after_s: float = 0.0) -> None:
        """As ``sweep``; what stands in the log is not read."""
        self.clock_s += after_s
        await self.orchestrator.sweep(self.partitions)
        await self.orchestrator.close()

    async def settle(self) -> None:
        """Let the orchestrator read everything that is in the log, also what it writes."""
        async with asyncio.timeout(WAIT_S):
            while True:
                await self.orchestrator.close()  # outputs under way are written
                fresh = [
                    raw
                    for number in self.partitions
                    for raw in self.broker.next_after(
                        (JOB_EVENTS, number), self._read_to.get(number, 0)
                    )
                ]
                if not fresh:
                    return
                for raw in fresh:
                    await self.orchestrator.react(raw)
                    self._read_to[raw.partition] = raw.offset + 1

    def tasks(self) -> list[tuple[ScrapeTask, int]]:
        """Every task in the topics, and its partition."""
        return [
            (self.records.read_task(raw), raw.partition)
            for topic in TASKS.values()
            for raw in self.broker.records(topic)
        ]

    def offered(self) -> list[JobId]:
        """The jobs of those tasks."""
        return [task.job_id for task, _ in self.tasks()]

    def take_all(self) -> None:
        """The workers commit all tasks that there are."""
        for topic in TASKS.values():
            for raw in self.broker.records(topic):
                self.groups.taken[topic, raw.partition] = raw.offset + 1

    def types(self, job_id: JobId) -> list[str]:
        """The job's events."""
        events = [self.records.read_event(raw) for raw in self.broker.records(JOB_EVENTS)]
        return [type(each.event).__name__ for each in events if each.job_id == job_id]


@asynccontextmanager
async def open_records() -> AsyncIterator[Records]:
    """A real codec over a registry in memory."""
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    yield Records(await open_codec(registry, topic_schemas()), "/scrapestream/test")
