"""The tasks of this worker: what lies in its partitions, high priority before normal before low."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from streams.errors import LogUnavailableError
from streams.ports import RawRecord, TopicPartition
from streams.topics import TASKS

log = logging.getLogger(__name__)

RETRY_S = 0.5
LOW_FIRST_EVERY = 8  # one take in so many looks at low priority first, so that it never starves


class TaskReader(Protocol):
    """A member of the workers' group; ``KafkaReader`` is one."""

    async def read(
        self, *, timeout_s: float, most: int = 5_000, topics: Iterable[str] = ()
    ) -> list[RawRecord]: ...
    async def commit(self, positions: Mapping[TopicPartition, int]) -> bool: ...
    def seek(self, partition: TopicPartition, offset: int) -> None: ...
    def assigned(self) -> frozenset[TopicPartition]: ...
    def leave(self) -> None: ...


class TaskQueue:
    """Takes tasks one at a time: the orchestrators put one there for a slot that is free."""

    def __init__(self, reader: TaskReader) -> None:
        self._reader = reader
        self._takes = 0

    async def next(self, is_wanted: Callable[[], bool]) -> RawRecord | None:
        """The next task; None as soon as none ``is_wanted`` any more."""
        self._takes += 1
        topics = list(TASKS.values())
        order = topics[::-1] if self._takes % LOW_FIRST_EVERY == 0 else topics
        while is_wanted():
            try:
                for topic in order:
                    if found := await self._reader.read(timeout_s=0, most=1, topics=[topic]):
                        return self._taken(found[0])
                if found := await self._reader.read(timeout_s=1.0, most=1):
                    return self._taken(found[0])
            except LogUnavailableError:
                await asyncio.sleep(RETRY_S)
        return None

    def _taken(self, raw: RawRecord) -> RawRecord:
        """Have its partition fetched again, although we read nothing while the attempt runs.

        The consumer keeps a fetched batch until somebody reads past its end. After 100 ms it asks
        for all other partitions, and the broker holds that question for up to half a second: the
        next task, should it come into this partition, would wait for it.
        """
        partition = (raw.topic, raw.partition)
        if partition in self._reader.assigned():  # or it has just moved to another worker
            self._reader.seek(partition, raw.offset + 1)
        return raw

    async def commit(self, raw: RawRecord) -> None:
        """The task is done with: its attempt is protected by its lease, not by its offset."""
        try:
            await self._reader.commit({(raw.topic, raw.partition): raw.offset + 1})
        except LogUnavailableError:
            # The task comes again, to us or another: that claim loses, or finds us gone.
            log.warning("kafka did not take the commit")

    def partitions(self) -> list[int]:
        """Numbers of the partitions that it reads in every task topic."""
        assigned = self._reader.assigned()
        numbers = [{n for topic, n in assigned if topic == name} for name in TASKS.values()]
        return sorted(set.intersection(*numbers))

    def leave(self) -> None:
        """What lies in our partitions is for others now."""
        self._reader.leave()
