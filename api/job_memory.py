"""Jobs in the memory of an API process: open ones, and those that ended lately."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from api.batches import BatchBoard
from api.story import Story
from streams.domain.erasure import Erasures
from streams.domain.fold import evolve
from streams.domain.ids import JobId
from streams.domain.job import Job, Status
from streams.domain.recorded import Recorded

MOST_JOBS = 20_000
MOST_EVENTS = 100_000  # about 1 KB each
EVENTS_LEFT_OF_A_LONG_JOB = 100


@dataclass(slots=True)
class Entry:
    """A job and those of its events that are in memory."""

    job: Job
    memory_from: int
    """Events below this offset are in the store only; all others are in ``events``."""
    whole: bool = False
    """Whether ``events`` begin with the job's first one."""
    events: list[Recorded] = field(default_factory=list)
    story: Story | None = None
    """Made when somebody listens for the first time."""
    telling: asyncio.Lock | None = None
    """Held while the story is made, so that a crowd asks the store once."""


class JobMemory:
    """Folds events into jobs; forgets only what the store has."""

    def __init__(self, *, most_jobs: int = MOST_JOBS, most_events: int = MOST_EVENTS) -> None:
        self._most_jobs = most_jobs
        self._most_events = most_events
        self._entries: dict[JobId, Entry] = {}
        self._ended: dict[JobId, None] = {}  # in the order in which they ended
        self._counts: Counter[Status] = Counter()
        self.batches = BatchBoard()
        self.events_count = 0
        """Events in memory."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Job]:
        return (entry.job for entry in self._entries.values())

    def find(self, job_id: JobId) -> Entry | None:
        """The job, if it is in memory."""
        return self._entries.get(job_id)

    def count(self, *statuses: Status) -> int:
        """Jobs in memory that have one of ``statuses``; exact for open ones."""
        return sum(map(self._counts.__getitem__, statuses))

    def learn(self, recorded: Recorded) -> tuple[Job | None, Job | None]:
        """Fold one event in. The job before and after; the same when it changed nothing."""
        entry = self._entries.get(recorded.job_id)
        if entry is None:
            job = evolve(None, recorded)
            if job is not None:
                entry = self._add(Entry(job, memory_from=recorded.offset, whole=True))
                entry.events.append(recorded)
                self.events_count += 1
            return None, job
        newest = entry.events[-1].offset if entry.events else entry.memory_from - 1
        before = entry.job
        if recorded.offset <= newest:
            return before, before
        entry.events.append(recorded)
        self.events_count += 1
        if entry.story is not None:
            entry.story.tell(recorded)
        after = evolve(before, recorded)
        assert after is not None  # noqa: S101 - a job stays a job
        entry.job = after
        if after.status is not before.status:
            self._counts[before.status] -= 1
            self._count(after)
            self.batches.learn(after)
        return before, after

    def put(self, job: Job, *, memory_from: int) -> Entry:
        """Take over a job from the store; its events from ``memory_from`` on will be learnt."""
        return self._add(Entry(job, memory_from=memory_from))

    def begin(self, stored: Iterable[Job], starts: Mapping[int, int]) -> None:
        """Take over the store's open jobs, before events are learnt from ``starts`` on.

        Jobs noted earlier stay only where their events are yet to be read: a gap between what
        was noted and what will be read would go unseen.
        """
        for entry in list(self._entries.values()):
            if entry.memory_from < starts.get(entry.job.partition, 0):
                self._drop(entry)
        for job in stored:
            if job.job_id not in self._entries:
                self.put(job, memory_from=starts.get(job.partition, 0))

    def erase(self, job_ids: Iterable[str], erasures: Erasures) -> None:
        """Keep of these jobs only what is left of them."""
        for entry in (self._entries.get(JobId(job_id)) for job_id in job_ids):
            if entry is not None:
                entry.job = erasures.job(entry.job)
                entry.events = [erasures.event(recorded) for recorded in entry.events]
                entry.story = None  # who listens has heard it; the next one hears what is left

    def forget(self, stored_ends: Mapping[int, int]) -> None:
        """Shrink below the bounds, the oldest ended jobs first, as far as the store has them."""
        for job_id in list(self._ended):
            if not self._is_too_much():
                return
            entry = self._entries[job_id]
            is_heard = entry.story is not None and bool(entry.story.listeners)
            if stored_ends.get(entry.job.partition, 0) > entry.job.offset and not is_heard:
                self._drop(entry)
        if self.events_count > self._most_events:
            for entry in self._entries.values():
                self._shorten(entry, stored_ends.get(entry.job.partition, 0))

    def _is_too_much(self) -> bool:
        return len(self._entries) > self._most_jobs or self.events_count > self._most_events

    def _shorten(self, entry: Entry, stored_end: int) -> None:
        """Leave an open job's older events to the store."""
        if entry.telling is not None and entry.telling.locked():
            return
        older = len(entry.events) - EVENTS_LEFT_OF_A_LONG_JOB
        if older <= 0 or entry.events[older - 1].offset >= stored_end:
            return
        entry.memory_from = entry.events[older - 1].offset + 1
        entry.whole = False
        del entry.events[:older]
        self.events_count -= older

    def _add(self, entry: Entry) -> Entry:
        self._entries[entry.job.job_id] = entry
        self._count(entry.job)
        self.batches.learn(entry.job)
        return entry

    def _count(self, job: Job) -> None:
        self._counts[job.status] += 1
        if not job.is_open:
            self._ended[job.job_id] = None

    def _drop(self, entry: Entry) -> None:
        del self._entries[entry.job.job_id]
        self._ended.pop(entry.job.job_id, None)
        self._counts[entry.job.status] -= 1
        self.events_count -= len(entry.events)
