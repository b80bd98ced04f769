"""The typed event log over any record writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from streams.adapters.records import Records
from streams.domain.events import NewEvent
from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.items import NewItem, Position
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.domain.webhook import RecordedDelivery
from streams.errors import InvalidItemError
from streams.ports import NewRecord, RawRecord, RecordWriter


class RecordEventLog:
    """``streams.ports.EventLog`` over a Kafka writer, or the one in memory."""

    def __init__(self, writer: RecordWriter, records: Records) -> None:
        self._writer = writer
        self._records = records

    async def append(self, events: Sequence[NewEvent]) -> Sequence[Position]:
        return await self._writer.send([self._records.event(new) for new in events])

    async def append_items(self, items: Sequence[NewItem]) -> Sequence[Position]:
        try:
            encoded = [self._records.item(new) for new in items]
        except ValueError as error:
            raise InvalidItemError(str(error)) from error
        return await self._writer.send(encoded)

    async def enqueue(self, task: ScrapeTask, partition: int | None = None) -> Position:
        record = replace(self._records.task(task), partition=partition)
        [position] = await self._writer.send([record])
        return position

    async def order(self, order: StopAttempt | DrainWorker) -> None:
        await self._writer.send([self._records.order(order)])

    async def report(self, report: WorkerReported) -> None:
        await self._writer.send([self._records.report(report)])

    async def append_delivery(self, delivery: RecordedDelivery) -> None:
        await self._writer.send([self._records.delivery(delivery)])

    async def reject(self, raw: RawRecord, reason: str, *, to: str) -> None:
        headers = [
            *raw.headers,
            ("dlq_reason", reason.encode()),
            ("dlq_topic", raw.topic.encode()),
            ("dlq_partition", str(raw.partition).encode()),
            ("dlq_offset", str(raw.offset).encode()),
        ]
        record = NewRecord(topic=to, key=raw.key, value=raw.value, headers=headers)
        await self._writer.send([record])
