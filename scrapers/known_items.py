"""The items that earlier attempts of a job have put into the log."""

from __future__ import annotations

import asyncio
import logging

from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.records import Records
from streams.domain.tasks import ScrapeTask
from streams.errors import UnreadableRecordError
from streams.ports import TopicPartition
from streams.topics import SCRAPED_ITEMS

log = logging.getLogger(__name__)


class KnownItems:
    """Reads them from the log itself, so that no item is emitted twice."""

    def __init__(self, reader: KafkaReader, records: Records) -> None:
        self._reader = reader
        self._records = records
        self._reading = asyncio.Lock()

    async def read(self, task: ScrapeTask, item_id: str) -> frozenset[str]:
        """Ids of the items of ``task``'s job; none for its first attempt.

        Raises:
            LogUnavailableError: the broker does not answer; read again.
        """
        if task.items is None:
            return frozenset()
        place = (SCRAPED_ITEMS, task.items.partition)
        async with self._reading:
            # Up to now, not to the span's end: what came after the last report counts as well.
            end = (await self._reader.ends(SCRAPED_ITEMS))[task.items.partition]
            self._reader.assign({place: task.items.first})
            try:
                return await self._read_to(place, end, task.job_id.encode(), item_id)
            finally:
                self._reader.rest()

    async def _read_to(
        self, place: TopicPartition, end: int, key: bytes, item_id: str
    ) -> frozenset[str]:
        known: set[str] = set()
        while await self._reader.position(place) < end:
            raws = await self._reader.read(timeout_s=1.0)
            await self._records.learn(raws)
            for raw in raws:
                if raw.key != key:
                    continue
                try:
                    fields = self._records.read_item(raw).fields
                    if item_id in fields:  # one that must be forgotten has none
                        known.add(str(fields[item_id]))
                except UnreadableRecordError as error:
                    log.warning("item is unreadable", extra={"reason": str(error)})
        return frozenset(known)
