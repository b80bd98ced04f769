"""The live view: jobs as the log says right now, in memory, for thousands of readers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from api.estimates import Durations
from api.job_memory import Entry, JobMemory
from api.log_ends import LogEnds
from api.pause import Pause
from api.refusals import ViewBehindError
from api.store_age import StoreAge
from api.story import Story
from api.tail_fold import Observer, TailFold
from schemas.errors import RegistryError
from streams.adapters.records import Records
from streams.domain.events import ScrapeRequested
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from streams.errors import UnavailableError
from streams.ports import JobStore, RawRecord, RecordReader, TopicPartition
from streams.topics import JOB_EVENTS, WEBHOOK_EVENTS

log = logging.getLogger(__name__)

MOST_AT_ONCE = 500  # records folded before others may run: about 20 ms
LOAD_TIMEOUT_S = 30.0
LONGEST_HOLD_S = 1.0  # then what is new is read, whoever is still appending
READING_PER_HOLD = 2  # at least so much longer it reads then, or call after call would starve it
STORED_WITHIN_S = 5.0


class TailReader(RecordReader, Protocol):
    """A reader that is told what to read."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""


class LiveView:
    """Open jobs and those that ended lately, folded as everybody folds them.

    ``run`` loads the store's open jobs, then follows ``job-events`` from where the store
    stands. What is older comes from the store: no gap, and nothing twice.
    """

    def __init__(
        self,
        *,
        reader: TailReader,
        store: JobStore,
        records: Records,
        kinds: Sequence[str] = (),
        ends_reader: RecordReader | None = None,
        memory: JobMemory | None = None,
        tidy_every_s: float = 3.0,
    ) -> None:
        """``ends_reader``: another connection for questions, which on ``reader``'s would wait
        behind its long fetches (up to 0.5 s); by default ``reader``.
        """
        self.memory = JobMemory() if memory is None else memory
        self.durations = Durations()
        self.store_age = StoreAge()
        self._reader = reader
        self._store = store
        self._records = records
        self._kinds = kinds
        self._ends = LogEnds(ends_reader or reader, JOB_EVENTS)
        self._tidy_every_s = tidy_every_s
        self._fold = TailFold(self.memory, self.durations, records)
        self._ends_at_start: Mapping[int, int] = {}
        self._loaded = asyncio.Event()
        self._moved = asyncio.Event()
        self._holds = 0
        self._released = asyncio.Event()
        self._released.set()
        self._reads_until_s = 0.0  # by the loop's clock: until then holds are not heeded

    @property
    def is_loaded(self) -> bool:
        """Whether the store's open jobs are in memory and the tail has begun."""
        return self._loaded.is_set()

    @property
    def is_ready(self) -> bool:
        """Whether it has read everything that was in the log when it started."""
        return self.is_loaded and self._has_read(self._ends_at_start)

    def add_observer(self, observer: Observer) -> None:
        """Tell ``observer`` what is read from now on."""
        self._fold.add_observer(observer)

    def find(self, job_id: JobId) -> Job | None:
        """The job, if it is in memory."""
        entry = self.memory.find(job_id)
        return entry.job if entry else None

    def note(self, recorded: Recorded) -> None:
        """Show a ``ScrapeRequested`` that this process has just appended, before it is read.

        Other events of a job may stand between what was read and one just appended, so they
        are not taken: wait for them with ``has_read``.
        """
        if isinstance(recorded.event, ScrapeRequested):
            self._fold.note(recorded)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Let reading wait, 1 s at most, while very many events of this process are appended.

        Else it would take the processor from their acknowledgements to read the first of them.
        """
        self._holds += 1
        self._released.clear()
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                self._released.set()

    async def has_read(self, ends: Mapping[int, int], timeout_s: float) -> bool:
        """Wait until everything below ``ends`` is read; false when time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._loaded.wait()
                while not self._has_read(ends):
                    await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def is_caught_up(self, timeout_s: float) -> bool:
        """Wait until everything is read that is in the log now; false when time is up.

        Raises:
            LogUnavailableError: the broker does not say how far that is.
        """
        return await self.has_read(await self._ends.ask(), timeout_s)

    async def open_story(self, job: Job) -> Story:
        """The story of a job, which is in memory or comes from the store.

        Raises:
            StoreUnavailableError: its earlier events cannot be read now; ask again.
            ViewBehindError: not loaded yet; ask again.
        """
        entry = self._entry_of(job)
        entry.telling = entry.telling or asyncio.Lock()
        async with entry.telling:
            if entry.story is None:
                earlier = () if entry.whole else await self._stored_events(entry)
                story = Story()
                # Nothing awaits from here on: no event can come between the two.
                for recorded in (*earlier, *entry.events):
                    story.tell(recorded)
                entry.story = story
        return entry.story

    async def read_events(self, job: Job) -> Sequence[Recorded]:
        """All events of the job, in the order of the log.

        Raises:
            StoreUnavailableError: earlier ones cannot be read now; ask again.
            ViewBehindError: not loaded yet; ask again.
        """
        entry = self._entry_of(job)
        entry.telling = entry.telling or asyncio.Lock()
        async with entry.telling:  # it also keeps `memory_from` where it is
            earlier = () if entry.whole else await self._stored_events(entry)
            return (*earlier, *entry.events)

    async def run(self) -> None:
        """Load, then follow the log until cancelled. Outages of any part are waited out."""
        await self._load()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._tidy())

    async def _load(self) -> None:
        pause = Pause()
        while not self.is_loaded:
            try:
                async with asyncio.timeout(LOAD_TIMEOUT_S):
                    await self._load_once()
            except (UnavailableError, TimeoutError) as error:
                log.warning("live view cannot load yet", extra={"reason": str(error)})
                await pause.wait()

    async def _load_once(self) -> None:
        ends = await self._reader.ends(JOB_EVENTS)
        webhook_ends = await self._reader.ends(WEBHOOK_EVENTS)
        # The ends first: a job stored in between is then read again, and folds to the same.
        stored = await self._store.stored_ends(JOB_EVENTS)
        open_jobs = await self._store.open_jobs()
        took = {kind: await self._store.recent_durations_s(kind) for kind in self._kinds}

        starts = {partition: stored.get(partition, 0) for partition in ends}
        self.memory.begin(open_jobs, starts)
        self.durations.begin(took)
        self._fold.begin(starts)
        self._ends_at_start = ends
        self._reader.assign(
            {(JOB_EVENTS, partition): offset for partition, offset in starts.items()}
            | {(WEBHOOK_EVENTS, partition): offset for partition, offset in webhook_ends.items()}
        )
        self._loaded.set()
        log.info("live view loaded", extra={"open_jobs": len(open_jobs)})

    async def _follow(self) -> None:
        pause = Pause()
        while True:
            try:
                raws = await self._reader.read(timeout_s=0.5, most=MOST_AT_ONCE)
            except UnavailableError as error:
                log.warning("live view cannot read", extra={"reason": str(error)})
                await pause.wait()
                continue
            pause = Pause()
            if self._holds:
                await self._wait_for_release()
            if raws:
                await self._learn_schemas(raws)
                for raw in raws:
                    self._fold.apply(raw)
                self._moved.set()
                self._moved = asyncio.Event()
                await asyncio.sleep(0)

    async def _wait_for_release(self) -> None:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        if began_s < self._reads_until_s:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_HOLD_S):
                await self._released.wait()
        ended_s = now_s()
        self._reads_until_s = ended_s + READING_PER_HOLD * (ended_s - began_s)

    async def _learn_schemas(self, raws: Sequence[RawRecord]) -> None:
        pause = Pause()
        while True:
            try:
                return await self._records.learn(raws)
            except RegistryError as error:
                log.warning("live view cannot learn a schema", extra={"reason": str(error)})
                await pause.wait()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(self._tidy_every_s)
            try:
                self.store_age.note(self._fold.positions)
                stored = await self._store.stored_ends(JOB_EVENTS)
                self.store_age.learn(stored)
                self.memory.forget(stored)
            except UnavailableError as error:
                log.warning("live view cannot forget", extra={"reason": str(error)})

    def _has_read(self, ends: Mapping[int, int]) -> bool:
        return all(self._fold.positions.get(partition, 0) >= end for partition, end in ends.items())

    def _entry_of(self, job: Job) -> Entry:
        if not self.is_loaded:
            raise ViewBehindError("this process is still loading; ask again")
        entry = self.memory.find(job.job_id)
        if entry is not None:
            return entry
        # After the end nothing matters; an open job's further events are ours to read.
        memory_from = self._fold.positions.get(job.partition, 0) if job.is_open else job.offset + 1
        return self.memory.put(job, memory_from=memory_from)

    async def _stored_events(self, entry: Entry) -> Sequence[Recorded]:
        pause = Pause()
        try:
            async with asyncio.timeout(STORED_WITHIN_S):
                while True:
                    ends = await self._store.stored_ends(JOB_EVENTS)
                    if ends.get(entry.job.partition, 0) >= entry.memory_from:
                        break
                    await pause.wait()
        except TimeoutError as error:
            raise ViewBehindError("the job's earlier events are not stored yet") from error
        return await self._store.read_events(entry.job.job_id, before=entry.memory_from)
