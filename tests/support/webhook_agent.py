"""The webhook agent over a log in memory, with a clock that only the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from cryptography.fernet import Fernet

from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.adapters.records import Records
from streams.adapters.webhook_sender import WebhookSender
from streams.agents.deliveries import Deliveries, DeliveryParts, Sender
from streams.agents.delivery_fold import DeliveryFold
from streams.agents.webhooks import schedule_delivery
from streams.domain.events import Ending, ItemsSpan, ScrapeCompleted, Webhook
from streams.domain.ids import JobId, event_id
from streams.domain.recorded import Recorded
from streams.domain.webhook import (
    DeliveryAttempted,
    DeliveryEvent,
    DeliveryResult,
    DeliveryScheduled,
    RecordedDelivery,
)
from streams.errors import StoreUnavailableError
from streams.ports import JobStore
from streams.sealing import Sealer
from streams.settings import Settings
from streams.topics import PARTITIONS, WEBHOOK_EVENTS, topic_schemas
from tests.support.webhooks import DEADLINE_S, LOOPBACK

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
API = "https://api.example.com"


@dataclass(slots=True)
class Clock:
    """Stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class ItemsOnly:
    """The one question that the agent asks a ``JobStore``."""

    are_readable: bool = True
    is_away: bool = False
    asked: list[tuple[JobId, int]] = field(default_factory=list)

    async def has_items(self, job_id: JobId, end: int) -> bool:
        self.asked.append((job_id, end))
        if self.is_away:
            raise StoreUnavailableError("the store in the test is away")
        return self.are_readable


class Agent:
    """One life of the agent. ``restarted`` gives the next one over the same log and storage."""

    def __init__(
        self,
        records: Records,
        sender: Sender,
        *,
        settings: Settings = LOOPBACK,
        broker: MemoryBroker | None = None,
        storage: dict[str, bytes] | None = None,
        clock: Clock | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self.settings = settings
        self.broker = broker or MemoryBroker()
        self.storage = {} if storage is None else storage
        self.clock = clock or Clock()
        self.store = ItemsOnly()
        self.sealer = sealer or Sealer(Fernet.generate_key().decode())
        self.results: list[DeliveryResult] = []
        self.records = records
        self.log = RecordEventLog(self.broker, records)
        self.sender = sender
        self._reader = MemoryReader(self.broker)
        self._reader.assign({(WEBHOOK_EVENTS, number): 0 for number in range(PARTITIONS)})
        self.deliveries = Deliveries(
            self.storage,
            DeliveryParts(
                log=self.log,
                store=cast("JobStore", self.store),
                sender=sender,
                encode=records.delivery,
                unseal=self.sealer.unseal,
                settings=settings,
                clock=self.clock,
                on_result=self.results.append,
            ),
        )

    async def restarted(self, *, with_storage: bool = True) -> Agent:
        """The next life, after a crash: what was only in memory is gone."""
        await self.deliveries.close(0.0)
        return Agent(
            self.records,
            self.sender,
            settings=self.settings,
            broker=self.broker,
            storage=self.storage if with_storage else None,
            clock=self.clock,
            sealer=self.sealer,
        )

    async def owe(self, url: str, *, secret: str | None = None, job: int = 0) -> JobId:
        """End a job that wants a webhook; appends what the agent owes then."""
        sealed = None if secret is None else self.sealer.seal(secret)
        ending = a_completion(Webhook(url=url, secret=sealed))
        recorded = a_record(ending, job=job, at=self.clock())
        await schedule_delivery(recorded, self.log, API)
        return recorded.job_id

    async def read_back(self) -> None:
        """Fold every record of ``webhook-events`` that is there."""
        while raws := await self._reader.read(timeout_s=0.0):
            for raw in raws:
                self.deliveries.fold(self.records.read_delivery(raw))

    def partition_of(self, job_id: JobId) -> int:
        """Where the events of a job's delivery lie."""
        return self._scheduled(job_id).partition

    def fold_only(self, job_id: JobId) -> None:
        """Fold one job's ``DeliveryScheduled`` and nothing else."""
        self.deliveries.fold(self._scheduled(job_id))

    async def until(self, is_done: Callable[[], bool]) -> None:
        """Live on, with a sweep after each record, until ``is_done``; the clock stands still."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                await self.read_back()
                self.deliveries.sweep()
                if is_done():
                    return
                await self.broker.wait_for_growth(0.02)

    def tries(self) -> Sequence[DeliveryAttempted]:
        """The tries that the log tells of."""
        return [event for event in self.history() if isinstance(event, DeliveryAttempted)]

    def is_settled(self) -> bool:
        """Whether something was owed, and nothing is any more."""
        return bool(self.storage) and not DeliveryFold(self.storage).owed()

    async def until_tries(self, count: int) -> None:
        """Live on until the log tells of ``count`` tries."""
        await self.until(lambda: len(self.tries()) >= count)

    def _scheduled(self, job_id: JobId) -> RecordedDelivery:
        every = map(self.records.read_delivery, self.broker.records(WEBHOOK_EVENTS))
        return next(
            each
            for each in every
            if each.job_id == job_id and isinstance(each.event, DeliveryScheduled)
        )

    def history(self) -> Sequence[DeliveryEvent]:
        """The events of all deliveries."""
        return [
            self.records.read_delivery(raw).event for raw in self.broker.records(WEBHOOK_EVENTS)
        ]


@asynccontextmanager
async def running_agent() -> AsyncIterator[Agent]:
    """An agent that sends to loopback, by the same clock as it decides."""
    clock = Clock()
    async with WebhookSender(LOOPBACK, clock=clock) as sender:
        agent = Agent(await some_records(), sender, clock=clock)
        yield agent
        await agent.deliveries.close(0.0)


async def some_records() -> Records:
    """Records over a registry in memory."""
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    return Records(await open_codec(registry, topic_schemas()), "/scrapestream/webhooks")


def a_completion(webhook: Webhook | None) -> ScrapeCompleted:
    """The end of a job with 244 reviews."""
    return ScrapeCompleted(
        kind="google_reviews",
        url="https://www.google.com/maps/place/Café",
        requested_at=datetime(2026, 11, 22, 9, tzinfo=UTC),
        attempt=1,
        items_count=244,
        items=ItemsSpan(partition=3, first=10, end=254),
        webhook=webhook,
        outcome="completed",
    )


def a_record(event: Ending, *, job: int = 0, at: datetime) -> Recorded:
    """``event`` as read from ``job-events``."""
    job_id = JobId(f"{job:032x}")
    return Recorded(
        job_id=job_id,
        tenant="public",
        event_id=event_id(job_id, type(event).__name__),
        occurred_at=at,
        partition=3,
        offset=41,
        event=event,
        traceparent=TRACE,
    )
