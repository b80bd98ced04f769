"""Puts waiting jobs before workers that have room, and finds tasks that nobody started.

The rules are ``streams.domain.dispatch``; this adds the log. A task is put into a partition that
its worker reads. If that worker dies, the group gives the partition to another one, and the task
with it; if nothing is heard of it for ``REPEAT_S``, its job is offered once more: of two who
start it, the first in the log has it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from streams.agents.batches import Batches
from streams.agents.open_jobs import OpenJobs
from streams.domain.dispatch import Dispatcher, Held, Offer
from streams.domain.fair_queue import Waiting, site_of
from streams.domain.fleet import WorkerReported
from streams.domain.ids import JobId
from streams.domain.job import AttemptState, Job
from streams.domain.tasks import ScrapeTask, task_of
from streams.errors import LogUnavailableError
from streams.ports import EventLog, TopicPartition
from streams.topics import JOB_EVENTS, TASKS, WORKERS_GROUP

log = logging.getLogger(__name__)

REPEAT_S = 5.0
"""An output is not emitted again before this, so that its read-back can come."""
PATIENCE_S = 15.0
"""A task may lie so long before a worker that has room for it."""
OFFERED_AT_ONCE = 200
"""Tasks that go into one write."""
BLIND_AFTER_S = 10.0
"""Silence of the heartbeats' topic after which tasks are offered without knowing the workers."""


