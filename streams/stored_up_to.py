"""Waits until the store has what was in the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol

from streams.adapters.clickhouse_store import TABLES, ClickHouseStore
from streams.errors import StoreUnavailableError
from streams.ports import TopicPartition

STORED_WITHIN_S = 60.0
ASK_EVERY_S = 0.1


class LogEnds(Protocol):
    """How far the log is, and how far its readers are."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition."""

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """The offsets that ``group`` has committed."""


async def until_stored(store: ClickHouseStore, log_ends: LogEnds, group: str) -> None:
    """Return when the store has everything that was in the log when this was called.

    A batch that the materializer (``group``) began before that holds nothing newer.

    Raises:
        StoreUnavailableError: it does not store.
    """
    wanted = {
        (topic, partition): end
        for topic in TABLES
        for partition, end in (await log_ends.ends(topic)).items()
        if end
    }
    deadline = time.monotonic() + STORED_WITHIN_S
    while True:
        done = dict(await log_ends.committed(group))
        for topic in TABLES:
            for partition, end in (await store.stored_ends(topic)).items():
                place = (topic, partition)
                done[place] = max(done.get(place, 0), end)
        if all(done.get(place, 0) >= end for place, end in wanted.items()):
            return
        if time.monotonic() > deadline:
            raise StoreUnavailableError(
                "the materializer has not stored what is in the log; the erasure is in the log "
                "and counts, carry it out with `scrapestream forget --resume` when it runs"
            )
        await asyncio.sleep(ASK_EVERY_S)
