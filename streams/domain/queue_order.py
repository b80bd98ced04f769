"""Where waiting jobs stand: exact for those that are next, estimated for those far behind."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from streams.domain.fair_queue import SHARES, FairQueue, Waiting

HEAD = 200
"""So many are found by serving a copy of the queue; the others by arithmetic."""


class QueueOrder:
    """The order in which ``FairQueue`` would serve jobs, seen once."""

    def __init__(
        self,
        waiting: Iterable[Waiting],
        running: Mapping[str, int],
        weight: Callable[[str], float] = lambda _: 1.0,
    ) -> None:
        """``running``: jobs that each tenant has at work."""
        self._weight = weight
        self._place: dict[str, tuple[str, str, int]] = {}
        """Each job's priority, tenant, and number among those, from 0."""
        self._counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Jobs of each priority and tenant."""
        queue = FairQueue(weight)
        lanes: Counter[tuple[str, str, str]] = Counter()
        for job in sorted(waiting, key=lambda job: job.order):
            counts = self._counts[job.priority]
            self._place[job.job_id] = (job.priority, job.tenant, counts[job.tenant])
            counts[job.tenant] += 1
            lane = (job.priority, job.tenant, job.kind)
            lanes[lane] += 1
            if lanes[lane] <= HEAD:  # no more of it can be among the first
                queue.add(job)
        self._sums = {priority: counts.total() for priority, counts in self._counts.items()}
        self._head: dict[str, int] = {}
        at_work = Counter(running)
        while len(self._head) < HEAD and (next_ := queue.take(running=at_work)):
            at_work[next_.tenant] += 1
            self._head[next_.job_id] = len(self._head) + 1

    def __len__(self) -> int:
        return len(self._place)

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
