"""The twin of the ClickHouse store: folds what a broker in memory holds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from streams.adapters.memory import MemoryBroker
from streams.adapters.records import Records
from streams.domain.fold import evolve
from streams.domain.ids import JobId
from streams.domain.items import RecordedItem
from streams.domain.job import Job, Status
from streams.domain.recorded import Recorded
from streams.errors import StoreUnavailableError, UnreadableRecordError
from streams.ports import ItemPage, JobOfBatch, JobQuery, PackedItems, TopicPartition
from streams.projections.jobs import without_secret
from streams.topics import JOB_EVENTS, PARTITIONS, SCRAPED_ITEMS


class MemoryJobStore:
    """``streams.ports.JobStore`` over a ``MemoryBroker``.

    It materialises before each answer, unless ``is_held``.
    """

    def __init__(self, broker: MemoryBroker, records: Records) -> None:
        self._broker = broker
        self._records = records
        self._positions: dict[TopicPartition, int] = {}
        self._jobs: dict[JobId, Job] = {}
        self._events: defaultdict[JobId, list[Recorded]] = defaultdict(list)
        self._items: defaultdict[JobId, dict[str, RecordedItem]] = defaultdict(dict)
        self.is_held = False
        """Set it to store nothing more, as with a materializer that stopped."""
        self.away = False
        """Set it to refuse every call, as a store does that is away."""

    async def find_job(self, job_id: JobId) -> Job | None:
        """The job as stored."""
        await self._catch_up()
        return self._jobs.get(job_id)

    async def find_jobs(self, query: JobQuery) -> Sequence[Job]:
        """Stored jobs, newest first."""
        await self._catch_up()
        found = [job for job in self._jobs.values() if query.takes(job)]
        return sorted(found, key=_age, reverse=True)[: query.limit]

    async def find_many(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """The stored jobs among ``job_ids``."""
        await self._catch_up()
        return {job_id: self._jobs[job_id] for job_id in job_ids if job_id in self._jobs}

    async def find_batch(self, batch_id: str) -> Sequence[JobOfBatch]:
        """Every stored job of a batch."""
        await self._catch_up()
        return [
            JobOfBatch(job_id=job.job_id, status=job.status, created_at=job.created_at)
            for job in self._jobs.values()
            if job.batch_id == batch_id
        ]

    async def open_jobs(self) -> Sequence[Job]:
        """Every stored job that has not ended."""
        await self._catch_up()
        return [job for job in self._jobs.values() if job.is_open]

    async def recent_durations_s(self, kind: str, most: int = 50) -> Sequence[float]:
        """How long the newest completed jobs of ``kind`` took, seconds, newest first."""
        await self._catch_up()
        took = [
            (job.completed_at, (job.completed_at - job.started_at).total_seconds())
            for job in self._jobs.values()
            if job.kind == kind
            and job.status is Status.COMPLETED
            and job.completed_at
            and job.started_at
        ]
        return [seconds for _, seconds in sorted(took, reverse=True)[:most]]

    async def stored_ends(self, topic: str) -> Mapping[int, int]:
        """For each partition of ``topic``, the offset up to which all records are stored."""
        await self._catch_up()
        return {
            partition: end
            for (name, partition), end in self._positions.items()
            if name == topic and end
        }

    async def read_events(
        self, job_id: JobId, *, after: int = -1, before: int | None = None
    ) -> Sequence[Recorded]:
        """Stored events of a job with ``after < offset < before``, in the order of the log."""
        await self._catch_up()
        return [
            recorded
            for recorded in self._events.get(job_id, ())
            if after < recorded.offset and (before is None or recorded.offset < before)
        ]

    async def read_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> ItemPage:
        """A page of a job's items, each once."""
        await self._catch_up()
        items = sorted(self._items.get(job_id, {}).values(), key=_place)
        rest = [item for item in items if after is None or _place(item) > after]
        page = rest[:limit]
        return ItemPage(
            # As text and back: times come out of the store as ISO 8601.
            items=[msgspec.json.decode(msgspec.json.encode(item.fields)) for item in page],
            next_after=_place(page[-1]) if len(rest) > limit else None,
        )

    async def read_packed_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> PackedItems:
        """A page, which is not packed."""
        page = await self.read_items(job_id, after=after, limit=limit)
        return PackedItems(
            parts=lambda: iter([page.items]),
            count=len(page.items),
            size_bytes=0,
            next_after=page.next_after,
        )

    async def count_items(self, job_id: JobId) -> int:
        """How many items of a job are stored, each once."""
        await self._catch_up()
        return len(self._items.get(job_id, {}))

    async def newest_item_ids(
        self, job_ids: Sequence[JobId], field: str, most: int
    ) -> Sequence[str]:
        """Ids of the jobs' items (their ``field``), the last published first, each once."""
        await self._catch_up()
        items = [item.fields for job_id in job_ids for item in self._items.get(job_id, {}).values()]
        items.sort(key=lambda fields: str(fields.get("published_at") or ""), reverse=True)
        return list(dict.fromkeys(str(fields[field]) for fields in items))[:most]

    async def has_items(self, job_id: JobId, end: int) -> bool:
        """Whether the job's items are stored up to the log's offset ``end``."""
        await self._catch_up()
        return any(item.offset >= end - 1 for item in self._items.get(job_id, {}).values())

    async def ping(self) -> None:
        """Return when the store answers."""
        await self._catch_up()

    async def _catch_up(self) -> None:
        if self.away:
            raise StoreUnavailableError("the store in memory is away")
        if self.is_held:
            return
        for topic in (JOB_EVENTS, SCRAPED_ITEMS):
            for partition in range(PARTITIONS):
                position = self._positions.get((topic, partition), 0)
                raws = self._broker.next_after((topic, partition), position)
                await self._records.learn(raws)
                for raw in raws:
                    try:
                        if topic == JOB_EVENTS:
                            self._store_event(self._records.read_event(raw))
                        else:
                            self._store_item(self._records.read_item(raw))
                    except UnreadableRecordError:
                        continue  # the materializer rejects it and goes on
                self._positions[topic, partition] = position + len(raws)

    def _store_event(self, recorded: Recorded) -> None:
        events = self._events[recorded.job_id]
        if events and recorded.offset <= events[-1].offset:
            return
        events.append(recorded)
        job = evolve(self._jobs.get(recorded.job_id), recorded)
        if job is not None:
            self._jobs[recorded.job_id] = without_secret(job)

    def _store_item(self, item: RecordedItem) -> None:
        self._items[item.job_id][item.event_id] = item


def _age(job: Job) -> tuple[datetime, str]:
    return job.created_at, job.job_id


def _place(item: RecordedItem) -> tuple[int, str]:
    return int(item.fields.get("position") or 0), item.event_id
