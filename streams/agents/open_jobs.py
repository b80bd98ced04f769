"""The open jobs of one partition of ``job-events``, as an orchestrator knows them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from streams.domain.events import JobEvent
from streams.domain.fold import evolve
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded

REMEMBER_S = 600.0  # ended jobs: a request that was appended twice must not start them again


@dataclass(slots=True)
class Emitted:
    """The newest output for a job."""

    output: tuple[object, ...]
    """Its attempt, and what was decided."""
    since_s: float
    """On this process's own clock, seconds."""
    end: int | None = None
    """Offset after its events; None while they are being stored."""

    def is_on_its_way(self, folded_to: int) -> bool:
        """Whether its events have not come back: behind a flood that takes its time."""
        return self.end is None or self.end > folded_to


@dataclass(slots=True)
class OpenJobs:
    """The fold of one partition of ``job-events``."""

    folded_to: int = 0
    """Offset after the last event folded in."""
    jobs: dict[JobId, Job] = field(default_factory=dict)
    """Open jobs."""
    begun: dict[JobId, int] = field(default_factory=dict)
    """Offset of each open job's request, oldest first."""
    ended: OrderedDict[JobId, float] = field(default_factory=OrderedDict)
    heard: dict[JobId, float] = field(default_factory=dict)
    """When an open job was last heard of, on this process's own clock, seconds."""
    emitted: dict[JobId, Emitted] = field(default_factory=dict)
    """What was decided for a job, and may not have come back yet."""
    unsure_until_s: float = 0.0
    """Until then, tasks may lie in the topics that an orchestrator before us has put there, on
    this process's own clock, seconds; 0: there are none."""

    def apply(self, recorded: Recorded, now_s: float) -> Job | None:
        """Fold one event in. The job, also when it ended; None when there is none open."""
        job_id = recorded.job_id
        self.folded_to = recorded.offset + 1
        if job_id in self.ended:
            return None
        job = evolve(self.jobs.get(job_id), recorded)
        if job is None:
            return None
        self.heard[job_id] = now_s
        if job.is_open:
            self.begun.setdefault(job_id, recorded.offset)
            self.jobs[job_id] = job
        else:
            for known in (self.jobs, self.begun, self.heard, self.emitted):
                known.pop(job_id, None)
            self.ended[job_id] = now_s
            while self.ended and now_s - next(iter(self.ended.values())) > REMEMBER_S:
                self.ended.popitem(last=False)
        return job

    def awaits(self, job_id: JobId) -> bool:
        """Whether a decision about the job has not come back yet: until then it is as decided."""
        emitted = self.emitted.get(job_id)
        return emitted is not None and emitted.is_on_its_way(self.folded_to)

    def forget_emitted(self, job_id: JobId, emitted: Emitted) -> None:
        """It could not be stored; something newer stays."""
        if self.emitted.get(job_id) is emitted:
            del self.emitted[job_id]

    def low_water(self) -> int:
        """Nothing before this offset matters any more."""
        return next(iter(self.begun.values()), self.folded_to)


@dataclass(frozen=True, slots=True)
class Decided:
    """What is to be appended for a job."""

    part: OpenJobs
    job: Job
    decisions: tuple[JobEvent, ...]
    emitted: Emitted
