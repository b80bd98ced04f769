"""Members of a consumer group, with our own commits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor

from streams.adapters.kafka_reader import KafkaReader, consumer_options, started
from streams.patience import PATIENT_BYTES, PATIENT_MS
from streams.ports import TopicPartition
from streams.settings import Settings

OnAssigned = Callable[[frozenset[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
"""Given the new partitions, says from which offsets to read those that are not committed."""


@asynccontextmanager
async def open_group_reader(
    settings: Settings,
    topics: Sequence[str],
    *,
    group: str,
    client_id: str,
    on_assigned: OnAssigned | None = None,
    on_revoked: Callable[[frozenset[TopicPartition]], Awaitable[None]] | None = None,
    session_s: float = 10.0,
    instance_id: str = "",
    same_numbers: bool = False,
    is_patient: bool = False,
) -> AsyncIterator[KafkaReader]:
    """A member of ``group``: partitions come and go, commits are the caller's.

    After ``session_s`` without a heartbeat its partitions go to another member. A process that
    starts again under the same ``instance_id`` gets them back at once. ``same_numbers``: a member
    gets the same partitions of each topic. ``is_patient``: few records are read some
    ``PATIENT_MS`` late and together, so that who must be quick has the processors first.

    Raises:
        LogUnavailableError: no broker answers.
    """
    options = consumer_options(settings, client_id)
    if is_patient:
        options |= {"fetch_min_bytes": PATIENT_BYTES, "fetch_max_wait_ms": PATIENT_MS}
    consumer = AIOKafkaConsumer(
        **options,
        group_id=group,
        group_instance_id=instance_id or None,
        session_timeout_ms=int(session_s * 1000),
        heartbeat_interval_ms=int(session_s * 1000 / 5),
        max_poll_interval_ms=600_000,
        partition_assignment_strategy=(
            (RangePartitionAssignor,) if same_numbers else (RoundRobinPartitionAssignor,)
        ),
    )
    listener = _Listener(consumer, on_assigned, on_revoked)
    async with started(consumer):
        consumer.subscribe(list(topics), listener=listener)
        yield KafkaReader(consumer)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        on_assigned: OnAssigned | None,
        on_revoked: Callable[[frozenset[TopicPartition]], Awaitable[None]] | None,
    ) -> None:
        self._consumer = consumer
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked

    async def on_partitions_revoked(self, revoked: Iterable[KafkaPartition]) -> None:
        if self._on_revoked is not None:
            await self._on_revoked(frozenset((part.topic, part.partition) for part in revoked))

    async def on_partitions_assigned(self, assigned: Iterable[KafkaPartition]) -> None:
        if self._on_assigned is None:
            return
        partitions = frozenset((part.topic, part.partition) for part in assigned)
        for partition, offset in (await self._on_assigned(partitions)).items():
            self._consumer.seek(KafkaPartition(*partition), offset)
