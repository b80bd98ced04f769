"""Batches: how the jobs that were asked for in one call stand, counted as they change."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from streams.domain.ids import JobId
from streams.domain.job import OPEN_STATUSES, Job, Status
from streams.ports import JobOfBatch

MOST_COUNTED = 500_000  # jobs, over all batches: about 100 bytes each


@dataclass(slots=True)
class Batch:
    """The jobs of one batch, each with its newest known status."""

    batch_id: str
    statuses: dict[JobId, Status] = field(default_factory=dict)
    counts: Counter[Status] = field(default_factory=Counter)
    created_at: datetime | None = None
    is_whole: bool = False
    """Whether every job that was accepted so far is among them."""
    listeners: set[asyncio.Event] = field(default_factory=set)
    """Set when a count changes."""

    @property
    def total(self) -> int:
        """Jobs."""
        return len(self.statuses)

    @property
    def open_count(self) -> int:
        """Jobs that have not ended."""
        return sum(self.counts[status] for status in OPEN_STATUSES)

    @property
    def has_ended(self) -> bool:
        """Whether all of its jobs have."""
        return self.open_count == 0

    def open_jobs(self) -> list[JobId]:
        """Jobs that have not ended, oldest first."""
        return [job_id for job_id, status in self.statuses.items() if status in OPEN_STATUSES]

    def state(self) -> str:
        """Tells states apart, the same at every process: the count of each status."""
        return "-".join(str(self.counts[status]) for status in Status)

    def put(self, job: Job | JobOfBatch) -> None:
        """Take over a job's status."""
        before = self.statuses.get(job.job_id)
        if before is job.status:
            return
        if before is not None:
            self.counts[before] -= 1
        self.statuses[job.job_id] = job.status
        self.counts[job.status] += 1
        if self.created_at is None or job.created_at < self.created_at:
            self.created_at = job.created_at
        for listener in self.listeners:
            listener.set()

    def put_new(self, job_ids: Iterable[JobId], status: Status, created_at: datetime) -> None:
        """Take over those of the jobs that are not known yet, all with one status."""
        known = self.statuses
        unknown = [job_id for job_id in job_ids if job_id not in known] if known else list(job_ids)
        if not unknown:
            return
        known.update(dict.fromkeys(unknown, status))
        self.counts[status] += len(unknown)
        if self.created_at is None or created_at < self.created_at:
            self.created_at = created_at
        for listener in self.listeners:
            listener.set()


class BatchBoard:
    """Counts the batches that somebody asks for, and no others."""

    def __init__(self, most_counted: int = MOST_COUNTED) -> None:
        self._most_counted = most_counted
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def learn(self, job: Job) -> None:
        """A job is new, or has another status."""
        batch = self._batches.get(job.batch_id)
        if batch is not None:
            batch.put(job)

    def accept(
        self, batch_id: str, job_ids: Iterable[JobId], status: Status, *, created_at: datetime
    ) -> None:
        """Count the jobs of a batch that begins here: those not heard of yet."""
        batch = self.open(batch_id)
        batch.put_new(job_ids, status, created_at)
        batch.is_whole = True

    def open(self, batch_id: str) -> Batch:
        """The batch, counted from now on; empty and not whole when it was not counted before."""
        batch = self._batches.get(batch_id)
        if batch is None:
            batch = self._batches[batch_id] = Batch(batch_id)
            self._forget()
        self._batches.move_to_end(batch_id)
        return batch

    def close(self, batch_id: str) -> None:
        """Count it no more."""
        self._batches.pop(batch_id, None)

    def _forget(self) -> None:
        """Drop those not asked for the longest; the store has their jobs."""
        counted = sum(batch.total for batch in self._batches.values())
        for batch_id, batch in list(self._batches.items())[:-1]:
            if counted <= self._most_counted:
                return
            if not batch.listeners:
                counted -= batch.total
                del self._batches[batch_id]
