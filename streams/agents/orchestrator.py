"""Decides what happens next to each job: the only author of decisions.

Level-triggered: what should exist is a function of a job's state and the time. An event shows
it at once, a sweep each second finds what was missed (a crash, a broker away, a task nobody
claimed). All outputs are idempotent, so emitting one again is harmless.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime

from streams.agents.batches import Batches
from streams.agents.dispatching import REPEAT_S, Broker, Dispatching
from streams.agents.open_jobs import Decided, Emitted, OpenJobs
from streams.agents.past import Past
from streams.agents.stalls import Stalls
from streams.domain.decide import Advance, Command, DeclareLost, decide
from streams.domain.dispatch import Dispatcher
from streams.domain.events import JobEvent
from streams.domain.job import AttemptState, Job, has_expired
from streams.domain.recorded import Recorded, new_event
from streams.domain.retry import RetryPolicy
from streams.domain.tasks import StopAttempt, cancel_stop, due_attempt, due_stop
from streams.errors import LogUnavailableError, UnreadableRecordError
from streams.ports import EventLog, RawRecord
from streams.settings import Settings
from streams.topics import JOB_EVENTS

log = logging.getLogger(__name__)

MARK_EVERY_S = 5.0
SWEPT_AT_ONCE = 500  # open jobs; some 1.5 ms, in which no event is handled
APPENDED_AT_ONCE = 1_000  # jobs whose decisions go into one write; some 40 ms of work


class Orchestrator:
    """Feed it records with ``react_all``; call ``sweep`` each second."""

    def __init__(
        self,
        settings: Settings,
        event_log: EventLog,
        broker: Broker,
        past: Past,
        read: Callable[[RawRecord], Recorded],
        dispatcher: Dispatcher | None = None,
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
        self._decided = Batches(self._append, self._emit, most=APPENDED_AT_ONCE)
        self.dispatching = Dispatching(
            dispatcher or Dispatcher(), event_log, broker, self._partitions, self._emit, clock
        )
        self._is_deaf = False
        self._stalls = Stalls()
        self._marked_s = clock()

    async def react(self, raw: RawRecord) -> None:
        """As ``react_all``, of one record."""
        await self.react_all([raw])

    async def react_all(self, raws: Sequence[RawRecord]) -> None:
        """Fold records in, and emit at once what they call for. Raises nothing for bad bytes."""
        for raw in raws:
            part = self._partitions.get(raw.partition)
            if part is None or raw.offset > part.folded_to:
                # New here, or another orchestrator had it in between.
                await self._restore([raw.partition])
                part = self._partitions[raw.partition]
            if raw.offset >= part.folded_to:
                self._react(part, raw)
        self.dispatching.dispatch()

    def _react(self, part: OpenJobs, raw: RawRecord) -> None:
        recorded = self._readable(raw)
        if recorded is None:
            part.folded_to = raw.offset + 1
            return
        job = part.apply(recorded, self._clock())
        stop = due_stop(job, recorded.job_id, recorded.event)
        if stop is not None:
            self._emit(self._log.order(stop))
        if job is None:
            return
        self.dispatching.note(part, job)
        if job.is_open:
            self._advance(part, job, self._advance_command())

    async def sweep(self, assigned: Iterable[int]) -> None:
        """Emit whatever should exist and does not, for the partitions that are ours."""
        mine = set(assigned)
        for partition in self._partitions.keys() - mine:
            self.dispatching.drop(self._partitions.pop(partition))
        try:
            if missing := mine - self._partitions.keys():
                await self._restore(missing)
            async with asyncio.timeout(5):
                ends = await self._broker.ends(JOB_EVENTS)
            folded_to = {number: part.folded_to for number, part in self._partitions.items()}
            if stalled := self._stalls.find(folded_to, ends, self._clock()):
                log.warning("events do not come; read again", extra={"partitions": stalled})
                await self._restore(stalled)
        except (LogUnavailableError, TimeoutError):
            self._is_deaf = True
            log.warning("kafka does not answer; nothing can be decided")
            return
        if self._is_deaf:
            # Workers may have spoken to a broker that was away: everybody gets a new lease.
            self._is_deaf = False
            for part in self._partitions.values():
                part.heard = dict.fromkeys(part.jobs, self._clock())
        await self._look_for_offers()
        for number, part in list(self._partitions.items()):
            await self._sweep_part(number, part, ends.get(number, 0))
        await self.dispatching.sweep()
        if self._clock() - self._marked_s > MARK_EVERY_S:
            self._marked_s = self._clock()
            await self._past.mark({n: part.low_water() for n, part in self._partitions.items()})

    async def close(self) -> None:
        """Let outputs that are under way finish."""
        deadline_s = time.monotonic() + self._settings.shutdown_s
        while self._emitting and (left_s := deadline_s - time.monotonic()) > 0:
            await asyncio.wait(self._emitting, timeout=left_s)

    def open_jobs(self) -> int:
        """Jobs that have not ended, of our partitions."""
        return sum(len(part.jobs) for part in self._partitions.values())

    async def _look_for_offers(self) -> None:
        """Find out whether tasks lie in the topics that an orchestrator before us has offered.

        ``REPEAT_S`` after the fold of a partition's past they were started, or are lost.
        """
        now_s = self._clock()
        unsure = [part for part in self._partitions.values() if part.unsure_until_s]
        young = any(part.unsure_until_s > now_s for part in unsure)
        try:
            has_backlog = young and await self.dispatching.has_backlog()
        except LogUnavailableError:
            has_backlog = True
        for part in unsure:
            if part.unsure_until_s <= now_s or not has_backlog:
                part.unsure_until_s = 0.0

    async def _sweep_part(self, number: int, part: OpenJobs, end: int) -> None:
        """Events are handled in between: they must not wait for a look at thousands of jobs."""
        is_caught_up = part.folded_to >= end
        for place, job_id in enumerate(list(part.jobs)):
            if place % SWEPT_AT_ONCE == 0:
                await asyncio.sleep(0)
                if self._partitions.get(number) is not part:
                    return  # it was taken from us, or read anew
            if job := part.jobs.get(job_id):
                self._sweep_job(part, job, is_caught_up)

    def _sweep_job(self, part: OpenJobs, job: Job, is_caught_up: bool) -> None:
        if part.awaits(job.job_id):
            return  # a decision about it
        waits = job.attempt_state is AttemptState.SCHEDULED and job.cancel_requested_at is None
        if waits and not has_expired(job, self._now()):
            if not self.dispatching.is_known(job):
                self._advance(part, job, self._advance_command())
            return
        silent_s = self._clock() - part.heard.setdefault(job.job_id, self._clock())
        is_silent = job.attempt_state is AttemptState.RUNNING and silent_s > job.lease_s
        if is_silent and is_caught_up:
            log.info("attempt lost", extra={"job_id": job.job_id, "worker": job.worker})
            self._advance(part, job, DeclareLost(attempt=job.attempt, worker=job.worker or ""))
        else:
            self._advance(part, job, self._advance_command())

    def _advance(self, part: OpenJobs, job: Job, command: Command) -> None:
        """Emit what ``command`` calls for."""
        decisions = decide(command, job)
        attempt = due_attempt(job, decisions, self._now())
        if attempt is not None and part.unsure_until_s and not decisions:
            attempt = None  # somebody may have offered it already
        stop = cancel_stop(job)
        if decisions or stop is not None:
            self._decide(part, job, decisions, stop)
        if attempt is not None:
            # Its task is sent beside the decision, not after it: the fold takes either order.
            self.dispatching.admit(part, job.job_id, attempt)

    def _decide(
        self,
        part: OpenJobs,
        job: Job,
        decisions: tuple[JobEvent, ...],
        stop: StopAttempt | None,
    ) -> None:
        """Append decisions, unless that was done a moment ago, or has not come back yet."""
        output = (job.attempt, *map(type, decisions))
        before, now_s = part.emitted.get(job.job_id), self._clock()
        if before is not None and before.output == output:
            is_early = now_s - before.since_s < REPEAT_S
            if is_early or before.is_on_its_way(part.folded_to):
                return
        emitted = part.emitted[job.job_id] = Emitted(output, now_s)
        if decisions:
            self._decided.put(Decided(part, job, decisions, emitted))
        else:
            emitted.end = 0
        if stop is not None:
            self._emit(self._order(part, job, stop))

    async def _append(self, decided: Sequence[Decided]) -> None:
        now = self._now()
        new = [
            new_event(one.job.job_id, one.job.tenant, each, now, traceparent=one.job.traceparent)
            for one in decided
            for each in one.decisions
        ]
        try:
            positions = iter(await self._log.append(new))
        except Exception as error:
            if len(decided) > 1 and not isinstance(error, LogUnavailableError):
                for one in decided:  # what cannot be written must not hold up the others
                    self._emit(self._append([one]))
                return
            for one in decided:  # the next sweep does it again
                one.part.forget_emitted(one.job.job_id, one.emitted)
            raise
        for one in decided:
            for _ in one.decisions:
                one.emitted.end = next(positions).offset + 1

    async def _order(self, part: OpenJobs, job: Job, stop: StopAttempt) -> None:
        try:
            await self._log.order(stop)
        except LogUnavailableError:
            part.emitted.pop(job.job_id, None)  # the next sweep does it again
            raise

    def _emit(self, output: Awaitable[None]) -> None:
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
                part.unsure_until_s = self._clock() + REPEAT_S
                if before := self._partitions.get(partition):
                    self.dispatching.drop(before)
            self._partitions.update(parts)
            for part in parts.values():
                for job in part.jobs.values():
                    self.dispatching.note(part, job)

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
