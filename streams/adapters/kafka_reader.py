"""Reads Kafka in batches: assigned partitions. Members of a group are in ``kafka_group``."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaConnectionError,
    KafkaError,
)

from streams.adapters.kafka_sets import hand_out_sets
from streams.adapters.record_sets import RecordSet
from streams.errors import LogUnavailableError
from streams.patience import RUSH_BYTES, RUSH_MS, Rush
from streams.ports import RawRecord, TopicPartition
from streams.settings import Settings

log = logging.getLogger(__name__)

WAIT_MS = 500
"""How long the broker may hold a fetch that finds nothing."""


class KafkaReader:
    """``streams.ports.RecordReader`` on a broker, with a group's extras."""

    def __init__(self, consumer: AIOKafkaConsumer, rush: Rush | None = None) -> None:
        """``rush``: gather records while they rush in."""
        self._consumer = consumer
        self._rush = rush

    async def read(
        self, *, timeout_s: float, most: int = 5_000, topics: Iterable[str] = ()
    ) -> list[RawRecord]:
        """The next records; see the port. ``topics`` narrows it to some of those assigned."""
        partitions = self._assigned_of(topics) if topics else []
        if topics and not partitions:
            return []
        try:
            batches = await self._consumer.getmany(
                *partitions, timeout_ms=int(timeout_s * 1000), max_records=most
            )
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        raws = [_raw(record) for records in batches.values() for record in records]
        if self._rush is not None and self._rush.is_on != self._rush.note(len(raws)):
            self._set_pace(self._rush)
        return raws

    def _set_pace(self, rush: Rush) -> None:
        # There is no setting for it while it runs; each fetch that follows is made with these.
        consumer, fetcher = self._consumer, self._consumer._fetcher  # noqa: SLF001
        usual = consumer._fetch_min_bytes, consumer._fetch_max_wait_ms  # noqa: SLF001
        pace = (RUSH_BYTES, RUSH_MS) if rush.is_on else usual
        fetcher._fetch_min_bytes, fetcher._fetch_max_wait_ms = pace  # noqa: SLF001

    async def read_as_is(
        self, partitions: Iterable[TopicPartition], *, timeout_s: float, most: int
    ) -> Mapping[int, Sequence[Any]]:
        """The next records of one topic's partitions as the driver has them, with their times."""
        wanted = [KafkaPartition(*partition) for partition in partitions]
        try:
            found = await self._consumer.getmany(
                *wanted, timeout_ms=int(timeout_s * 1000), max_records=most
            )
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        return {partition.partition: records for partition, records in found.items()}

    def hand_out_sets(self) -> None:
        """From the next assignment on, ``read_sets`` reads, and nothing else does."""
        hand_out_sets(self._consumer)

    async def read_sets(self, *, timeout_s: float, most: int = 5_000) -> list[RecordSet]:
        """The next sets, which are not empty; no more of them once they have ``most`` records.

        A set that is begun is whole: some megabytes of a partition.
        """
        try:
            found = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=most)
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        given = [each for records in found.values() for each in records]
        sets = [each for each in given if isinstance(each, RecordSet) and len(each)]
        for each in given:
            if isinstance(each, LogUnavailableError):
                if not sets:
                    raise each
                log.warning("a partition cannot be read", extra={"reason": str(each)})
        return sets

    async def ends(self, topic: str) -> Mapping[int, int]:
        try:
            partitions = await self._partitions(topic)
            found = await self._consumer.end_offsets(partitions)
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        return {partition.partition: int(offset) for partition, offset in found.items()}

    async def starts(self, topic: str) -> Mapping[int, int]:
        """The offset of the oldest kept record of each partition."""
        try:
            found = await self._consumer.beginning_offsets(await self._partitions(topic))
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        return {partition.partition: int(offset) for partition, offset in found.items()}

    async def offsets_at(self, topic: str, at: datetime) -> Mapping[int, int]:
        """The offset of the first record written at ``at`` or later.

        Partitions without one are left out.
        """
        at_ms = math.ceil(at.timestamp() * 1000)
        try:
            partitions = await self._partitions(topic)
            found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, at_ms))
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        return {
            part.partition: int(place.offset) for part, place in found.items() if place is not None
        }

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""
        self._consumer.assign([KafkaPartition(*partition) for partition in positions])
        for partition, offset in positions.items():
            self._consumer.seek(KafkaPartition(*partition), offset)

    def rest(self) -> None:
        """Fetch nothing until the next ``assign``: a reader at the log's end asks on and on."""
        self._consumer.pause(*self._consumer.assignment())

    def assigned(self) -> frozenset[TopicPartition]:
        """The partitions that it reads now."""
        return frozenset((part.topic, part.partition) for part in self._consumer.assignment())

    async def committed(self, partition: TopicPartition) -> int | None:
        """The group's committed offset; None when it has none."""
        try:
            offset = await self._consumer.committed(KafkaPartition(*partition))
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
        return None if offset is None else int(offset)

    async def position(self, partition: TopicPartition) -> int:
        """The offset of the next record that ``read`` gives."""
        return int(await self._consumer.position(KafkaPartition(*partition)))

    def leave(self) -> None:
        """Give the partitions to the other members, and read nothing more."""
        self._consumer.unsubscribe()

    def pause(self, topics: Iterable[str]) -> None:
        """Fetch nothing from ``topics`` until ``resume``."""
        self._consumer.pause(*self._assigned_of(topics))

    def resume(self, topics: Iterable[str]) -> None:
        """Fetch again."""
        self._consumer.resume(*self._assigned_of(topics))

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read ``partition`` from ``offset`` on; what was fetched is dropped."""
        self._consumer.seek(KafkaPartition(*partition), offset)

    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool:
        """Say that everything before these offsets is done. False: the partitions have moved."""
        offsets = {KafkaPartition(*part): offset for part, offset in positions.items()}
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            return False
        except KafkaError as error:
            raise LogUnavailableError(f"Kafka did not commit: {error!r}") from error
        return True

    async def _partitions(self, topic: str) -> list[KafkaPartition]:
        known = self._consumer.partitions_for_topic(topic)
        if not known:
            # Not in the metadata of an assignment without it: ask for it.
            await self._consumer._client.force_metadata_update()  # noqa: SLF001 - no public way
            known = self._consumer.partitions_for_topic(topic)
        if not known:
            raise LogUnavailableError(f"there is no topic {topic}: run `scrapestream topics`")
        return [KafkaPartition(topic, number) for number in sorted(known)]

    def _assigned_of(self, topics: Iterable[str]) -> list[KafkaPartition]:
        wanted = set(topics)
        return [part for part in self._consumer.assignment() if part.topic in wanted]


@asynccontextmanager
async def open_reader(
    settings: Settings,
    client_id: str,
    *,
    marks: str | None = None,
    wait_ms: int = WAIT_MS,
    rush: Rush | None = None,
) -> AsyncIterator[KafkaReader]:
    """A reader that is no member of a group; ``assign`` tells it what to read.

    ``marks`` names a group without members under which it may keep offsets. ``wait_ms``: how long
    the broker may hold a fetch that finds nothing; a new ``assign`` waits for it. With ``rush``
    records are gathered for up to ``RUSH_MS`` while they rush in.

    Raises:
        LogUnavailableError: no broker answers.
    """
    options = {**consumer_options(settings, client_id), "fetch_max_wait_ms": wait_ms}
    consumer = AIOKafkaConsumer(**options, group_id=marks)
    async with started(consumer):
        yield KafkaReader(consumer, rush)


def consumer_options(settings: Settings, client_id: str) -> dict[str, Any]:
    """What each of our consumers is made with."""
    return {
        "bootstrap_servers": settings.brokers(),
        "client_id": client_id,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "fetch_max_wait_ms": WAIT_MS,
        "max_partition_fetch_bytes": 4 * 1024 * 1024,
        "request_timeout_ms": 20_000,
        "retry_backoff_ms": 100,
        "metadata_max_age_ms": 60_000,
    }


@asynccontextmanager
async def started(consumer: AIOKafkaConsumer) -> AsyncIterator[None]:
    """Start ``consumer``, and stop it in the end.

    Raises:
        LogUnavailableError: no broker answers.
    """
    try:
        await consumer.start()
        yield
    except KafkaConnectionError as error:
        raise LogUnavailableError(f"Kafka does not answer: {error!r}") from error
    finally:
        await _stop(consumer)


async def _stop(consumer: AIOKafkaConsumer) -> None:
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Its own fetches, cancelled while they waited for a broker that is gone: not we are meant.
        await consumer._client.close()  # noqa: SLF001 - what it left out by that


def _raw(record: Any) -> RawRecord:
    return RawRecord(
        record.topic, record.partition, record.offset, record.key, record.value, record.headers
    )
