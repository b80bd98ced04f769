"""Decides what happens next to each job: the only author of decisions.

Level-triggered: what should exist is a function of a job's state and the time. An event shows
it at once, a sweep each second finds what was missed (a crash, a broker away, a task nobody
claimed). All outputs are idempotent, so emitting one again is harmless.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from streams.agents.open_jobs import OpenJobs
from streams.agents.past import Past
from streams.domain.decide import Advance, Command, DeclareLost, decide
from streams.domain.events import JobEvent, Recorded, new_event
from streams.domain.job import AttemptState, Job, has_expired
from streams.domain.retry import RetryPolicy
from streams.domain.tasks import ScrapeTask, StopAttempt, cancel_stop, due_stop, due_task
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import EventLog, RawRecord, TopicPartition
from streams.settings import Settings
from streams.topics import JOB_EVENTS, TASKS, WORKERS_GROUP

log = logging.getLogger(__name__)

REPEAT_S = 5.0  # an output is not emitted again before this, so that its read-back can come
MARK_EVERY_S = 5.0


class Broker(Protocol):
    """What the sweep asks the broker; each call raises LogUnavailableError when it is away."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition."""

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """Offsets that a consumer group has committed."""


class Orchestrator:
    """Feed it records with ``react``; call ``sweep`` each second."""

    def __init__(
        self,
        settings: Settings,
        event_log: EventLog,
        broker: Broker,
        past: Past,
        read: Callable[[RawRecord], Recorded],
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._log = event_log
        self._broker = broker
        self._past = past
        self._read = read
        self._clock = clock
        self._now = now
        self._partitions: dict[int, OpenJobs] = {}
        self._restoring = asyncio.Lock()
        self._emitting: set[asyncio.Task[None]] = set()
        self._started_at = now()
        self._is_deaf = False
        self._marked_s = clock()

    async def react(self, raw: RawRecord) -> None:
        """Fold one record in and emit at once what it calls for. Raises nothing for bad bytes."""
        part = self._partitions.get(raw.partition)
        if part is None or raw.offset > part.folded_to:
            # New here, or another orchestrator had it in between.
            await self._restore([raw.partition])
            part = self._partitions[raw.partition]
        if raw.offset < part.folded_to:
            return
        recorded = self._readable(raw)
        if recorded is None:
            part.folded_to = raw.offset + 1
            return
        job = part.apply(recorded, self._clock())
        stop = due_stop(job, recorded.job_id, recorded.event)
        if stop is not None:
            self._emit(self._log.order(stop))
        if job is not None and job.is_open:
            self._advance(part, job, self._advance_command())

    async def sweep(self, assigned: Iterable[int]) -> None:
        """Emit whatever should exist and does not, for the partitions that are ours."""
        mine = set(assigned)
        for partition in self._partitions.keys() - mine:
            del self._partitions[partition]
        try:
            if missing := mine - self._partitions.keys():
                await self._restore(missing)
            async with asyncio.timeout(5):
                ends = await self._broker.ends(JOB_EVENTS)
        except (LogUnavailableError, TimeoutError):
            self._is_deaf = True
            log.warning("kafka does not answer; nothing can be decided")
            return
        if self._is_deaf:
            # Workers may have spoken to a broker that was away: everybody gets a new lease.
            self._is_deaf = False
            for part in self._partitions.values():
                part.heard = dict.fromkeys(part.jobs, self._clock())
        unclaimed: list[tuple[OpenJobs, Job]] = []
        for number, part in self._partitions.items():
            is_caught_up = part.folded_to >= ends.get(number, 0)
            for job in list(part.jobs.values()):
                self._sweep_job(part, job, is_caught_up, unclaimed)
        if unclaimed:
            await self._offer_again(unclaimed)
        if self._clock() - self._marked_s > MARK_EVERY_S:
            self._marked_s = self._clock()
            await self._past.mark({n: part.low_water() for n, part in self._partitions.items()})

    async def close(self) -> None:
        """Let outputs that are under way finish."""
        if self._emitting:
            await asyncio.wait(self._emitting, timeout=self._settings.shutdown_s)

    def open_jobs(self) -> int:
        """Jobs that have not ended, of our partitions."""
        return sum(len(part.jobs) for part in self._partitions.values())

    def _sweep_job(
        self,
        part: OpenJobs,
        job: Job,
        is_caught_up: bool,
        unclaimed: list[tuple[OpenJobs, Job]],
    ) -> None:
        waits = job.attempt_state is AttemptState.SCHEDULED and job.cancel_requested_at is None
        if waits and not has_expired(job, self._now()):
            unclaimed.append((part, job))
            return
        silent_s = self._clock() - part.heard.setdefault(job.job_id, self._clock())
        is_silent = job.attempt_state is AttemptState.RUNNING and silent_s > job.lease_s
        if is_silent and is_caught_up:
            log.info("attempt lost", extra={"job_id": job.job_id, "worker": job.worker})
            self._advance(part, job, DeclareLost(attempt=job.attempt, worker=job.worker or ""))
        else:
            self._advance(part, job, self._advance_command())

    async def _offer_again(self, unclaimed: list[tuple[OpenJobs, Job]]) -> None:
        """Offer tasks that are due and in no queue: a retry whose time has come, or a lost one."""
        now = self._now()
        lost: list[tuple[OpenJobs, Job]] = []
        for part, job in unclaimed:
            due_at = job.due_at
            if due_at is None or due_at > now:
                continue
            offered = part.emitted.get(job.job_id)
            is_new = offered is None or offered[0] != f"task {job.attempt}"
            if is_new and due_at > self._started_at:
                self._advance(part, job, self._advance_command())  # its time has just come
            elif offered is None or self._clock() - offered[1] > REPEAT_S:
                lost.append((part, job))
        if not lost:
            return
        try:
            committed = await self._broker.committed(WORKERS_GROUP)
            ends = {topic: await self._broker.ends(topic) for topic in TASKS.values()}
        except LogUnavailableError:
            return
        for part, job in lost:
            topic = TASKS[job.priority]
            # Keys lie in the same partition number of every topic. A task before the committed
            # offset was claimed (its AttemptStarted comes first) or is gone.
            if committed.get((topic, job.partition), 0) >= ends[topic].get(job.partition, 0):
                self._advance(part, job, self._advance_command())

    def _advance(self, part: OpenJobs, job: Job, command: Command) -> None:
        """Emit what ``command`` calls for, unless that was done a moment ago."""
        decisions = decide(command, job)
        task = due_task(job, decisions, self._now())
        stop = cancel_stop(job)
        if not decisions and task is None and stop is None:
            return
        output = _name_of(job, decisions, task)
        before = part.emitted.get(job.job_id)
        if before is not None and before[0] == output and self._clock() - before[1] < REPEAT_S:
            return
        part.emitted[job.job_id] = (output, self._clock())
        self._emit(self._append(part, job, decisions, task, stop))

    async def _append(
        self,
        part: OpenJobs,
        job: Job,
        decisions: tuple[JobEvent, ...],
        task: ScrapeTask | None,
        stop: StopAttempt | None,
    ) -> None:
        try:
            if decisions:
                now = self._now()
                await self._log.append(
                    [
                        new_event(job.job_id, job.tenant, each, now, traceparent=job.traceparent)
                        for each in decisions
                    ]
                )
            if task is not None:
                await self._log.enqueue(task)
            if stop is not None:
                await self._log.order(stop)
        except LogUnavailableError:
            part.emitted.pop(job.job_id, None)  # the next sweep does it again
            raise

    def _emit(self, output: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
        async def emit() -> None:
            try:
                await output
            except LogUnavailableError as error:
                log.warning("not emitted; again later", extra={"reason": str(error)})

        task = asyncio.create_task(emit())
        self._emitting.add(task)
        task.add_done_callback(self._emitting.discard)

    async def _restore(self, partitions: Collection[int]) -> None:
        """Fold the open past of ``partitions``, silently."""
        async with self._restoring:
            parts = {partition: OpenJobs() for partition in partitions}

            def apply(raw: RawRecord) -> None:
                recorded = self._readable(raw)
                if recorded is not None:
                    parts[raw.partition].apply(recorded, self._clock())

            ends = await self._past.replay(partitions, apply)
            for partition, part in parts.items():
                part.folded_to = ends[partition]
            self._partitions.update(parts)

    def _readable(self, raw: RawRecord) -> Recorded | None:
        try:
            return self._read(raw)
        except UnreadableRecordError as error:
            # The materializer puts it into the dead-letter topic; a job is not stopped by it.
            log.warning("event is unreadable", extra={"offset": raw.offset, "reason": str(error)})
            return None

    def _advance_command(self) -> Advance:
        return Advance(
            now=self._now(),
            retry=RetryPolicy(base_s=self._settings.retry_base_s),
            cancel_grace_s=self._settings.cancel_grace_s,
        )


def _name_of(job: Job, decisions: tuple[JobEvent, ...], task: ScrapeTask | None) -> str:
    """Tells outputs of one job apart; a task is sent with its decision or after it."""
    if task is not None:
        return f"task {task.attempt}"
    return f"{job.attempt} {[type(decision).__name__ for decision in decisions]}"
