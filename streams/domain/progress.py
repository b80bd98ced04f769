"""Progress of a running attempt: what most events tell, folded one by one or many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple

from streams.domain.events import ItemsSpan, ProgressReported
from streams.domain.ids import JobId
from streams.domain.job import Job, is_running
from streams.domain.recorded import Recorded


class ProgressRun(NamedTuple):
    """Reports of one attempt of a job, by one worker, with no other event of the job between.

    Either all of them count or none does, so together they are worth as much as one by one.
    """

    job_id: JobId
    offset: int
    """Of the first one."""
    last_offset: int
    reports: int
    """How many they are."""
    occurred_at: datetime
    """Of the last one, as ``stage``."""
    attempt: int
    worker: str
    stage: str
    items_seen: int
    """The most."""
    items: ItemsSpan | None
    """All of them joined."""
    each: Callable[[], Iterable[Recorded]]
    """One by one, for a job that has folded some of them before."""


def set_progress(job: Job, recorded: Recorded, event: ProgressReported) -> None:
    """Change ``job`` itself, past its being frozen: only for one that ``fold`` has just made."""
    _count(job, recorded.offset, 1)
    if job.is_open and is_running(job, event.attempt, event.worker):
        _set(job, recorded.occurred_at, event.stage, event.items_seen, event.items)


def set_run(job: Job, run: ProgressRun) -> None:
    """As ``set_progress``, for all of ``run``, whose first one is newer than the job."""
    _count(job, run.last_offset, run.reports)
    if job.is_open and is_running(job, run.attempt, run.worker):
        _set(job, run.occurred_at, run.stage, run.items_seen, run.items)


def _count(job: Job, offset: int, count: int) -> None:
    object.__setattr__(job, "offset", offset)
    object.__setattr__(job, "events_count", job.events_count + count)


def _set(job: Job, at: datetime, stage: str, items_seen: int, items: ItemsSpan | None) -> None:
    put = object.__setattr__
    put(job, "updated_at", at)
    put(job, "stage", stage)
    if items_seen > job.items_count:
        put(job, "items_count", items_seen)
    if items is not None:
        put(job, "items", items.joined(job.items))
