"""Keeps a process's ``Erasures`` as they are in the log: loaded before anything else is read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from schemas.errors import RegistryError
from streams.adapters.records import Records
from streams.domain.erasure import (
    ErasureEvent,
    ErasureRequested,
    Erasures,
    RecordedErasure,
)
from streams.errors import LogUnavailableError, UnavailableError, UnreadableRecordError
from streams.ports import NewRecord, RecordReader, TopicPartition
from streams.topics import ERASURE_EVENTS

log = logging.getLogger(__name__)

FOLLOW_EVERY_S = 0.5
CATCH_UP_S = 20.0


class BookReader(RecordReader, Protocol):
    """A reader that nobody else uses."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""

    def rest(self) -> None:
        """Fetch nothing until the next ``assign``."""

    async def starts(self, topic: str) -> Mapping[int, int]:
        """The offset of the oldest kept record of each partition."""


class ErasureBook:
    """Reads ``erasure-events`` from its beginning into ``records.erasures``."""

    def __init__(self, reader: BookReader, records: Records) -> None:
        self._reader = reader
        self._records = records
        self._positions: dict[TopicPartition, int] = {}
        self._reading = asyncio.Lock()
        records.catch_up = self.catch_up
        self.history: dict[str, list[RecordedErasure]] = {}
        """What was read, by erasure id, in the order of the log; begins with a request."""
        self.on_request: Callable[[ErasureRequested], None] = lambda _: None
        """Is told of each request after the first look."""

    @property
    def erasures(self) -> Erasures:
        """What must be forgotten, as far as it was read."""
        return self._records.erasures

    async def catch_up(self) -> None:
        """Read all that was in the log when this was called.

        Raises:
            LogUnavailableError, RegistryError: it could not be read; call again.
        """
        async with self._reading:
            try:
                async with asyncio.timeout(CATCH_UP_S):
                    await self._read_on()
            except TimeoutError as error:
                raise LogUnavailableError("Kafka does not give the erasures") from error

    def record(self, event: ErasureEvent, at: datetime) -> NewRecord:
        """The record of an event that is to be appended."""
        return self._records.erasure(event, at)

    async def follow(self) -> None:
        """Catch up again and again, until cancelled."""
        while True:
            await asyncio.sleep(FOLLOW_EVERY_S)
            try:
                await self.catch_up()
            except (UnavailableError, RegistryError) as error:
                log.warning("erasures cannot be read", extra={"reason": str(error)})

    async def _read_on(self) -> None:
        ends = await self._reader.ends(ERASURE_EVENTS)
        is_first = not self._positions
        if is_first:
            starts = await self._reader.starts(ERASURE_EVENTS)
            self._positions = {(ERASURE_EVENTS, n): start for n, start in starts.items()}
        if not self._is_behind(ends):
            return
        self._reader.assign(self._positions)
        try:
            await self._read_to(ends, is_first)
        finally:
            self._reader.rest()

    def _is_behind(self, ends: Mapping[int, int]) -> bool:
        return any(self._positions[ERASURE_EVENTS, n] < end for n, end in ends.items())

    async def _read_to(self, ends: Mapping[int, int], is_first: bool) -> None:
        while self._is_behind(ends):
            raws = await self._reader.read(timeout_s=1.0)
            await self._records.learn(raws)
            for raw in raws:
                self._positions[raw.topic, raw.partition] = raw.offset + 1
                try:
                    recorded = self._records.read_erasure(raw)
                except UnreadableRecordError:
                    log.exception("an erasure is unreadable")
                    continue
                event = recorded.event
                self.erasures.add(event)
                if isinstance(event, ErasureRequested) or event.erasure_id in self.history:
                    self.history.setdefault(event.erasure_id, []).append(recorded)
                if isinstance(event, ErasureRequested) and not is_first:
                    self.on_request(event)
