"""Follows ``worker-heartbeats``: tells a listener how the workers are, as soon as they say it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Protocol

from schemas.errors import RegistryError
from streams.domain.fleet import WorkerReported
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import RawRecord, RecordReader, TopicPartition
from streams.topics import WORKER_HEARTBEATS

log = logging.getLogger(__name__)

LOOK_BACK = 300
"""Reports read at the start, so that the workers are known before they speak again."""
RETRY_S = 0.5
PARTITION = (WORKER_HEARTBEATS, 0)


class TailReader(RecordReader, Protocol):
    """A reader that is told what to read."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""


class FleetReader:
    """Reads reports for one listener. ``run`` goes on through outages, until cancelled."""

    def __init__(
        self,
        reader: TailReader,
        learn: Callable[[Iterable[RawRecord]], Awaitable[None]],
        read: Callable[[RawRecord], WorkerReported],
        hear: Callable[[WorkerReported, float], None],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``hear`` gets each report, and when it was made on this process's own clock, seconds."""
        self._reader = reader
        self._learn = learn
        self._read = read
        self._hear = hear
        self._clock = clock
        self._now = now
        self._answered_s: float | None = None
        self._began_s = clock()
        self._begin_at: int | None = None

    def silent_s(self) -> float:
        """Seconds since the broker was last heard on this; since the start, if never."""
        return self._clock() - (self._began_s if self._answered_s is None else self._answered_s)

    async def run(self) -> None:
        """Follow the topic's end."""
        self._began_s = self._clock()
        while True:
            try:
                await self._follow()
            except (LogUnavailableError, RegistryError) as error:
                log.warning("workers cannot be heard", extra={"reason": str(error)})
                await asyncio.sleep(RETRY_S)

    async def _follow(self) -> None:
        end = (await self._reader.ends(WORKER_HEARTBEATS)).get(0, 0)
        begin = max(0, end - LOOK_BACK) if self._begin_at is None else self._begin_at
        self._reader.assign({PARTITION: begin})
        while True:
            raws = await self._reader.read(timeout_s=1.0)
            await self._learn(raws)
            for raw in raws:
                self._take(raw, is_old=raw.offset < end)
                self._begin_at = raw.offset + 1
            # An answer without records is one, too.
            self._answered_s = self._clock()

    def _take(self, raw: RawRecord, *, is_old: bool) -> None:
        try:
            report = self._read(raw)
        except UnreadableRecordError as error:
            log.warning("report is unreadable", extra={"reason": str(error)})
            return
        age_s = (self._now() - report.occurred_at).total_seconds() if is_old else 0.0
        self._hear(report, self._clock() - max(0.0, age_s))
