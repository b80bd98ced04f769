"""Which waiting job goes to which worker, and when: only where a slot is free for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from zlib import crc32

from streams.domain.fair_queue import FairQueue, Waiting
from streams.domain.fleet import Fleet, WorkerReported
from streams.domain.limits import Counts, Limits

BLIND_OFFERS = 24
"""Tasks that may lie in the topics while nobody knows the workers."""

GONE = ""
"""Stands for workers whose processes have ended, until their attempts are declared lost."""

Place = tuple[str, int, int]
"""Topic, partition and offset of a task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A job that was offered to the workers, or is at work."""

    waiting: Waiting
    worker: str | None
    """None: to whoever reads the partition of its key."""
    since_s: float
    is_started: bool = False
    is_over: bool = False
    """Its worker has said so, before the log did: it takes nobody's place any more."""
    place: Place | None = None
    """Where its task lies, once it is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Put the task of this job into this partition."""

    waiting: Waiting
    worker: str | None
    partition: int | None
    """None: by its key."""


class Dispatcher:
    """The jobs of one orchestrator: those that wait, and those that are held by a worker.

    A worker's room is what it reported free, less what it was given since: it never gets more
    than it can begin at once, so no task waits behind a busy worker while another one idles.
    """

    def __init__(self, limits: Limits | None = None, *, salt: int = 0) -> None:
        """``salt`` differs between orchestrators: they do not all choose the same worker."""
        self.limits = limits or Limits()
        self.fleet = Fleet()
        self.queue = FairQueue(self.limits.weight)
        self._salt = salt
        self._held: dict[str, Held] = {}
        self._held_by: dict[str | None, set[str]] = {}
        self._counts = Counts()
        self._room: dict[str, int] = {}
        """Workers with room for more than nothing."""

    def find(self, job_id: str) -> Waiting | Held | None:
        """How a job stands here."""
        return self._held.get(job_id) or self.queue.find(job_id)

    def knows(self, job_id: str, attempt: int) -> bool:
        """Whether this attempt waits or is held."""
        held = self._held.get(job_id)
        waiting = held.waiting if held else self.queue.find(job_id)
        return waiting is not None and waiting.attempt == attempt

    def admit(self, waiting: Waiting) -> None:
        """Let an attempt wait for a slot, unless it was offered already."""
        if self.knows(waiting.job_id, waiting.attempt):
            return
        self.forget(waiting.job_id)
        self.queue.add(waiting)

    def note_started(self, waiting: Waiting, worker: str, now_s: float) -> None:
        """A worker has claimed the attempt, whoever offered it."""
        held = self._held.get(waiting.job_id)
        is_known = held and held.is_started and held.waiting.attempt == waiting.attempt
        if held and is_known and (held.is_over or held.worker in (worker, GONE)):
            return
        self.forget(waiting.job_id)
        self._hold(Held(waiting=waiting, worker=worker, since_s=now_s, is_started=True))

    def note_place(self, job_id: str, place: Place) -> None:
        """The task of an offer lies there now."""
        held = self._held.get(job_id)
        if held and not held.is_started:
            self._held[job_id] = replace(held, place=place)

    def forget(self, job_id: str) -> None:
        """It neither waits nor works any more."""
        self.queue.remove(job_id)
        held = self._held.pop(job_id, None)
        if held is not None and not held.is_over:
            self._count_out(held)

    def requeue(self, job_id: str) -> None:
        """Offer an attempt once more that nobody has started."""
        held = self._held.get(job_id)
        if held and not held.is_started:
            self.forget(job_id)
            self.queue.add(held.waiting)

    def hear(self, report: WorkerReported, heard_s: float) -> None:
        """Take in what a worker says of itself."""
        before = self.fleet.find(report.worker)
        self.fleet.hear(report, heard_s)
        if before is not None and before.started_at != report.started_at:
            self._let_go(report.worker)
        elif before is not None:
            self._end(before, report)
        self._begin(report)
        self._measure(report.worker)

    def offers(self, now_s: float, *, is_blind: bool = False) -> list[Offer]:
        """What to put where now; from then on it is held.

        ``is_blind``: nobody can tell how the workers are. Then a few tasks are offered to all.
        """
        if not len(self.queue):
            return []
        if is_blind:
            return self._blind_offers(now_s)
        late = [worker for worker in self._room if not self.fleet.is_on_time(worker, now_s)]
        room = {worker: n for worker, n in self._room.items() if worker not in late}
        if not room:
            return []
        reports = {worker: self._report(worker) for worker in room}
        elsewhere = self._elsewhere(now_s)
        found: list[Offer] = []
        while room:
            kinds = {kind for worker in room for kind in reports[worker].kinds}
            waiting = self._next(kinds, elsewhere)
            if waiting is None:
                break
            worker = self._chosen(waiting, room, reports)
            partitions = reports[worker].partitions
            number = crc32(waiting.job_id.encode()) % len(partitions)
            found.append(Offer(waiting=waiting, worker=worker, partition=partitions[number]))
            self._hold(Held(waiting=waiting, worker=worker, since_s=now_s))
            room[worker] -= 1
            if not room[worker]:
                del room[worker]
        return found

    def unstarted(self, now_s: float, after_s: float) -> list[Held]:
        """Offers that nobody has started within ``after_s``."""
        return [
            held
            for held in self._held.values()
            if not held.is_started and now_s - held.since_s > after_s
        ]

    def has_room(self, worker: str) -> bool:
        """Whether ``worker`` could begin a task that lies in one of its partitions."""
        report = self.fleet.find(worker)
        return report is not None and report.free > 0

    def reader_of(self, partition: int, now_s: float) -> str | None:
        """The worker on time that reads this partition of the task topics."""
        for report in self.fleet.alive(now_s):
            if partition in report.partitions and self.fleet.is_on_time(report.worker, now_s):
                return report.worker
        return None

    def _blind_offers(self, now_s: float) -> list[Offer]:
        found: list[Offer] = []
        while len(self._held_by.get(None, ())) < BLIND_OFFERS:
            waiting = self._next(None, Counts())
            if waiting is None:
                break
            found.append(Offer(waiting=waiting, worker=None, partition=None))
            self._hold(Held(waiting=waiting, worker=None, since_s=now_s))
        return found

    def _elsewhere(self, now_s: float) -> Counts:
        """What workers have at work for other orchestrators: limits hold for all together."""
        found = Counts()
        if self.limits.is_set:
            for report in self.fleet.alive(now_s):
                for running in report.running:
                    if self.find(running.job_id) is None:
                        found.add(running.tenant, running.kind, running.site)
        return found

    def _next(self, kinds: Collection[str] | None, elsewhere: Counts) -> Waiting | None:
        limits, counts = self.limits, self._counts

        def may_tenant(tenant: str) -> bool:
            return limits.per_tenant.allows(tenant, counts.tenants, elsewhere.tenants)

        def may_lane(kind: str, site: str) -> bool:
            return (
                (kinds is None or kind in kinds)
                and limits.per_kind.allows(kind, counts.kinds, elsewhere.kinds)
                and limits.per_site.allows(site, counts.sites, elsewhere.sites)
            )

        return self.queue.take(running=counts.tenants, may_tenant=may_tenant, may_lane=may_lane)

    def _chosen(
        self, waiting: Waiting, room: Mapping[str, int], reports: Mapping[str, WorkerReported]
    ) -> str:
        """The emptiest worker that can do it."""
        able = [worker for worker in room if waiting.kind in reports[worker].kinds]
        return max(
            able,
            key=lambda worker: (
                room[worker] / max(1, reports[worker].slots),
                crc32(worker.encode(), self._salt),
            ),
        )

    def _hold(self, held: Held) -> None:
        self._held[held.waiting.job_id] = held
        self._held_by.setdefault(held.worker, set()).add(held.waiting.job_id)
        self._count(held.waiting, 1)
        self._measure(held.worker)

    def _count_out(self, held: Held) -> None:
        self._count(held.waiting, -1)
        mates = self._held_by[held.worker]
        mates.discard(held.waiting.job_id)
        if not mates:
            del self._held_by[held.worker]
        self._measure(held.worker)

    def _count(self, waiting: Waiting, number: int) -> None:
        self._counts.add(waiting.tenant, waiting.kind, waiting.site, number)

    def _let_go(self, worker: str) -> None:
        """Its process is a new one: what the one before had begun takes none of its slots."""
        for job_id in list(self._held_by.get(worker, ())):
            held = self._held[job_id]
            if held.is_started:
                self.forget(job_id)
                self._hold(replace(held, worker=GONE))

    def _begin(self, report: WorkerReported) -> None:
        """Jobs that a worker has begun; behind a flood the log says it much later."""
        for running in report.running:
            held = self._held.get(running.job_id)
            if held and not held.is_started and held.waiting.attempt == running.attempt:
                self.forget(running.job_id)
                self._hold(replace(held, worker=report.worker, is_started=True))

    def _end(self, before: WorkerReported, report: WorkerReported) -> None:
        """Jobs that a worker has at work no more: they are known until the log says it, too."""
        still = {running.job_id for running in report.running}
        for running in before.running:
            held = self._held.get(running.job_id)
            if running.job_id in still or held is None or held.is_over:
                continue
            if (held.worker, held.waiting.attempt) == (report.worker, running.attempt):
                self._count_out(held)
                self._held[running.job_id] = replace(held, is_started=True, is_over=True)

    def _report(self, worker: str) -> WorkerReported:
        report = self.fleet.find(worker)
        assert report is not None  # noqa: S101 - only those that were heard have room
        return report

    def _measure(self, worker: str | None) -> None:
        """Count a worker's room anew: of what it holds, some its report knows, some not yet."""
        if worker is None:
            return
        report = self.fleet.find(worker)
        room = 0
        if report is not None and not report.is_draining and report.partitions:
            reported = {running.job_id for running in report.running}
            room = report.free - len(self._held_by.get(worker, set()) - reported)
        if room > 0:
            self._room[worker] = room
        else:
            self._room.pop(worker, None)
