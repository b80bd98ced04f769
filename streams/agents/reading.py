"""One record after the other from a consumer group: what is wanted is handled, then committed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from streams.ports import RawRecord, TopicPartition


class Reading:
    """Handles batches of records; stops in the middle of one when partitions move."""

    def __init__(
        self,
        handle: Callable[[RawRecord], Awaitable[None]],
        wanted: Mapping[str, frozenset[bytes]],
        *,
        moved: Callable[[], None],
    ) -> None:
        """``wanted``: by topic, the CloudEvents types that ``handle`` gets; others are passed over.

        ``moved`` is called when partitions come or go, never while a record is handled.
        """
        self._handle = handle
        self._wanted = wanted
        self._moved = moved
        self._busy = asyncio.Lock()
        self._life = 0
        """Counts assignments: what was read in an earlier one is not ours to handle."""
        self._handling: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """New partitions are ours."""
        self._life += 1
        self._moved()

    async def let_go(self, _partitions: frozenset[TopicPartition]) -> None:
        """Partitions go: what is being handled is given up, and comes again at its next owner.

        Its events have the same ids there. Waiting for it could hold up the whole group.
        """
        self._life += 1
        if self._handling is not None:
            self._handling.cancel()
        async with self._busy:
            self._moved()

    async def handle(
        self, raws: Sequence[RawRecord], assigned: Callable[[], frozenset[TopicPartition]]
    ) -> Mapping[TopicPartition, int]:
        """Handle what is wanted of ``raws``; gives the offsets to commit.

        Raises:
            Exception: a bug in handling; let the process restart.
        """
        done: dict[TopicPartition, int] = {}
        life = self._life
        for raw in raws:
            partition = (raw.topic, raw.partition)
            if self._is_wanted(raw):
                async with self._busy:
                    if life != self._life or partition not in assigned():
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
            done[partition] = raw.offset + 1
        return done if life == self._life else {}

    def _is_wanted(self, raw: RawRecord) -> bool:
        """Whether its type is wanted, or it does not say one."""
        kind = next((value for name, value in raw.headers if name == "ce_type"), None)
        return kind is None or kind in self._wanted[raw.topic]
