"""Given these events, when this command comes, then these events follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from streams.domain.decide import Command, decide
from streams.domain.events import JobEvent
from streams.domain.fold import evolve, fold
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded, new_event

JOB = JobId("0" * 32)
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PARTITION = 3


def recorded(event: JobEvent, offset: int, at_s: float = 0.0) -> Recorded:
    """``event`` as the log gives it, ``at_s`` seconds after the start."""
    new = new_event(JOB, "public", event, START + timedelta(seconds=at_s))
    return Recorded(
        job_id=JOB,
        tenant="public",
        event_id=new.event_id,
        occurred_at=new.occurred_at,
        partition=PARTITION,
        offset=offset,
        event=event,
    )


def history_of(events: Sequence[JobEvent]) -> list[Recorded]:
    """One event a second, with the offsets of a log that others write to as well."""
    return [recorded(event, offset=10 * n, at_s=n) for n, event in enumerate(events)]


def job_after(*events: JobEvent) -> Job:
    """The state of a job with these events."""
    job = fold(history_of(events))
    assert job is not None
    return job


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided, to compare."""

    events: tuple[JobEvent, ...]

    def then(self, *expected: JobEvent) -> None:
        """Exactly these events follow."""
        assert self.events == expected


@dataclass(frozen=True, slots=True)
class Given:
    """A history, checked on the way: the fold is total and ignores what it has seen."""

    history: list[Recorded]

    def when(self, command: Command) -> Decided:
        """Decide, and check that the decision's own events settle it."""
        job = fold(self.history)
        _check_fold_ignores_repeats(self.history, job)
        decided = decide(command, job)
        settled = list(self.history)
        for event in decided:
            settled.append(recorded(event, offset=settled[-1].offset + 1, at_s=len(settled)))
        assert not decided or decide(command, fold(settled)) != decided, "it repeats itself"
        return Decided(decided)


def given(*events: JobEvent) -> Given:
    """Start a test with a job's history, one event a second from ``START``."""
    return Given(history_of(events))


def _check_fold_ignores_repeats(history: list[Recorded], job: Job | None) -> None:
    for again in history:
        assert evolve(job, again) == job, f"{type(again.event).__name__} counted twice"