class Broker(Protocol):
    """What the sweep asks the broker; each call raises LogUnavailableError when it is away."""

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The offset after the newest record of each partition."""

    async def committed(self, group: str) -> Mapping[TopicPartition, int]:
        """Offsets that a consumer group has committed."""


class Dispatching:
    """The waiting jobs of one orchestrator's partitions, and its offers."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        event_log: EventLog,
        broker: Broker,
        partitions: Mapping[int, OpenJobs],
        emit: Callable[[Awaitable[None]], None],
        clock: Callable[[], float],
    ) -> None:
        """``emit`` runs an output beside everything else; ``partitions`` are the open jobs."""
        self._dispatcher = dispatcher
        self._log = event_log
        self._broker = broker
        self._partitions = partitions
        self._emit = emit
        self._offers = Batches(self._enqueue, emit, most=OFFERED_AT_ONCE)
        self._clock = clock
        self._doubted: dict[str, int | None] = {}
        """Offers that were taken and not claimed as far as we know, and the end of their
        partition of ``job-events`` as that was seen first."""
        self._has_sites = dispatcher.limits.per_site.is_set
        self.silent_s: Callable[[], float] = lambda: 0.0
        """Seconds since the heartbeats' topic was heard; see ``FleetReader``."""

    @property
    def waiting(self) -> int:
        """Jobs that could start, and have no slot."""
        return len(self._dispatcher.queue)

    def hear(self, report: WorkerReported, heard_s: float) -> None:
        """A worker said how it is: there may be room now."""
        self._dispatcher.hear(report, heard_s)
        self.dispatch()

    def note(self, part: OpenJobs, job: Job) -> None:
        """Follow what the log says of a job."""
        dispatcher = self._dispatcher
        known = dispatcher.find(job.job_id)
        if job.is_open and job.attempt_state is AttemptState.RUNNING:
            if (
                isinstance(known, Held)
                and known.is_started
                and (known.waiting.attempt, known.worker) == (job.attempt, job.worker)
            ):
                return
            started = self._waiting_of(part, job, job.attempt)
            dispatcher.note_started(started, job.worker or "", self._clock())
            return
        if known is None:
            return
        attempt = (known.waiting if isinstance(known, Held) else known).attempt
        is_over = attempt < job.attempt or (
            attempt == job.attempt and job.attempt_state is not AttemptState.SCHEDULED
        )
        if not job.is_open or is_over or job.cancel_requested_at is not None:
            dispatcher.forget(job.job_id)

    def is_known(self, job: Job) -> bool:
        """Whether the job's scheduled attempt waits here, or was offered."""
        return self._dispatcher.knows(job.job_id, job.attempt)

    def admit(self, part: OpenJobs, job_id: JobId, attempt: int) -> None:
        """Let a due attempt wait for a slot; it may get one at once."""
        job = part.jobs.get(job_id)
        if job is None or job.cancel_requested_at is not None or attempt < job.attempt:
            return
        if self._partitions.get(job.partition) is not part:
            return  # it was taken from us in the meantime
        if attempt == job.attempt and job.attempt_state is not AttemptState.SCHEDULED:
            return
        self._dispatcher.admit(self._waiting_of(part, job, attempt))

    def drop(self, part: OpenJobs) -> None:
        """Another orchestrator has these jobs now."""
        for job_id in part.jobs:
            self._dispatcher.forget(job_id)

    def dispatch(self) -> None:
        """Offer what workers have room for."""
        is_blind = self.silent_s() > BLIND_AFTER_S
        for offer in self._dispatcher.offers(self._clock(), is_blind=is_blind):
            self._offers.put(offer)

    async def sweep(self) -> None:
        """Offer again what was offered and is not started by anybody; then dispatch."""
        unstarted = self._dispatcher.unstarted(self._clock(), REPEAT_S)
        self._doubted = {
            held.waiting.job_id: self._doubted.get(held.waiting.job_id) for held in unstarted
        }
        if unstarted:
            try:
                committed = await self._broker.committed(WORKERS_GROUP)
                ends = await self._broker.ends(JOB_EVENTS)  # after what is committed
            except LogUnavailableError:
                return
            for held in unstarted:
                if self._is_lost(held, committed, ends):
                    job_id = held.waiting.job_id
                    log.warning("task is offered again", extra={"job_id": job_id})
                    self._dispatcher.requeue(job_id)
        self.dispatch()

    async def has_backlog(self) -> bool:
        """Whether tasks lie in the topics that no worker has taken.

        Raises:
            LogUnavailableError: the broker does not answer.
        """
        committed = await self._broker.committed(WORKERS_GROUP)
        for topic in TASKS.values():
            ends = await self._broker.ends(topic)
            if any(end > committed.get((topic, number), 0) for number, end in ends.items()):
                return True
        return False

    def _is_lost(
        self, held: Held, committed: Mapping[TopicPartition, int], ends: Mapping[int, int]
    ) -> bool:
        if held.place is None:
            return True  # it was not stored, as far as we know
        topic, partition, offset = held.place
        if committed.get((topic, partition), 0) > offset:
            return not self._may_be_claimed(held, ends)
        now_s = self._clock()
        if held.worker is None and self.silent_s() > BLIND_AFTER_S:
            return False  # it lies in its queue, and nobody knows a better one
        reader = self._dispatcher.reader_of(partition, now_s)
        is_impatient = now_s - held.since_s > PATIENCE_S
        return reader is None or is_impatient or not self._dispatcher.has_room(reader)

    def _may_be_claimed(self, held: Held, ends: Mapping[int, int]) -> bool:
        """Whether the claim of a task that was taken may stand where we have not read yet.

        It is stored before the task is committed, so before ``ends``.
        """
        job_id, number = held.waiting.job_id, held.waiting.order[1]
        part = self._partitions.get(number)
        end = self._doubted.get(job_id)
        if end is None:
            end = self._doubted[job_id] = ends.get(number, 0)
        return part is not None and part.folded_to < end

    async def _enqueue(self, offers: Sequence[Offer]) -> None:
        offered: list[tuple[JobId, ScrapeTask, int | None]] = []
        for offer in offers:
            waiting = offer.waiting
            job_id = JobId(waiting.job_id)
            part = self._partitions.get(waiting.order[1])
            job = part.jobs.get(job_id) if part else None
            if job is None or job.cancel_requested_at is not None:
                self._dispatcher.forget(job_id)
            else:
                offered.append((job_id, task_of(job, waiting.attempt), offer.partition))
        if not offered:
            return
        try:
            positions = await self._log.enqueue([(task, number) for _, task, number in offered])
        except Exception as error:
            if len(offers) > 1 and not isinstance(error, LogUnavailableError):
                for offer in offers:  # what cannot be written must not hold up the others
                    self._emit(self._enqueue([offer]))
                return
            for job_id, _, _ in offered:
                self._dispatcher.requeue(job_id)
            raise
        for (job_id, task, _), position in zip(offered, positions, strict=True):
            place = (TASKS[task.priority], position.partition, position.offset)
            self._dispatcher.note_place(job_id, place)

    def _waiting_of(self, part: OpenJobs, job: Job, attempt: int) -> Waiting:
        return Waiting(
            job_id=job.job_id,
            attempt=attempt,
            tenant=job.tenant,
            kind=job.kind,
            site=site_of(job.url) if self._has_sites else "",
            priority=job.priority if job.priority in TASKS else "normal",
            order=(job.created_at.timestamp(), job.partition, part.begun.get(job.job_id, 0)),
        )
