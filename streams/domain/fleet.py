"""The workers: what each says of itself, and which of them can be counted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

REPORT_EVERY_S = 2.0
"""A worker reports so often, and at each change of its free slots."""
LATE_AFTER_S = 6.0
"""Three reports missed: it may still work, but is given nothing new."""
LOST_AFTER_S = 15.0
"""Silence after which it is shown as lost."""
FORGOTTEN_AFTER_S = 300.0
"""Silence after which it is not shown any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningAttempt:
    """What a slot works on."""

    job_id: str
    attempt: int
    tenant: str = ""
    kind: str = ""
    site: str = ""
    """The host of its URL. Empty, as the two before: a worker of an older version says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerReported:
    """A worker lives, and stands like this."""

    worker: str
    host: str
    version: str
    occurred_at: datetime
    """When it said so, on its own clock, UTC."""
    started_at: datetime
    slots: int
    free: int
    """Slots that could begin a task now; 0 while it drains."""
    running: Sequence[RunningAttempt] = ()
    kinds: Sequence[str] = ()
    """Kinds of jobs that it can scrape."""
    partitions: Sequence[int] = ()
    """Numbers of the partitions that it reads, the same in every task topic."""
    memory_bytes: int = 0
    """Of the process and its browsers; 0: not measured yet."""
    is_draining: bool = False
    """It takes no more tasks, and finishes what it has."""
    is_stopped: bool = False
    """Its last word: the process ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainWorker:
    """An order to a worker: take no more tasks; or, with ``undo``, take tasks again."""

    worker: str
    undo: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker's newest report, and when it was heard."""

    report: WorkerReported
    heard_s: float
    """On the listener's own clock, seconds: clocks of machines differ."""


class Fleet:
    """Workers by their newest reports."""

    def __init__(self) -> None:
        self._seen: dict[str, Seen] = {}

    def hear(self, report: WorkerReported, heard_s: float) -> None:
        """Take in a report; they come in the order in which a worker wrote them."""
        if report.is_stopped:
            self._seen.pop(report.worker, None)
        else:
            self._seen[report.worker] = Seen(report, heard_s)

    def find(self, worker: str) -> WorkerReported | None:
        """What it said last; None when it is unknown or has stopped."""
        seen = self._seen.get(worker)
        return seen.report if seen else None

    def is_on_time(self, worker: str, now_s: float) -> bool:
        """Whether it may be given something."""
        seen = self._seen.get(worker)
        return seen is not None and now_s - seen.heard_s <= LATE_AFTER_S

    def all(self, now_s: float) -> list[Seen]:
        """Everybody heard of in the last minutes, by name; also those that are lost."""
        for worker, seen in list(self._seen.items()):
            if now_s - seen.heard_s > FORGOTTEN_AFTER_S:
                del self._seen[worker]
        return [self._seen[worker] for worker in sorted(self._seen)]

    def alive(self, now_s: float) -> list[WorkerReported]:
        """Those that are not lost."""
        return [seen.report for seen in self.all(now_s) if now_s - seen.heard_s <= LOST_AFTER_S]
