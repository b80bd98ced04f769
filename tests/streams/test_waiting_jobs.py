"""The orchestrator's sweep: jobs whose time comes, and jobs whose time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.records import Records
from streams.agents.orchestrator import Orchestrator
from streams.agents.past import Past
from streams.domain.events import ScrapeFailed, ScrapeRequested
from streams.domain.fleet import WorkerReported
from streams.domain.ids import JobId, new_job_id
from streams.domain.recorded import new_event
from streams.ports import RawRecord, TopicPartition
from streams.settings import Settings
from streams.topics import JOB_EVENTS, PARTITIONS, TASKS, topic_schemas

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
NOON = START + timedelta(hours=1)
IDLE_WORKER = WorkerReported(
    worker="w1",
    host="h",
    version="1",
    occurred_at=START,
    started_at=START,
    slots=4,
    free=4,
    running=[],
    kinds=["google_reviews"],
    partitions=list(range(PARTITIONS)),
)
"""It has room for all of them: only their times hold jobs back."""


class NoPast(Past):
    """A log that begins with this test: nothing to replay, no marks to keep."""

    def __init__(self) -> None:
        pass

    async def replay(
        self, partitions: Iterable[int], apply: Callable[[RawRecord], None]
    ) -> Mapping[int, int]:
        return dict.fromkeys(partitions, 0)

    async def mark(self, low_waters: Mapping[int, int]) -> None:
        pass


class BusyBroker:
    """Workers that have committed nothing: every queue has tasks that wait."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._reader = MemoryReader(broker)

    async def ends(self, topic: str) -> Mapping[int, int]:
        return await self._reader.ends(topic)

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        return {}


@dataclass
class Clock:
    """The time, as the test says."""

    now: datetime = START


@dataclass
class Stage:
    """An orchestrator over a log in memory, with a clock that the test sets."""

    broker: MemoryBroker
    records: Records
    log: RecordEventLog
    orchestrator: Orchestrator
    clock: Clock
    read: int = 0

    async def ask(self, **fields: datetime) -> JobId:
        job_id = new_job_id()
        event = ScrapeRequested(kind="google_reviews", url="https://maps/x", **fields)  # type: ignore[arg-type]
        await self.log.append([new_event(job_id, "public", event, self.clock.now)])
        await self.settle()
        return job_id

    async def sweep(self, now: datetime) -> None:
        self.clock.now = now
        self.hear_worker()
        await self.orchestrator.sweep(range(PARTITIONS))
        await self.settle()

    def hear_worker(self) -> None:
        """It says again and again that it is there."""
        self.orchestrator.dispatching.hear(IDLE_WORKER, self.clock.now.timestamp())

    async def settle(self) -> None:
        """Read back whatever was written, until nothing more comes."""
        await self.orchestrator.close()
        while len(raws := self.broker.records(JOB_EVENTS)) > self.read:
            self.read = len(raws)
            for raw in raws:
                await self.orchestrator.react(raw)
            await self.orchestrator.close()

    def tasks(self) -> list[JobId]:
        raws = self.broker.records(TASKS["normal"])
        return [self.records.read_task(raw).job_id for raw in raws]

    def endings(self) -> list[tuple[JobId, str]]:
        events = [self.records.read_event(raw) for raw in self.broker.records(JOB_EVENTS)]
        return [
            (one.job_id, one.event.reason) for one in events if isinstance(one.event, ScrapeFailed)
        ]


@asynccontextmanager
async def open_stage() -> AsyncIterator[Stage]:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    records = Records(await open_codec(registry, topic_schemas()), "/scrapestream/test")
    broker = MemoryBroker()
    log = RecordEventLog(broker, records)
    clock = Clock()
    orchestrator = Orchestrator(
        Settings(),
        log,
        BusyBroker(broker),
        NoPast(),
        records.read_event,
        clock=lambda: clock.now.timestamp(),  # noqa: PLW0108 - `clock.now` changes
        now=lambda: clock.now,
    )
    stage = Stage(broker, records, log, orchestrator, clock)
    stage.hear_worker()
    yield stage
    await orchestrator.close()


async def test_a_job_is_offered_when_its_time_has_come_though_others_wait() -> None:
    async with open_stage() as stage:
        first = await stage.ask()
        waiting = await stage.ask(not_before=NOON)
        await stage.sweep(NOON - timedelta(seconds=1))
        # The first one may be offered again: nobody has started it for an hour.
        assert set(stage.tasks()) == {first}
        await stage.sweep(NOON)
        assert set(stage.tasks()) == {first, waiting}
        await stage.sweep(NOON + timedelta(seconds=1))
        assert stage.tasks().count(waiting) == 1


async def test_a_job_that_no_worker_took_in_time_ends() -> None:
    async with open_stage() as stage:
        job_id = await stage.ask(expires_at=NOON)
        await stage.sweep(NOON - timedelta(seconds=1))
        assert stage.endings() == []
        await stage.sweep(NOON)
        assert stage.endings() == [(job_id, "job.expired")]
        await stage.sweep(NOON + timedelta(seconds=1))
        assert len(stage.endings()) == 1
