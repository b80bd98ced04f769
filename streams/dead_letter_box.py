"""The dead-letter topics as operators use them: list, look at, send back, drop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from streams.adapters.records import Records
from streams.dead_letters import (
    DLQ_TOPICS,
    Letter,
    Letters,
    Place,
    Resolution,
    marker,
    place_text,
    requeued,
)
from streams.domain.ids import event_id
from streams.domain.recorded import Recorded
from streams.domain.webhook import DeliveryScheduled, RecordedDelivery
from streams.errors import LogUnavailableError, UnavailableError, UnreadableRecordError
from streams.ports import EventLog, RawRecord, RecordReader, TopicPartition
from streams.topics import WEBHOOK_EVENTS

log = logging.getLogger(__name__)

WATCH_EVERY_S = 5.0
READ_WITHIN_S = 10.0


class BoxReader(RecordReader, Protocol):
    """A reader that nobody else uses."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""

    def rest(self) -> None:
        """Fetch nothing until the next ``assign``."""

    async def starts(self, topic: str) -> Mapping[int, int]:
        """The offset of the oldest kept record of each partition."""


class DeadLetterBox:
    """Follows the dead-letter topics; their records' bytes stay in Kafka until they are asked for.

    Each method raises LogUnavailableError when the broker does not answer.
    """

    def __init__(self, reader: BoxReader, event_log: EventLog, records: Records) -> None:
        self._reader = reader
        self._log = event_log
        self._records = records
        self._letters = {topic: Letters() for topic in DLQ_TOPICS}
        self._positions: dict[TopicPartition, int] = {}
        self._reading = asyncio.Lock()
        self._was_read = False
        self.on_letter: Callable[[Letter], None] = lambda _: None
        """Is told of each letter that comes after the first look."""

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.look()
            except UnavailableError as error:
                log.warning("dead letters cannot be read", extra={"reason": str(error)})
            await asyncio.sleep(WATCH_EVERY_S)

    def known_open(self, topic: str) -> Sequence[Letter]:
        """Open letters of one topic as of the last look, newest first."""
        return self._letters[topic].open()

    async def look(self) -> None:
        """Read what has come."""
        async with self._reading:
            try:
                async with asyncio.timeout(READ_WITHIN_S):
                    await self._read_on()
            except TimeoutError as error:
                raise LogUnavailableError("Kafka does not give the dead letters") from error
            self._was_read = True

    async def find(self, place: Place) -> Letter | None:
        """The letter at a place, resolved or not."""
        await self.look()
        return self._letters[place[0]].find(place)

    async def record(self, letter: Letter) -> RawRecord:
        """The letter's bytes."""
        raw = await self.fetch(letter.place)
        if raw is None:
            raise LogUnavailableError(f"Kafka does not keep {letter.id} any more")
        return raw

    async def fetch(self, place: Place) -> RawRecord | None:
        """One record of any topic; None when it is not kept any more."""
        topic, partition, offset = place
        async with self._reading:
            # With the topics that are followed, or the reader forgets that there are such.
            self._reader.assign({**self._positions, (topic, partition): offset})
            try:
                async with asyncio.timeout(READ_WITHIN_S):
                    while True:
                        for raw in await self._reader.read(timeout_s=1.0, most=1):
                            if (raw.topic, raw.partition) == (topic, partition):
                                # The oldest kept record comes in place of one that is gone.
                                return raw if raw.offset == offset else None
            except TimeoutError as error:
                raise LogUnavailableError(f"Kafka does not give {place_text(place)}") from error
            finally:
                self._reader.rest()

    async def job_event(self, raw: RawRecord) -> Recorded:
        """The job event in a record.

        Raises:
            UnreadableRecordError: there is none in it.
        """
        await self._records.learn([raw])
        return self._records.read_event(raw)

    async def delivery(self, raw: RawRecord) -> RecordedDelivery | None:
        """The webhook in a letter; None when it holds none that can be read."""
        await self._records.learn([raw])
        try:
            return self._records.read_delivery(raw)
        except UnreadableRecordError:
            return None

    async def requeue(self, letter: Letter) -> bool:
        """Send a letter back to where it came from; False when that is not known.

        A webhook goes back as a new delivery: the old one is closed, and stays so.
        """
        if letter.original is None:
            return False
        raw = await self.record(letter)
        delivery = await self.delivery(raw) if letter.original[0] == WEBHOOK_EVENTS else None
        if delivery is not None and isinstance(delivery.event, DeliveryScheduled):
            await self._log.append_delivery(_redelivery(delivery, letter))
        else:
            await self._log.put([requeued(raw, letter.original)])
        # After it: a crash in between sends it twice, and never loses it.
        await self._resolve(letter, Resolution.REQUEUED)
        return True

    async def drop(self, letter: Letter) -> None:
        """Leave a letter where it is, and out of every list."""
        await self._resolve(letter, Resolution.DROPPED)

    async def _resolve(self, letter: Letter, resolution: Resolution) -> None:
        await self._log.put([marker(letter.place, resolution, datetime.now(UTC))])

    async def _read_on(self) -> None:
        """Read every dead-letter topic to its end."""
        left: dict[TopicPartition, int] = {}
        for topic in DLQ_TOPICS:
            starts = await self._reader.starts(topic)
            for partition, end in (await self._reader.ends(topic)).items():
                part = (topic, partition)
                at = max(self._positions.get(part, 0), starts.get(partition, 0))
                self._positions[part] = at
                if at < end:
                    left[part] = end
        if left:
            self._reader.assign(self._positions)
        while left:
            for raw in await self._reader.read(timeout_s=1.0):
                part = (raw.topic, raw.partition)
                if raw.offset >= self._positions.get(part, raw.offset + 1):
                    self._positions[part] = raw.offset + 1
                    self._apply(raw)
            left = {part: end for part, end in left.items() if self._positions[part] < end}
        self._reader.rest()

    def _apply(self, raw: RawRecord) -> None:
        letter = self._letters[raw.topic].apply(raw)
        if letter is not None and self._was_read:
            self.on_letter(letter)


def _redelivery(delivery: RecordedDelivery, letter: Letter) -> RecordedDelivery:
    """The same body to the same address, under an id that follows from the letter."""
    return RecordedDelivery(
        delivery_id=event_id(delivery.job_id, "webhook", ordinal=letter.id),
        job_id=delivery.job_id,
        tenant=delivery.tenant,
        event_id=event_id(delivery.job_id, DeliveryScheduled.__name__, ordinal=letter.id),
        occurred_at=datetime.now(UTC),
        event=delivery.event,
        traceparent=delivery.traceparent,
    )
