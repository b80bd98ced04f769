"""The read side without what must be forgotten, from the moment on at which that is in the log.

An erasure empties the store a little later; until then what it still holds is left out here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from streams.domain.erasure import Erasures
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.ports import ItemPage, JobOfBatch, JobQuery, JobStore, PackedItems

COUNTED_AT_ONCE = 25_000  # items, packed: some megabytes


class ErasedStore:
    """A ``JobStore`` over another one."""

    def __init__(self, store: JobStore, erasures: Erasures) -> None:
        self._store = store
        self._erasures = erasures

    async def find_job(self, job_id: JobId) -> Job | None:
        job = await self._store.find_job(job_id)
        return None if job is None else self._erasures.job(job)

    async def find_jobs(self, query: JobQuery) -> Sequence[Job]:
        found = await self._store.find_jobs(query)
        # Page sizes stay as they were: whoever reads on counts the rows.
        return [self._erasures.job(job) for job in found]

    async def find_many(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        found = await self._store.find_many(job_ids)
        return {job_id: self._erasures.job(job) for job_id, job in found.items()}

    async def find_batch(self, batch_id: str) -> Sequence[JobOfBatch]:
        return await self._store.find_batch(batch_id)

    async def open_jobs(self) -> Sequence[Job]:
        return await self._store.open_jobs()

    async def recent_durations_s(self, kind: str, most: int = 50) -> Sequence[float]:
        return await self._store.recent_durations_s(kind, most)

    async def stored_ends(self, topic: str) -> Mapping[int, int]:
        return await self._store.stored_ends(topic)

    async def read_events(
        self, job_id: JobId, *, after: int = -1, before: int | None = None
    ) -> Sequence[Recorded]:
        found = await self._store.read_events(job_id, after=after, before=before)
        return [self._erasures.event(recorded) for recorded in found]

    async def read_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> ItemPage:
        page = await self._store.read_items(job_id, after=after, limit=limit)
        if not self._erasures:
            return page
        return replace(page, items=self._shown(job_id, page.items))

    async def read_packed_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> PackedItems:
        packed = await self._store.read_packed_items(job_id, after=after, limit=limit)
        if not self._erasures:
            return packed

        def parts() -> Iterator[Sequence[Mapping[str, Any]]]:
            for items in packed.parts():
                yield self._shown(job_id, items)

        return replace(packed, parts=parts)

    async def count_items(self, job_id: JobId) -> int:
        if job_id in self._erasures.jobs:
            return 0
        if not self._erasures.authors or not self._erasures.open:
            return await self._store.count_items(job_id)
        # Until the erasure is done the store counts what is not shown: a file would lack it.
        count, after = 0, None
        while True:
            packed = await self.read_packed_items(job_id, after=after, limit=COUNTED_AT_ONCE)
            for items in packed.parts():
                count += len(items)
                await asyncio.sleep(0)
            if (after := packed.next_after) is None:
                return count

    async def newest_item_ids(
        self, job_ids: Sequence[JobId], field: str, most: int
    ) -> Sequence[str]:
        known = [job_id for job_id in job_ids if job_id not in self._erasures.jobs]
        return await self._store.newest_item_ids(known, field, most)

    async def has_items(self, job_id: JobId, end: int) -> bool:
        return await self._store.has_items(job_id, end)

    async def ping(self) -> None:
        await self._store.ping()

    def _shown(
        self, job_id: JobId, items: Sequence[Mapping[str, Any]]
    ) -> Sequence[Mapping[str, Any]]:
        return [item for item in items if not self._erasures.is_forgotten(job_id, item)]
