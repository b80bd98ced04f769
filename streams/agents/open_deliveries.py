"""Keeps ``Deliveries`` fed from the log: the past of a new partition, then its records."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection

from streams.agents.deliveries import Deliveries
from streams.agents.past import Past
from streams.agents.stalls import Stalls
from streams.domain.webhook import RecordedDelivery
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import RawRecord

log = logging.getLogger(__name__)

MARK_EVERY_S = 5.0


class OpenDeliveries:
    """Feed it records of ``webhook-events`` with ``react``; call ``sweep`` each second."""

    def __init__(
        self,
        deliveries: Deliveries,
        past: Past,
        read: Callable[[RawRecord], RecordedDelivery],
    ) -> None:
        self._deliveries = deliveries
        self._past = past
        self._read = read
        self._folded_to: dict[int, int] = {}
        self._restoring = asyncio.Lock()
        self._stalls = Stalls()
        self._marked_s = time.monotonic()

    async def react(self, raw: RawRecord) -> None:
        """Fold one record in; what it makes due starts at once."""
        folded_to = self._folded_to.get(raw.partition)
        if folded_to is None or raw.offset > folded_to:
            # New here, or another process had it in between.
            await self._restore([raw.partition])
            folded_to = self._folded_to[raw.partition]
        if raw.offset == folded_to:
            self._fold(raw)

    async def sweep(self, assigned: Collection[int]) -> None:
        """Take up new partitions, drop lost ones, start what is due."""
        mine = frozenset(assigned)
        for partition in self._folded_to.keys() - mine:
            del self._folded_to[partition]
        self._deliveries.keep_only(mine)
        try:
            if missing := mine - self._folded_to.keys():
                await self._restore(missing)
            ends = await self._past.ends()
            if stalled := self._stalls.find(self._folded_to, ends, time.monotonic()):
                log.warning("records do not come; read again", extra={"partitions": stalled})
                await self._restore(stalled)
        except LogUnavailableError:
            log.warning("kafka does not answer; deliveries wait")
            return
        self._deliveries.sweep()
        if time.monotonic() - self._marked_s > MARK_EVERY_S:
            self._marked_s = time.monotonic()
            await self._past.mark(self._deliveries.low_waters())

    async def _restore(self, partitions: Collection[int]) -> None:
        async with self._restoring:
            for partition in partitions:
                self._deliveries.hold(partition)
            ends = await self._past.replay(partitions, self._fold)
            for partition in partitions:
                self._folded_to[partition] = ends[partition]
                self._deliveries.release(partition)

    def _fold(self, raw: RawRecord) -> None:
        self._folded_to[raw.partition] = raw.offset + 1
        try:
            self._deliveries.fold(self._read(raw))
        except UnreadableRecordError as error:
            # The materializer puts it into the dead-letter topic.
            log.warning("record is unreadable", extra={"offset": raw.offset, "reason": str(error)})
