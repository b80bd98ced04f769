"""How far the materializer is, by its rows and by what it has committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_store import TABLES
from streams.errors import LogUnavailableError
from streams.ports import TopicPartition

PAUSE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Offsets of one topic by partition."""

    stored: Mapping[int, int] = field(default_factory=dict)
    """After the highest row: a materializer that starts goes on there, or later."""
    committed: Mapping[int, int] = field(default_factory=dict)
    """What was once stored, whatever became of it."""

    def end(self, partition: int) -> int:
        """Records before it were stored."""
        return max(self.stored.get(partition, 0), self.committed.get(partition, 0))


class StoredProgress:
    """Asks store and broker."""

    def __init__(
        self,
        clickhouse: ClickHouse,
        committed: Callable[[], Awaitable[Mapping[TopicPartition, int]]],
        *,
        within_s: float = 10.0,
    ) -> None:
        """``within_s``: how long ``reach`` waits for a materializer that lags or is away."""
        self._clickhouse = clickhouse
        self._committed = committed
        self._within_s = within_s

    async def reach(self, topic: str, ends: Mapping[int, int]) -> Progress:
        """Wait until everything before ``ends`` is stored, or has had the time for it.

        Raises:
            LogUnavailableError, StoreUnavailableError: one of them does not answer.
        """
        deadline = time.monotonic() + self._within_s
        while True:
            try:
                committed = await self._committed()
            except LogUnavailableError:  # docs/hazards.md, H15: a broker that has just started
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE_S)
                continue
            found = Progress(
                stored=await self._row_ends(topic),
                committed={number: at for (name, number), at in committed.items() if name == topic},
            )
            is_there = all(found.end(number) >= end for number, end in ends.items())
            if is_there or time.monotonic() > deadline:
                return found
            await asyncio.sleep(PAUSE_S)

    async def _row_ends(self, topic: str) -> Mapping[int, int]:
        rows = await self._clickhouse.rows(
            f"SELECT partition, max(offset) + 1 FROM {TABLES[topic]} GROUP BY partition"  # noqa: S608 - our own names
        )
        return {int(partition): int(end) for partition, end in rows}
