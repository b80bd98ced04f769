"""The replays of ``replay-events`` as they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from streams.domain.replays import RecordedReplay, ReplayState, evolve_replay
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import RawRecord, RecordReader, TopicPartition
from streams.topics import REPLAY_EVENTS

READ_WITHIN_S = 10.0
PARTITION = (REPLAY_EVENTS, 0)


class BoardReader(RecordReader, Protocol):
    """A reader that nobody else uses."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""

    async def starts(self, topic: str) -> Mapping[int, int]:
        """The offset of the oldest kept record of each partition."""


class Replays:
    """A fold of the topic, in the order in which replays were asked for."""

    def __init__(
        self,
        learn: Callable[[Iterable[RawRecord]], Awaitable[None]],
        read: Callable[[RawRecord], RecordedReplay],
    ) -> None:
        self._learn = learn
        self._read = read
        self._states: dict[str, ReplayState] = {}

    def all(self) -> Sequence[ReplayState]:
        """The first one asked for comes first."""
        return list(self._states.values())

    def find(self, replay_id: str) -> ReplayState | None:
        """How one stands."""
        return self._states.get(replay_id)

    async def apply(self, raws: Sequence[RawRecord]) -> None:
        """Take records. Raises RegistryError when a schema cannot be fetched: apply them again."""
        await self._learn(raws)
        for raw in raws:
            try:
                recorded = self._read(raw)
            except UnreadableRecordError:
                continue  # none of ours
            self.take(recorded)

    def take(self, recorded: RecordedReplay) -> None:
        """Apply one event; one that is applied already changes nothing."""
        state = evolve_replay(self._states.get(recorded.replay_id), recorded)
        if state is not None:
            self._states[recorded.replay_id] = state


class ReplayBoard:
    """Reads on when it is asked. ``look`` raises LogUnavailableError and RegistryError."""

    def __init__(self, reader: BoardReader, replays: Replays) -> None:
        self._reader = reader
        self._replays = replays
        self._next: int | None = None
        self._reading = asyncio.Lock()

    async def look(self) -> Replays:
        """All replays, with everything that the log has now."""
        async with self._reading:
            try:
                async with asyncio.timeout(READ_WITHIN_S):
                    await self._read_on()
            except TimeoutError as error:
                raise LogUnavailableError("Kafka does not give the replays' events") from error
        return self._replays

    async def _read_on(self) -> None:
        end = (await self._reader.ends(REPLAY_EVENTS)).get(0, 0)
        if self._next is None:
            self._next = (await self._reader.starts(REPLAY_EVENTS)).get(0, 0)
        if self._next >= end:
            return
        self._reader.assign({PARTITION: self._next})
        while self._next < end:
            raws = [
                raw for raw in await self._reader.read(timeout_s=1.0) if raw.offset >= self._next
            ]
            await self._replays.apply(raws)
            if raws:
                self._next = raws[-1].offset + 1
