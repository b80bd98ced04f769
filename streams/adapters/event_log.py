"""The typed event log over any record writer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from streams.adapters.records import Records
from streams.dead_letters import UNREADABLE, rejection
from streams.domain.erasure import Subject, subject_hash
from streams.domain.fleet import DrainWorker, WorkerReported
from streams.domain.items import NewItem, Position
from streams.domain.monitor_events import RecordedMonitor
from streams.domain.place import PlaceScraped, RecordedPlaceEvent
from streams.domain.recorded import NewEvent
from streams.domain.replays import RecordedReplay
from streams.domain.tasks import ScrapeTask, StopAttempt
from streams.domain.webhook import RecordedDelivery
from streams.errors import InvalidItemError
from streams.personal_keys import PersonalKeys, Whose
from streams.ports import NewRecord, RawRecord, RecordWriter
from streams.sealed_fields import DataKey, new_key, sealed
from streams.sealed_places import sealed_review_event

ENCODED_AT_ONCE = 500  # some 10 ms


class RecordEventLog:
    """``streams.ports.EventLog`` over a Kafka writer, or the one in memory."""

    def __init__(
        self, writer: RecordWriter, records: Records, sealing: PersonalKeys | None = None
    ) -> None:
        """``sealing``: encrypt what is personal in items with these keys."""
        self._writer = writer
        self._records = records
        self._sealing = sealing

    async def append(self, events: Sequence[NewEvent]) -> Sequence[Position]:
        if len(events) <= ENCODED_AT_ONCE:
            return await self._writer.send([self._records.event(new) for new in events])
        encoded: list[NewRecord] = []
        for first in range(0, len(events), ENCODED_AT_ONCE):
            share = events[first : first + ENCODED_AT_ONCE]
            encoded += [self._records.event(new) for new in share]
            await asyncio.sleep(0)  # others are waiting for this process, too
        return await self._writer.send(encoded)

    async def append_items(self, items: Sequence[NewItem]) -> Sequence[Position]:
        if self._sealing is not None:
            keys = await self._keys_for(self._sealing, [(new.job_id, new.fields) for new in items])
            items = [
                replace(new, fields=sealed(new.fields, key, new.event_id), key_id=key.key_id)
                for new, key in zip(items, keys, strict=True)
            ]
        try:
            encoded = [self._records.item(new) for new in items]
        except ValueError as error:
            raise InvalidItemError(str(error)) from error
        return await self._writer.send(encoded)

    async def enqueue(self, tasks: Sequence[tuple[ScrapeTask, int | None]]) -> Sequence[Position]:
        return await self._writer.send(
            [replace(self._records.task(task), partition=number) for task, number in tasks]
        )

    async def order(self, order: StopAttempt | DrainWorker) -> None:
        await self._writer.send([self._records.order(order)])

    async def report(self, report: WorkerReported) -> None:
        await self._writer.send([self._records.report(report)])

    async def append_delivery(self, delivery: RecordedDelivery) -> None:
        await self._writer.send([self._records.delivery(delivery)])

    async def append_replay(self, new: RecordedReplay) -> None:
        # Their topic has one partition: it is their order.
        await self._writer.send([replace(self._records.replay(new), partition=0)])

    async def append_place_events(self, events: Sequence[RecordedPlaceEvent]) -> Sequence[Position]:
        positions: list[Position] = []
        for first in range(0, len(events), ENCODED_AT_ONCE):
            share = events[first : first + ENCODED_AT_ONCE]
            if self._sealing is not None:
                share = await self._sealed_place_events(self._sealing, share)
            positions += await self._writer.send([self._records.place_event(new) for new in share])
        return positions

    async def append_monitor(self, event: RecordedMonitor) -> Position:
        [position] = await self._writer.send([self._records.monitor(event)])
        return position

    async def reject(
        self, raw: RawRecord, reason: str, *, to: str, error: str = UNREADABLE
    ) -> None:
        await self._writer.send([rejection(raw, reason, error, datetime.now(UTC), to=to)])

    async def put(self, records: Sequence[NewRecord]) -> None:
        await self._writer.send(records)

    async def _sealed_place_events(
        self, keys: PersonalKeys, events: Sequence[RecordedPlaceEvent]
    ) -> Sequence[RecordedPlaceEvent]:
        reviews = {
            new.event_id: (new, new.event)
            for new in events
            if not isinstance(new.event, PlaceScraped)
        }
        found = await self._keys_for(
            keys, [(new.job_id, event.review) for new, event in reviews.values()]
        )
        for (new, event), key in zip(list(reviews.values()), found, strict=True):
            sealed_event = sealed_review_event(event, key, new.event_id)
            reviews[new.event_id] = (replace(new, event=sealed_event, key_id=key.key_id), event)
        return [reviews[new.event_id][0] if new.event_id in reviews else new for new in events]

    async def _keys_for(
        self, keys: PersonalKeys, written: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> Sequence[DataKey]:
        """A key for each review, with its job; for one that is forgotten, one that nobody has."""
        authors = self._records.erasures.authors
        wanted = [Whose(job_id=job_id, author=_author_of(item)) for job_id, item in written]
        kept = [whose for whose in wanted if whose.author not in authors]
        found = dict(zip(kept, await keys.for_new(kept), strict=True))
        # After the keys are in the store: an erasure that stands behind this look deletes them.
        await self._records.catch_up()
        return [new_key() if whose.author in authors else found[whose] for whose in wanted]


def _author_of(item: Mapping[str, Any]) -> str:
    author = item.get("author_id")
    return subject_hash(Subject.AUTHOR, str(author)) if author else ""
