"""Appends to Kafka: acks from all replicas, idempotent, in order within a key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidProducerEpoch,
    KafkaError,
    OutOfOrderSequenceNumber,
    ProducerClosed,
    ProducerFenced,
)
from aiokafka.partitioner import DefaultPartitioner

from streams.adapters.kafka_batches import partition_of, send_in_batches
from streams.domain.items import Position
from streams.equal_timeouts import EqualTimeouts
from streams.errors import LogUnavailableError
from streams.ports import NewRecord
from streams.settings import Settings

LARGEST_BATCH_BYTES = 512 * 1024  # half of what a broker takes by default
MANY = 500  # records from which on they are sent in batches that we fill ourselves

log = logging.getLogger(__name__)

# After these the producer never works again (docs/hazards.md, H11): a new one takes over.
FATAL = (OutOfOrderSequenceNumber, ProducerFenced, InvalidProducerEpoch, ProducerClosed)


class KafkaWriter:
    """``streams.ports.RecordWriter`` on a broker. ``open_writer`` makes one."""

    def __init__(self, settings: Settings, client_id: str, timeout_s: float) -> None:
        self._settings = settings
        self._client_id = client_id
        self._timeout_s = timeout_s
        self._limits = EqualTimeouts(timeout_s + 2)
        self._producer: AIOKafkaProducer | None = None
        self._replacing = asyncio.Lock()
        self._filling = asyncio.Lock()

    async def start(self) -> None:
        """Connect; raises LogUnavailableError when no broker answers."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._settings.brokers(),
            client_id=self._client_id,
            acks="all",
            enable_idempotence=True,
            # Also the time after which an unsent batch is given up, so that a caller that was
            # told "not stored" does not see it stored later.
            request_timeout_ms=int(self._timeout_s * 1000),
            retry_backoff_ms=100,
            max_request_size=16 * 1024 * 1024,
            max_batch_size=LARGEST_BATCH_BYTES,
            metadata_max_age_ms=60_000,
            partitioner=_partition,
        )
        try:
            await producer.start()
        except BaseException as error:
            await producer.stop()
            if isinstance(error, KafkaError):
                raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Flush what is under way and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                async with asyncio.timeout(self._timeout_s):
                    await producer.stop()
            except TimeoutError:
                log.warning("kafka writer did not flush in time")

    async def send(self, records: Sequence[NewRecord]) -> Sequence[Position]:
        """Store ``records``; see the port."""
        producer = self._producer
        if producer is None:
            raise LogUnavailableError("Kafka is being reconnected; try again")
        try:
            # The batch's own time-out comes first; this one is for a send that waits for room.
            with self._limits.begin():
                if len(records) >= MANY:
                    # One after the other: see `send_batch` in docs/hazards.md.
                    async with self._filling:
                        return await send_in_batches(producer, records)
                futures = [
                    await producer.send(
                        record.topic,
                        record.value,
                        key=record.key,
                        partition=record.partition,
                        headers=list(record.headers),
                    )
                    for record in records
                ]
                if len(futures) == 1:  # as of each request: it needs no gathering
                    stored = [await futures[0]]
                else:
                    stored = await asyncio.gather(*futures)
        except TimeoutError as error:
            raise LogUnavailableError("Kafka did not acknowledge in time") from error
        except KafkaError as error:
            if isinstance(error, FATAL):
                await self._replace(producer)
            raise LogUnavailableError(f"Kafka did not take it: {type(error).__name__}") from error
        return [Position(partition=meta.partition, offset=meta.offset) for meta in stored]

    async def _replace(self, broken: AIOKafkaProducer) -> None:
        async with self._replacing:
            if self._producer is not broken:
                return
            log.warning("kafka producer is stuck; a new one takes over")
            await self.stop()
            await self.start()


def _partition(key: bytes | None, known: Sequence[int], available: Sequence[int]) -> int:
    """As the driver's own, which takes twice the time for a job's id."""
    if key is None:
        number: int = DefaultPartitioner()(key, known, available)
        return number
    return partition_of(key, known)


@asynccontextmanager
async def open_writer(
    settings: Settings, client_id: str, *, timeout_s: float = 20.0
) -> AsyncIterator[KafkaWriter]:
    """A connected writer; flushes and disconnects at the end.

    Raises:
        LogUnavailableError: no broker answers.
    """
    writer = KafkaWriter(settings, client_id, timeout_s)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()
