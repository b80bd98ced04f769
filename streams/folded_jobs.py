"""States of jobs as they stand in the store, folded on with what comes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.fold import fold
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.event_sets import History

KNOWN_JOBS = 50_000  # states kept in memory, about 1 KB each


class FoldedJobs:
    """The states of the jobs that were seen last; others are asked of the store."""

    def __init__(self, store: ClickHouseStore) -> None:
        self._store = store
        self._jobs: OrderedDict[JobId, Job] = OrderedDict()
        """As they will stand in the store when the batch under way is stored."""

    def forget(self) -> None:
        """Ask for all of them again: somebody else may have stored others."""
        self._jobs.clear()

    async def fold(self, histories: Mapping[JobId, History]) -> list[Job]:
        """The newest state of each job that these events change.

        Raises:
            StoreUnavailableError: the store does not answer; nothing has changed.
        """
        # Also for a job that begins here: its request may have been appended twice.
        unknown = [job_id for job_id in histories if job_id not in self._jobs]
        if unknown:
            self._jobs.update(await self._store.find_many(unknown))
        changed = []
        for job_id, history in histories.items():
            job = fold(history, self._jobs.get(job_id))
            if job is not None:
                changed.append(job)
                self._jobs[job_id] = job
                self._jobs.move_to_end(job_id)
        while len(self._jobs) > KNOWN_JOBS:
            self._jobs.popitem(last=False)
        return changed
