"""Appends records to another topic as they are: key, value, headers, time and partition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.adapters.kafka_writer import LARGEST_BATCH_BYTES
from streams.errors import LogUnavailableError
from streams.settings import Settings

REPLAYED_FROM = "replayed_from"
"""Header of a record that was replayed: where the original stands, as ``job-events/3/17``."""
REQUEST_S = 20.0
KNOWN_WITHIN_S = 10.0
PAUSE_S = 0.05


class KafkaCopier:
    """Writes to one topic. ``open_copier`` makes one."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def append(self, source: str, by_partition: Mapping[int, Sequence[Any]]) -> None:
        """Store the driver's records of ``source``; returns once all are durable.

        Raises:
            LogUnavailableError: not all were acknowledged in time.
        """
        try:
            await asyncio.gather(
                *(
                    self._append(source, number, records)
                    for number, records in by_partition.items()
                    if records
                )
            )
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka did not take it: {error!r}") from error

    async def _append(self, source: str, partition: int, records: Sequence[Any]) -> None:
        """One batch at a time: see ``send_batch`` in docs/hazards.md."""
        mark = f"{source}/{partition}/".encode()
        batch, under_way = self._producer.create_batch(), None
        for record in records:
            headers = [*record.headers, (REPLAYED_FROM, mark + b"%d" % record.offset)]
            while (
                batch.append(
                    timestamp=record.timestamp,
                    key=record.key,
                    value=record.value,
                    headers=headers,
                )
                is None
            ):
                if not batch.record_count():
                    raise LogUnavailableError("a record is larger than a batch may be")
                if under_way is not None:
                    await under_way
                under_way = await self._send(batch, partition)
                batch = self._producer.create_batch()
        if under_way is not None:
            await under_way
        if batch.record_count():
            await (await self._send(batch, partition))

    async def _send(self, batch: Any, partition: int) -> asyncio.Future[Any]:
        batch.close()
        future: asyncio.Future[Any] = await self._producer.send_batch(
            batch, self._topic, partition=partition
        )
        return future


@asynccontextmanager
async def open_copier(
    settings: Settings, client_id: str, topic: str, *, partitions: int
) -> AsyncIterator[KafkaCopier]:
    """A connected copier to ``topic``, which has so many partitions.

    Raises:
        LogUnavailableError: no broker answers, or none leads the topic yet.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.brokers(),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,  # in order, also when a request is sent again
        request_timeout_ms=int(REQUEST_S * 1000),
        retry_backoff_ms=100,
        max_request_size=16 * 1024 * 1024,
        max_batch_size=LARGEST_BATCH_BYTES,
    )
    try:
        await producer.start()
        await _known(producer, topic, partitions)
        yield KafkaCopier(producer, topic)
    except KafkaError as error:
        raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
    finally:
        await producer.stop()


async def _known(producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
    """Wait until a topic that was just created has its leaders."""
    try:
        async with asyncio.timeout(KNOWN_WITHIN_S):
            while True:
                try:
                    if len(await producer.partitions_for(topic)) == partitions:
                        return
                except KafkaError:
                    pass
                await asyncio.sleep(PAUSE_S)
    except TimeoutError as error:
        raise LogUnavailableError(f"the topic {topic} has no leader yet; try again") from error
