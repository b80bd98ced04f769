"""The part of a topic's past that still matters: from the oldest open thing on.

An agent's state is the fold of the log and nothing else. What it has to read again after a
start is marked by a low-water mark, kept as the committed offset of a consumer group without
members, ``NAME-open``. See docs/decisions/0003-orchestrator-state-from-the-log.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from streams.errors import LogUnavailableError
from streams.ports import RawRecord

log = logging.getLogger(__name__)


class PastReader(Protocol):
    """What ``Past`` needs of a reader; ``KafkaReader`` with a group has it."""

    async def ends(self, topic: str) -> Mapping[int, int]: ...
    async def starts(self, topic: str) -> Mapping[int, int]: ...
    async def committed(self, partition: tuple[str, int]) -> int | None: ...
    def assign(self, positions: Mapping[tuple[str, int], int]) -> None: ...
    def rest(self) -> None: ...
    async def position(self, partition: tuple[str, int]) -> int: ...
    async def read(self, *, timeout_s: float, most: int = 5_000) -> list[RawRecord]: ...
    async def commit(self, positions: Mapping[tuple[str, int], int]) -> bool: ...


class Past:
    """Replays one topic's open past, a partition at a time."""

    def __init__(
        self,
        reader: PastReader,
        topic: str,
        learn: Callable[[Iterable[RawRecord]], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._topic = topic
        self._learn = learn
        """Fetches schemas of records before they are applied."""
        self._reading = asyncio.Lock()
        self._marks: dict[int, int] = {}

    async def ends(self) -> Mapping[int, int]:
        """The offset after the newest record of each partition.

        Raises:
            LogUnavailableError: the broker does not answer.
        """
        async with self._reading:
            return await self._reader.ends(self._topic)

    async def replay(
        self, partitions: Iterable[int], apply: Callable[[RawRecord], None]
    ) -> Mapping[int, int]:
        """Give ``apply`` every record from the low-water marks to the present ends.

        Returns the offset after the last record of each partition.

        Raises:
            LogUnavailableError: the broker does not answer; replay from the beginning again.
            RegistryError: the registry does not; the same.
        """
        started = time.monotonic()
        async with self._reading:
            ends = await self._reader.ends(self._topic)
            positions = await self._begins(partitions)
            done = {number: at for number, at in positions.items() if at >= ends.get(number, 0)}
            left = {number: at for number, at in positions.items() if number not in done}
            if left:
                self._reader.assign({(self._topic, number): at for number, at in left.items()})
            count = 0
            while left:
                raws = await self._reader.read(timeout_s=1.0)
                await self._learn(raws)
                for raw in raws:
                    apply(raw)
                count += len(raws)
                for number in list(left):
                    at = await self._reader.position((self._topic, number))
                    if at >= ends[number]:
                        done[number] = at
                        del left[number]
            self._reader.rest()  # or it reads all on, for nobody
        if count:
            seconds = round(time.monotonic() - started, 2)
            log.info(
                "past replayed",
                extra={"partitions": len(done), "events": count, "seconds": seconds},
            )
        return done

    async def _begins(self, partitions: Iterable[int]) -> dict[int, int]:
        """Where to begin: at the low-water mark, if the log still reaches back to it."""
        oldest = await self._reader.starts(self._topic)
        begins = {}
        for number in partitions:
            mark = await self._reader.committed((self._topic, number))
            begins[number] = max(oldest.get(number, 0), mark or 0)
        return begins

    async def mark(self, low_waters: Mapping[int, int]) -> None:
        """Keep the low-water marks; a mark that is lost costs only reading more."""
        moved = {
            partition: offset
            for partition, offset in low_waters.items()
            if self._marks.get(partition) != offset
        }
        if not moved or self._reading.locked():
            return
        async with self._reading:
            places = {(self._topic, partition): offset for partition, offset in moved.items()}
            self._reader.assign(places)
            self._reader.rest()
            try:
                if await self._reader.commit(places):
                    self._marks.update(moved)
            except LogUnavailableError:
                log.warning("low-water marks were not kept; next time")
