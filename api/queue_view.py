"""Where a waiting job stands in the queue, and when it will start."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from sse_starlette.event import ServerSentEvent

from api.estimates import Durations
from api.job_memory import JobMemory
from api.story import state_of
from streams.domain.fleet import Fleet
from streams.domain.job import Job, Status
from streams.domain.queue_order import QueueOrder, Row

T = TypeVar("T")

FRESH_S = 1.0
MOST_AT_ONCE = 1_000
"""Jobs looked at before others may run; a queue that is not longer is looked at by who asks."""
MOST_OF_THE_TIME = 0.1
"""Part of this process's time that may go into looking at a long queue."""
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
    """Looks at all waiting jobs at most once a second, and only when somebody asks.

    A long queue is looked at by ``watch``, in steps: until it is done, the last look counts.
    """

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
        self._order = QueueOrder({})
        self._oldest: datetime | None = None
        self._fresh_until_s = float("-inf")
        self._asked = asyncio.Event()

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

    def taking_slots(self) -> int:
        """Slots of the workers that take tasks, busy or not; 1 while there is none."""
        alive = self._fleet.alive(self._clock())
        return max(1, sum(report.slots for report in alive if not report.is_draining))

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

    async def watch(self) -> None:
        """Look at long queues beside everything else, when somebody has asked; until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            began_s = self._clock()
            for _ in self._steps():
                await asyncio.sleep(0)  # others may run
            took_s = self._clock() - began_s
            await asyncio.sleep(max(FRESH_S, took_s / MOST_OF_THE_TIME))

    def _look(self) -> None:
        """Have a look that is not old; at a long queue, let ``watch`` have the next one."""
        if self._memory.count(*WAITING) > MOST_AT_ONCE:
            self._asked.set()
        elif self._clock() >= self._fresh_until_s:
            for _ in self._steps():
                pass
            self._fresh_until_s = self._clock() + FRESH_S

    def _steps(self) -> Iterator[None]:
        """One look at all jobs, in steps of some milliseconds."""
        now = self._now()
        rows: list[Row] = []
        running: Counter[str] = Counter()
        for jobs in _batches(list(self._memory)):
            for job in jobs:
                if job.status is Status.PROCESSING:
                    running[job.tenant] += 1
                elif job.status in WAITING and (job.due_at is None or job.due_at <= now):
                    order = (job.created_at.timestamp(), job.partition, 0)
                    rows.append(Row(order, job.job_id, job.priority, job.tenant, job.kind))
            yield
        rows.sort()
        found = QueueOrder(running, self._weight)
        for batch in _batches(rows):
            found.add(batch)
            yield
        found.close()
        self._order = found
        self._oldest = datetime.fromtimestamp(rows[0].order[0], UTC) if rows else None


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


def _batches(of: list[T]) -> Iterator[list[T]]:
    return (of[first : first + MOST_AT_ONCE] for first in range(0, len(of), MOST_AT_ONCE))
