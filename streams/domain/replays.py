"""Replays that were asked for over the API: their events, and how each stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from streams.domain.ids import event_id

ALL_PROJECTIONS = ("job_events", "jobs", "items", "webhook_events")
"""In the order in which they are rebuilt."""
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequested:
    """Somebody wants a replay. Written by the API."""

    projections: Sequence[str] = ()
    """None when events go to a topic."""
    since: datetime | None = None
    before: datetime | None = None
    job_ids: Sequence[str] = ()
    dry_run: bool = False
    into_topic: str | None = None
    source: str | None = None
    speed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStopRequested:
    """Somebody wants it to stop. Written by the API."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStarted:
    """A process begins with it, or begins again. Written by the materializer, as all others."""

    attempt: int
    runner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgressed:
    """How far it is; about one a second."""

    attempt: int
    phase: str
    projection: str | None = None
    records_done: int
    """Of the projection or topic that it is at."""
    records_total: int
    records_per_second: float
    drift_jobs: int = 0
    """Jobs in which drift was found so far, over all projections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDrift:
    """How the live table differed from the log in one job."""

    job_id: str
    missing: int
    surplus: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What was done with one projection, or with the topic."""

    target: str
    """The projection's or the topic's name."""
    records: int
    rows: int = 0
    jobs: int = 0
    seconds: float
    moved: bool = False
    """Whether reads now go to a rebuilt table."""
    inserted: int = 0
    removed: int = 0
    not_stored_yet: int = 0
    drift_jobs: int = 0
    drift: Sequence[JobDrift] = ()
    """Of the first jobs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayCompleted:
    """All is done."""

    attempt: int
    results: Sequence[ReplayResult] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayFailed:
    """It ended before that; ``reason`` says why."""

    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStopped:
    """It was stopped because somebody wanted that."""

    attempt: int


ReplayEvent = (
    ReplayRequested
    | ReplayStopRequested
    | ReplayStarted
    | ReplayProgressed
    | ReplayCompleted
    | ReplayFailed
    | ReplayStopped
)
REPLAY_EVENTS: tuple[type[ReplayEvent], ...] = (
    ReplayRequested,
    ReplayStopRequested,
    ReplayStarted,
    ReplayProgressed,
    ReplayCompleted,
    ReplayFailed,
    ReplayStopped,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReplay:
    """An event of a replay."""

    replay_id: str
    event_id: str
    occurred_at: datetime
    event: ReplayEvent


class ReplayStatus(StrEnum):
    """Where a replay stands."""

    WAITING = "waiting"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    STOPPED = "stopped"


OPEN = frozenset({ReplayStatus.WAITING, ReplayStatus.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayState:
    """A replay as its events left it."""

    replay_id: str
    request: ReplayRequested
    requested_at: datetime
    status: ReplayStatus = ReplayStatus.WAITING
    stop_requested: bool = False
    attempt: int = 0
    runner: str | None = None
    started_at: datetime | None = None
    """When the newest attempt began."""
    ended_at: datetime | None = None
    progress: ReplayProgressed | None = None
    results: Sequence[ReplayResult] = ()
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done for it."""
        return self.status in OPEN

    def collides_with(self, request: ReplayRequested) -> bool:
        """Whether both would write to the same table or topic."""
        mine = self.request
        if mine.dry_run or request.dry_run:
            return False
        same_topic = mine.into_topic is not None and mine.into_topic == request.into_topic
        return self.is_open and (
            same_topic or not set(mine.projections).isdisjoint(request.projections)
        )


def evolve_replay(state: ReplayState | None, recorded: RecordedReplay) -> ReplayState | None:
    """Apply one event. Total: what comes late, twice or of an earlier attempt changes nothing."""
    event, at = recorded.event, recorded.occurred_at
    if state is None:
        if isinstance(event, ReplayRequested):
            return ReplayState(replay_id=recorded.replay_id, request=event, requested_at=at)
        return None
    if not state.is_open or isinstance(event, ReplayRequested):
        return state
    if isinstance(event, ReplayStopRequested):
        return replace(state, stop_requested=True)
    if isinstance(event, ReplayStarted):
        if event.attempt <= state.attempt:
            return state
        return replace(
            state,
            status=ReplayStatus.RUNNING,
            attempt=event.attempt,
            runner=event.runner,
            started_at=at,
            progress=None,
        )
    if event.attempt != state.attempt:
        return state
    match event:
        case ReplayProgressed():
            return replace(state, progress=event)
        case ReplayCompleted():
            return replace(state, status=ReplayStatus.COMPLETED, ended_at=at, results=event.results)
        case ReplayFailed():
            return replace(state, status=ReplayStatus.FAILED, ended_at=at, reason=event.reason)
        case ReplayStopped():
            return replace(state, status=ReplayStatus.STOPPED, ended_at=at)


def new_replay_event(replay_id: str, event: ReplayEvent, at: datetime) -> RecordedReplay:
    """Give ``event`` an id that is the same when it is sent again."""
    ordinal = at.isoformat() if isinstance(event, ReplayProgressed) else 0
    return RecordedReplay(
        replay_id=replay_id,
        event_id=event_id(replay_id, type(event).__name__, getattr(event, "attempt", 0), ordinal),
        occurred_at=at,
        event=event,
    )


def next_open(replays: Sequence[ReplayState]) -> ReplayState | None:
    """Whose turn it is: one after the other, in the order in which they were asked for."""
    return next((state for state in replays if state.is_open), None)


def decide_replay(state: ReplayState, runner: str) -> ReplayEvent:
    """What the runner records of an open replay that nobody works on."""
    if state.stop_requested:
        return ReplayStopped(attempt=state.attempt)
    if state.attempt >= MOST_ATTEMPTS:
        return ReplayFailed(
            attempt=state.attempt,
            reason=f"the process that did it ended {state.attempt} times before it was done; "
            "its log says why",
        )
    return ReplayStarted(attempt=state.attempt + 1, runner=runner)
