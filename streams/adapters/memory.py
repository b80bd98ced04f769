"""Twins of the adapters, in memory: for tests of the core without a broker."""

from __future__ import annotations

import asyncio
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

from streams.domain.items import Position
from streams.errors import LogUnavailableError
from streams.ports import NewRecord, RawRecord, TopicPartition
from streams.topics import PARTITIONS


class MemoryBroker:
    """``RecordWriter`` and the topics behind ``MemoryReader``."""

    def __init__(self) -> None:
        self._records: defaultdict[TopicPartition, list[RawRecord]] = defaultdict(list)
        self._grown = asyncio.Condition()
        self.away = False
        """Set it to refuse every call, as a broker does that is away."""

    async def send(self, records: Sequence[NewRecord]) -> Sequence[Position]:
        """Store ``records``; see the port."""
        self.check()
        positions = []
        async with self._grown:
            for record in records:
                partition = record.partition
                if partition is None:
                    partition = zlib.crc32(record.key or b"") % PARTITIONS
                stored = self._records[record.topic, partition]
                raw = RawRecord(
                    topic=record.topic,
                    partition=partition,
                    offset=len(stored),
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                )
                stored.append(raw)
                positions.append(Position(partition=partition, offset=raw.offset))
            self._grown.notify_all()
        return positions

    def records(self, topic: str) -> list[RawRecord]:
        """Everything in ``topic``, in order within a partition."""
        return [
            raw
            for (name, _), stored in sorted(self._records.items())
            if name == topic
            for raw in stored
        ]

    def check(self) -> None:
        """Raise LogUnavailableError while away."""
        if self.away:
            raise LogUnavailableError("the broker in memory is away")

    def next_after(self, partition: TopicPartition, offset: int) -> Sequence[RawRecord]:
        """Records of one partition from ``offset`` on."""
        return self._records[partition][offset:]

    async def wait_for_growth(self, timeout_s: float) -> None:
        """Return when something was stored, or after ``timeout_s``."""
        try:
            async with asyncio.timeout(timeout_s), self._grown:
                await self._grown.wait()
        except TimeoutError:
            return


class MemoryReader:
    """``RecordReader`` over a ``MemoryBroker``."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._positions: dict[TopicPartition, int] = {}

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""
        self._positions = dict(positions)

    def rest(self) -> None:
        """It fetches only when it is asked to read."""

    async def read(self, *, timeout_s: float, most: int = 5_000) -> Sequence[RawRecord]:
        """The next records; see the port."""
        found = self._ready(most)
        if not found:
            await self._broker.wait_for_growth(timeout_s)
            found = self._ready(most)
        return found

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition."""
        self._broker.check()
        return {
            number: len(self._broker.next_after((topic, number), 0)) for number in range(PARTITIONS)
        }

    async def starts(self, topic: str) -> Mapping[int, int]:
        """The offset of the oldest kept record of each partition: all are kept."""
        return dict.fromkeys(await self.ends(topic), 0)

    def _ready(self, most: int) -> list[RawRecord]:
        found: list[RawRecord] = []
        for partition, offset in self._positions.items():
            fresh = self._broker.next_after(partition, offset)[: most - len(found)]
            self._positions[partition] += len(fresh)
            found.extend(fresh)
        return found
