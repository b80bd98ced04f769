"""How long a new job will take."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import ceil
from statistics import median

from streams.domain.job import Job, Status

KEPT = 50
WITHOUT_EXPERIENCE_S = 20.0


class Durations:
    """How long the newest completed jobs of each kind took, seconds."""

    def __init__(self) -> None:
        self._of: dict[str, deque[float]] = {}

    def begin(self, stored: Mapping[str, Sequence[float]]) -> None:
        """Take over what the store knows, newest first."""
        for kind, seconds in stored.items():
            known = self._of.setdefault(kind, deque(maxlen=KEPT))
            known.extendleft(seconds[: KEPT - len(known)])

    def learn(self, job: Job) -> None:
        """Remember a job that ended."""
        if job.status is Status.COMPLETED and job.started_at and job.completed_at:
            seconds = (job.completed_at - job.started_at).total_seconds()
            self._of.setdefault(job.kind, deque(maxlen=KEPT)).append(seconds)

    def typical_s(self, kind: str) -> float:
        """The median; a few extreme jobs do not move it."""
        known = self._of.get(kind)
        return median(known) if known else WITHOUT_EXPERIENCE_S


def estimated_s(typical_s: float, *, ahead: int, slots: int) -> float:
    """Seconds until a new job is done, with ``ahead`` jobs before it and ``slots`` at work."""
    return typical_s * ceil((ahead + 1) / max(1, slots))


def duration_text(seconds: float) -> str:
    """As in the contract: ``20s``."""
    return f"{max(1, round(seconds))}s"
