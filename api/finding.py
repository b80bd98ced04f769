"""Finds jobs: in memory, in the store, or on their way to us."""

from __future__ import annotations

import asyncio
import heapq
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from api.live_view import LiveView
from api.pause import Pause
from api.refusals import ViewBehindError
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.errors import StoreUnavailableError, UnknownJobError
from streams.ports import JobQuery, JobStore

JOB_ID = re.compile(r"[0-9a-f]{32}")
CATCH_UP_S = 2.0
ITEMS_WITHIN_S = 10.0


class JobFinder:
    """Reads jobs from memory and store as if they were one."""

    def __init__(self, live: LiveView, store: JobStore) -> None:
        self._live = live
        self._store = store

    async def find(self, text: str) -> Job:
        """The newest known state of a job.

        A job that another process accepted a moment ago is waited for, so its client never
        hears that it does not exist.

        Raises:
            UnknownJobError: there is no such job.
            UnavailableError: whether there is one cannot be said now; ask again.
        """
        if not JOB_ID.fullmatch(text):
            raise UnknownJobError(text[:64])
        job_id = JobId(text)
        if job := self._live.find(job_id):
            return job
        try:
            stored = await self._store.find_job(job_id)
        except StoreUnavailableError:
            stored = None  # it may still be on its way; the store is asked once more below
        if stored is not None:
            return stored
        if not await self._live.is_caught_up(CATCH_UP_S):
            raise ViewBehindError(f"job {job_id} may be too new for this process; ask again")
        found = self._live.find(job_id) or await self._store.find_job(job_id)
        if found is None:
            raise UnknownJobError(job_id)
        return found

    async def page(self, query: JobQuery) -> tuple[Sequence[Job], bool]:
        """Jobs of ``query``, newest first, and whether there are more.

        Memory and store may both have a job; the one that has folded more of its events counts.

        Raises:
            StoreUnavailableError: the store does not answer; ask again.
        """
        wanted = query.limit + 1
        live = heapq.nlargest(
            wanted, (job for job in self._live.memory if query.takes(job)), key=_age
        )
        found = {job.job_id: job for job in live}
        # All memory has beyond this one is older; the store must be read down to it.
        oldest_of_full = _age(live[-1]) if len(live) == wanted else None
        before, fresh = query.before, 0
        while fresh < wanted:
            rows = await self._store.find_jobs(replace(query, before=before, limit=wanted))
            for job in rows:
                known = self._live.find(job.job_id)
                if known is None or known.offset < job.offset:
                    found[job.job_id] = job
                    fresh += known is None
            if len(rows) < wanted or (oldest_of_full and _age(rows[-1]) <= oldest_of_full):
                break
            before = _age(rows[-1])
        newest = heapq.nlargest(wanted, found.values(), key=_age)
        return newest[: query.limit], len(newest) > query.limit

    async def wait_for_items(self, job: Job) -> None:
        """Return when the store has all items of a job that has ended.

        Raises:
            StoreUnavailableError: it does not have them in time; ask again.
        """
        if job.is_open or job.items is None:
            return
        pause = Pause(longest_s=0.25)
        try:
            async with asyncio.timeout(ITEMS_WITHIN_S):
                while not await self._store.has_items(job.job_id, job.items.end):
                    await pause.wait()
        except TimeoutError as error:
            raise StoreUnavailableError(
                f"the reviews of job {job.job_id} are not all stored yet; ask again"
            ) from error


def _age(job: Job) -> tuple[datetime, str]:
    return job.created_at, job.job_id
