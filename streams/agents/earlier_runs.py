"""What a monitor's runs before have come to: what the next one needs to know of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from streams.agents.monitors_part import MonitorsPart
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.monitor import Monitor
from streams.errors import StoreUnavailableError
from streams.known_items import find_known_ids, wants_known_ids, with_known_ids
from streams.ports import JobStore
from streams.topics import JOB_EVENTS

OpenStore = Callable[[], Awaitable[JobStore]]
"""Gives the store, or raises StoreUnavailableError."""


class LogEnds(Protocol):
    """How far a topic goes; raises LogUnavailableError when the broker does not answer."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition."""


class EarlierRuns:
    """Asks the store, and waits for nothing: what it does not have yet is an error."""

    def __init__(self, store: OpenStore, ends: LogEnds, item_ids: Mapping[str, str]) -> None:
        """``item_ids``: for each kind of job, the field that tells its items apart."""
        self._store = store
        self._ends = ends
        self._item_ids = item_ids

    async def job_ends(self) -> Mapping[int, int]:
        """How far ``job-events`` goes now."""
        return await self._ends.ends(JOB_EVENTS)

    async def is_started(self, job_id: JobId) -> bool:
        """Whether a run's job exists."""
        store = await self._store()
        return await store.find_job(job_id) is not None

    async def options(self, monitor: Monitor, *, is_full: bool) -> Mapping[str, str]:
        """The options of its next run: those of the monitor, with what is known by now.

        Raises:
            StoreUnavailableError: the store does not answer.
        """
        if not wants_known_ids(monitor.options):
            return monitor.options
        if is_full:
            return with_known_ids(monitor.options, ())
        ids = await find_known_ids(
            await self._store(),
            tenant=monitor.tenant,
            kind=monitor.kind,
            url=monitor.url,
            item_id=self._item_ids.get(monitor.kind, ""),
        )
        return with_known_ids(monitor.options, ids)

    async def check_past(self, part: MonitorsPart) -> None:
        """Make sure that the store has the runs that the process before us has started.

        Raises:
            StoreUnavailableError: not yet.
        """
        if part.job_ends is None:
            return
        await self._check_stored(part.job_ends)
        part.job_ends = None

    async def last_job(self, monitor: Monitor) -> Job | None:
        """The job of the newest run; None: there is none, or it is kept nowhere any more.

        Raises:
            StoreUnavailableError: the store does not have it yet, or not all of its items.
        """
        if not monitor.last_job_id:
            return None
        job_id = JobId(monitor.last_job_id)
        store = await self._store()
        job = await store.find_job(job_id)
        if job is None:
            await self._check_stored(await self._ends.ends(JOB_EVENTS))
            job = await store.find_job(job_id)
        items = None if job is None or job.is_open else job.items
        if items is not None and not await store.has_items(job_id, items.end):
            raise StoreUnavailableError("the items of the last run are not stored yet")
        return job

    async def _check_stored(self, ends: Mapping[int, int]) -> None:
        stored = await (await self._store()).stored_ends(JOB_EVENTS)
        if any(stored.get(partition, 0) < end for partition, end in ends.items()):
            raise StoreUnavailableError("the newest job events are not stored yet")
