"""One record after the other from a consumer group: what is wanted is handled, then committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from streams.ports import RawRecord, TopicPartition


class Reading:
    """Handles what was taken of a group's topics; drops all of it when partitions move."""

    def __init__(
        self,
        handle: Callable[[RawRecord], Awaitable[None]],
        wanted: Mapping[str, frozenset[bytes]],
        *,
        moved: Callable[[], None],
        order: Callable[[RawRecord], Any] = lambda raw: (raw.topic, raw.partition, raw.offset),
    ) -> None:
        """``wanted``: by topic, the CloudEvents types that ``handle`` gets; others are passed over.

        ``moved`` is called when partitions come or go, never while a record is handled. ``order``
        is that in which the records taken together are handled.
        """
        self._handle = handle
        self._wanted = wanted
        self._moved = moved
        self._busy = asyncio.Lock()
        self._order = order
        self._waiting: list[RawRecord] = []
        self._ends: dict[TopicPartition, int] = {}
        """For each partition, the offset after the last record taken."""
        self.life = 0
        """Counts assignments: what was read in an earlier one is not ours to handle."""
        self._handling: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """New partitions are ours."""
        self._drop()
        self._moved()

    async def let_go(self, _partitions: frozenset[TopicPartition]) -> None:
        """Partitions go: what is being handled is given up, and comes again at its next owner.

        Its events have the same ids there. Waiting for it could hold up the whole group.
        """
        self._drop()
        if self._handling is not None:
            self._handling.cancel()
        async with self._busy:
            self._moved()

    @property
    def waiting_count(self) -> int:
        """Records that were taken and wait for ``handle``."""
        return len(self._waiting)

    def take(self, raws: Sequence[RawRecord]) -> None:
        """Keep what is wanted of ``raws`` for ``handle``."""
        for raw in raws:
            self._ends[raw.topic, raw.partition] = raw.offset + 1
        self._waiting += [raw for raw in raws if self._is_wanted(raw)]

    async def handle(
        self, assigned: Callable[[], frozenset[TopicPartition]]
    ) -> Mapping[TopicPartition, int]:
        """Handle all that was taken; gives the offsets to commit, none when partitions moved.

        Raises:
            Exception: a bug in handling; let the process restart.
        """
        life, ends = self.life, self._ends
        waiting = sorted(self._waiting, key=self._order)
        self._waiting, self._ends = [], {}
        for raw in waiting:
            async with self._busy:
                if life != self.life or (raw.topic, raw.partition) not in assigned():
                    return {}
                self._handling = asyncio.ensure_future(self._handle(raw))
                try:
                    await asyncio.wait({self._handling})
                    if self._handling.cancelled():
                        return {}
                    self._handling.result()
                finally:
                    self._handling.cancel()
                    self._handling = None
        return ends if life == self.life else {}

    def _drop(self) -> None:
        self.life += 1
        self._waiting, self._ends = [], {}

    def _is_wanted(self, raw: RawRecord) -> bool:
        """Whether its type is wanted, or it does not say one."""
        kind = next((value for name, value in raw.headers if name == "ce_type"), None)
        return kind is None or kind in self._wanted[raw.topic]
