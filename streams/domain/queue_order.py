"""Where waiting jobs stand: exact for those that are next, estimated for those far behind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from streams.domain.fair_queue import SHARES, FairQueue, Order, Waiting

HEAD = 200
"""So many are found by serving a copy of the queue; the others by arithmetic."""


class Row(NamedTuple):
    """A waiting job; as many as wait are made at each look, so it must be cheap."""

    order: Order
    job_id: str
    priority: str
    tenant: str
    kind: str


class QueueOrder:
    """The order in which ``FairQueue`` would serve jobs: ``add`` them by age, then ``close``."""

    def __init__(
        self, running: Mapping[str, int], weight: Callable[[str], float] = lambda _: 1.0
    ) -> None:
        """``running``: jobs that each tenant has at work."""
        self._running = Counter(running)
        self._weight = weight
        self._place: dict[str, tuple[str, str, int]] = {}
        """Each job's priority, tenant, and number among those, from 0."""
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Jobs of each priority and tenant."""
        self._sums: dict[str, int] = {}
        self._queue = FairQueue(weight)
        self._lanes: Counter[tuple[str, str, str]] = Counter()
        self._head: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._place)

    def add(self, rows: Iterable[Row]) -> None:
        """Add jobs that wait, each younger than those before."""
        counts, lanes, places = self._counts, self._lanes, self._place
        for row in rows:
            order, job_id, priority, tenant, kind = row
            of_priority = counts[priority]
            number = of_priority[tenant]
            of_priority[tenant] = number + 1
            places[job_id] = (priority, tenant, number)
            lane = (priority, tenant, kind)
            lanes[lane] += 1
            if lanes[lane] <= HEAD:  # no more of a lane can be among the first
                self._queue.add(
                    Waiting(
                        job_id=job_id,
                        attempt=0,
                        tenant=tenant,
                        kind=kind,
                        site="",
                        priority=priority,
                        order=order,
                    )
                )

    def close(self) -> None:
        """Find the first ones; nothing is added any more."""
        self._sums = {priority: counts.total() for priority, counts in self._counts.items()}
        while len(self._head) < HEAD and (first := self._queue.take(running=self._running)):
            self._running[first.tenant] += 1
            self._head[first.job_id] = len(self._head) + 1

    def position(self, job_id: str) -> int | None:
        """1 for the job that is next; None for one that does not wait."""
        known = self._head.get(job_id)
        if known is not None:
            return known
        place = self._place.get(job_id)
        if place is None:
            return None
        priority, tenant, number = place
        rounds = (number + 1) / self._weight(tenant)
        of_class = sum(
            min(count, rounds * self._weight(name))
            for name, count in self._counts[priority].items()
        )
        of_others = sum(
            min(total, of_class * SHARES[name] / SHARES[priority])
            for name, total in self._sums.items()
            if name != priority
        )
        return min(len(self), max(len(self._head) + 1, round(of_class + of_others)))
