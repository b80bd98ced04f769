"""Where a waiting job stands in the queue, and when it will start."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import msgspec
from sse_starlette.event import ServerSentEvent

from api.estimates import Durations
from api.job_memory import JobMemory
from api.story import state_of
from streams.domain.fair_queue import Waiting
from streams.domain.fleet import Fleet
from streams.domain.job import Job, Status
from streams.domain.queue_order import QueueOrder

FRESH_S = 1.0
MOST_OF_THE_TIME = 0.05
"""Part of this process's time that may go into looking at the queue."""
WAITING = frozenset({Status.QUEUED, Status.RETRYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePlace:
    """What a waiting job waits for."""

    queue_position: int | None
    """1 is next; None while its time has not come."""
    estimated_start_s: float | None
    """Seconds until a worker begins it; None when nobody can tell."""
    waiting_for: str


class QueueView:
    """Looks at all waiting jobs at most once a second, and only when somebody asks."""

    def __init__(
        self,
        memory: JobMemory,
        fleet: Fleet,
        durations: Durations,
        weight: Callable[[str], float] = lambda _: 1.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._memory = memory
        self._fleet = fleet
        self._durations = durations
        self._weight = weight
        self._clock = clock
        self._now = now
        self._order = QueueOrder((), {})
        self._oldest: datetime | None = None
        self._fresh_until_s = float("-inf")

    def find(self, job: Job) -> QueuePlace | None:
        """Where ``job`` stands; None when it does not wait."""
        if job.status not in WAITING or job.cancel_requested_at is not None:
            return None
        due_in_s = (job.due_at - self._now()).total_seconds() if job.due_at else 0.0
        if due_in_s > 0:
            return QueuePlace(
                queue_position=None,
                estimated_start_s=round(due_in_s, 1),
                waiting_for="the time of its next attempt",
            )
        self._look()
        position = self._order.position(job.job_id) or len(self._order) + 1
        estimated_s, waiting_for = self._start_of(job.kind, position)
        return QueuePlace(
            queue_position=position, estimated_start_s=estimated_s, waiting_for=waiting_for
        )

    def oldest_s(self) -> float:
        """How long the oldest waiting job has waited since it was asked for; 0 without any."""
        self._look()
        return 0.0 if self._oldest is None else (self._now() - self._oldest).total_seconds()

    def slots(self) -> Counter[str]:
        """Slots of living workers: ``busy``, ``free``, ``draining``."""
        found = Counter(busy=0, free=0, draining=0)
        for report in self._fleet.alive(self._clock()):
            found["busy"] += len(report.running)
            idle = report.slots - len(report.running)
            if report.is_draining:
                found["draining"] += idle
            else:
                found["free"] += report.free
        return found

    def _start_of(self, kind: str, position: int) -> tuple[float | None, str]:
        alive = self._fleet.alive(self._clock())
        if not alive:
            return None, "a worker: none is running"
        able = [report for report in alive if kind in report.kinds]
        if not able:
            return None, f"a worker that scrapes {kind}: none is running"
        taking = [report for report in able if not report.is_draining]
        if not taking:
            return None, "a worker: all are draining"
        slots = sum(report.slots for report in taking)
        free = sum(report.free for report in taking)
        ahead = max(0, position - free)
        estimated_s = ahead * self._durations.typical_s(kind) / max(1, slots)
        return round(estimated_s, 1), "a free slot"

    def _look(self) -> None:
        began_s = self._clock()
        if began_s < self._fresh_until_s:
            return
        now = self._now()
        waiting: list[Waiting] = []
        running: Counter[str] = Counter()
        for job in self._memory:
            if job.status is Status.PROCESSING:
                running[job.tenant] += 1
            elif job.status in WAITING and (job.due_at is None or job.due_at <= now):
                waiting.append(_waiting_of(job))
        self._order = QueueOrder(waiting, running, self._weight)
        oldest_s = min((job.order[0] for job in waiting), default=None)
        self._oldest = None if oldest_s is None else datetime.fromtimestamp(oldest_s, UTC)
        took_s = self._clock() - began_s
        self._fresh_until_s = self._clock() + max(FRESH_S, took_s / MOST_OF_THE_TIME)


def queue_message(job: Job, place: QueuePlace) -> bytes:
    """Where a waiting job stands, as an SSE event of the type ``queue``.

    Without an id: it is not in the log, and a client that comes back gets the newest one.
    """
    fields = {
        **state_of(job),
        **asdict(place),
        "attempt": job.attempt,
        "type": "QueueMoved",
        "at": datetime.now(UTC),
    }
    return ServerSentEvent(msgspec.json.encode(fields).decode(), event="queue", sep="\n").encode()


def _waiting_of(job: Job) -> Waiting:
    return Waiting(
        job_id=job.job_id,
        attempt=job.attempt,
        tenant=job.tenant,
        kind=job.kind,
        site="",
        priority=job.priority,
        order=(job.created_at.timestamp(), job.partition, 0),
    )
