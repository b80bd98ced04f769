"""The tasks of this worker: what lies in its partitions, high priority before normal before low."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """Takes tasks as slots are free: the orchestrators put one there for each of them."""

    def __init__(self, reader: TaskReader) -> None:
        self._reader = reader
        self._takes = 0

    async def next(self, is_wanted: Callable[[], bool], most: int = 1) -> Sequence[RawRecord]:
        """The next tasks, ``most`` of them; none as soon as none ``is_wanted`` any more."""
        self._takes += 1
        topics = list(TASKS.values())
        order = topics[::-1] if self._takes % LOW_FIRST_EVERY == 0 else topics
        while is_wanted():
            try:
                for topic in order:
                    if found := await self._reader.read(timeout_s=0, most=most, topics=[topic]):
                        return self._taken(found)
                if found := await self._reader.read(timeout_s=1.0, most=most):
                    return self._taken(found)
            except LogUnavailableError:
                await asyncio.sleep(RETRY_S)
        return ()

    def _taken(self, raws: Sequence[RawRecord]) -> Sequence[RawRecord]:
        """Have their partitions fetched again, although we read nothing while all slots are busy.

        The consumer keeps a fetched batch until somebody reads past its end. After 100 ms it asks
        for all other partitions, and the broker holds that question for up to half a second: the
        next task, should it come into such a partition, would wait for it.
        """
        assigned = self._reader.assigned()
        for partition, offset in _ends(raws).items():
            if partition in assigned:  # or it has just moved to another worker
                self._reader.seek(partition, offset)
        return raws

    async def commit(self, raws: Sequence[RawRecord]) -> None:
        """The tasks are done with: attempts are protected by their leases, not by offsets."""
        try:
            await self._reader.commit(_ends(raws))
        except LogUnavailableError:
            # The tasks come again, to us or others: those claims lose, or find us gone.
            log.warning("kafka did not take the commit")

    def partitions(self) -> list[int]:
        """Numbers of the partitions that it reads in every task topic."""
        assigned = self._reader.assigned()
        numbers = [{n for topic, n in assigned if topic == name} for name in TASKS.values()]
        return sorted(set.intersection(*numbers))

    def leave(self) -> None:
        """What lies in our partitions is for others now."""
        self._reader.leave()


def _ends(raws: Sequence[RawRecord]) -> Mapping[TopicPartition, int]:
    """The offset after the last record of each partition, of records in their order."""
    return {(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
