"""The order in which waiting jobs are served: by priority, fairly between tenants, then by age.

Priorities and tenants share by stride scheduling: whoever has been served least, measured by its
weight, is next. So a higher priority goes first nearly always, and none starves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from urllib.parse import urlsplit

SHARES: Mapping[str, int] = {"high": 64, "normal": 8, "low": 1}
"""Of 9 starts with normal and low waiting, one is low; of 9 with high and normal, one is normal."""

Order = tuple[float, int, int]
Lane = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A job that could start now."""

    job_id: str
    attempt: int
    tenant: str
    kind: str
    site: str
    priority: str
    order: Order
    """When it was asked for (seconds since 1970), and its request's place in the log."""


def site_of(url: str) -> str:
    """The host that a URL goes to; empty when it has none."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


@dataclass(slots=True)
class _Tenant:
    """One tenant's jobs of one priority."""

    served: float
    """Virtual time: how much it was served, by its weight."""
    lanes: dict[Lane, list[tuple[Order, str]]] = field(default_factory=dict)
    """Heaps, by kind and site: what a limit holds back must not hold back the rest."""


@dataclass(slots=True)
class _Class:
    """One priority."""

    served: float = 0.0
    now: float = 0.0
    """Virtual time of the tenant that was served last; newcomers begin here."""
    tenants: dict[str, _Tenant] = field(default_factory=dict)


class FairQueue:
    """Waiting jobs. ``take`` costs as much as there are tenants and lanes, not jobs."""

    def __init__(self, weights: Callable[[str], float] = lambda _: 1.0) -> None:
        """``weights``: a tenant's share, relative to the others'."""
        self._weight = weights
        self._waiting: dict[str, Waiting] = {}
        self._classes: dict[str, _Class] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Waiting]:
        return iter(self._waiting.values())

    def find(self, job_id: str) -> Waiting | None:
        """The job, if it waits."""
        return self._waiting.get(job_id)

    def add(self, waiting: Waiting) -> None:
        """Let a job wait; one that waits already is replaced."""
        self.remove(waiting.job_id)
        self._waiting[waiting.job_id] = waiting
        class_ = self._classes.get(waiting.priority)
        if class_ is None:
            class_ = self._classes[waiting.priority] = _Class()
        if not class_.tenants:  # it slept: no credit for that time
            class_.served = max(class_.served, self._now)
        tenant = class_.tenants.get(waiting.tenant)
        if tenant is None:
            tenant = class_.tenants[waiting.tenant] = _Tenant(class_.now)
        lane = tenant.lanes.setdefault((waiting.kind, waiting.site), [])
        heappush(lane, (waiting.order, waiting.job_id))

    def remove(self, job_id: str) -> bool:
        """Let it wait no longer; whether it did."""
        waiting = self._waiting.pop(job_id, None)
        if waiting is None:
            return False
        class_ = self._classes[waiting.priority]
        lanes = class_.tenants[waiting.tenant].lanes
        key = (waiting.kind, waiting.site)
        lane = lanes[key]
        entry = (waiting.order, job_id)
        if lane[0] == entry:
            heappop(lane)
            self._drop_gone(lane)
        # Others are dropped when they come to the head. An empty lane must not hide behind them.
        if not lane:
            del lanes[key]
            if not lanes:
                del class_.tenants[waiting.tenant]
        return True

    def take(
        self,
        *,
        running: Mapping[str, int],
        may_tenant: Callable[[str], bool] = lambda _: True,
        may_lane: Callable[[str, str], bool] = lambda _kind, _site: True,
    ) -> Waiting | None:
        """The next job, which waits no longer; None when none may start.

        ``running``: jobs that each tenant has in hand: who has fewest, by weight, is next.
        ``may_lane`` is asked with kind and site.
        """
        rank = list(SHARES).index
        ranked = sorted(
            ((class_.served, rank(name), name) for name, class_ in self._classes.items())
        )
        for _, _, name in ranked:
            class_ = self._classes[name]
            found = self._head(class_, running, may_tenant, may_lane)
            if found is None:
                continue
            self._now = max(self._now, class_.served)
            class_.served += 1 / SHARES[name]
            tenant = class_.tenants[found.tenant]
            class_.now = max(class_.now, tenant.served)
            tenant.served += 1 / self._weight(found.tenant)
            self.remove(found.job_id)
            return found
        return None

    def _head(
        self,
        class_: _Class,
        running: Mapping[str, int],
        may_tenant: Callable[[str], bool],
        may_lane: Callable[[str, str], bool],
    ) -> Waiting | None:
        best: tuple[float, float, Order, str] | None = None
        for name, tenant in class_.tenants.items():
            share = running.get(name, 0) / self._weight(name)
            if best is not None and (share, tenant.served) > best[:2]:
                continue
            if not may_tenant(name):
                continue
            heads = [lane[0] for key, lane in tenant.lanes.items() if may_lane(*key)]
            if heads:
                order, job_id = min(heads)
                found = (share, tenant.served, order, job_id)
                best = found if best is None else min(best, found)
        return None if best is None else self._waiting[best[3]]

    def _drop_gone(self, lane: list[tuple[Order, str]]) -> None:
        while lane:
            order, job_id = lane[0]
            waiting = self._waiting.get(job_id)
            if waiting is not None and waiting.order == order:
                return
            heappop(lane)
