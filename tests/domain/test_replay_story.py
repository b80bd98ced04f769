"""How a replay stands follows from its events, whatever comes late or twice."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalog import all_schemas, schemas_in
from streams.domain.replays import (
    MOST_ATTEMPTS,
    REPLAY_EVENTS,
    ReplayCompleted,
    ReplayEvent,
    ReplayFailed,
    ReplayProgressed,
    ReplayRequested,
    ReplayResult,
    ReplayStarted,
    ReplayState,
    ReplayStatus,
    ReplayStopped,
    ReplayStopRequested,
    decide_replay,
    evolve_replay,
    new_replay_event,
    next_open,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ENVELOPE = {"event_id", "replay_id", "job_id", "tenant", "occurred_at"}
ASKED = ReplayRequested(projections=("jobs",))
STARTED = ReplayStarted(attempt=1, runner="m-1")
HALF = ReplayProgressed(
    attempt=1, phase="reading", records_done=5, records_total=10, records_per_second=1.0
)
DONE = ReplayCompleted(attempt=1, results=(ReplayResult(target="jobs", records=10, seconds=1.0),))
AGAIN = ReplayStarted(attempt=2, runner="m-2")
ANY: list[ReplayEvent] = [
    *(ASKED, STARTED, HALF, DONE, AGAIN, ReplayStopRequested()),
    *(ReplayFailed(attempt=1, reason="x"), ReplayStopped(attempt=1), ReplayStopped(attempt=2)),
]


def after(*events: ReplayEvent) -> ReplayState:
    state = None
    for number, event in enumerate(events):
        at = NOON + timedelta(seconds=number)
        state = evolve_replay(state, new_replay_event("r", event, at))
    assert state is not None
    return state


def test_it_waits_runs_and_ends() -> None:
    assert after(ASKED).status is ReplayStatus.WAITING
    running = after(ASKED, STARTED, HALF)
    assert (running.status, running.progress) == (ReplayStatus.RUNNING, HALF)
    done = after(ASKED, STARTED, HALF, DONE)
    assert (done.status, done.results[0].records) == (ReplayStatus.COMPLETED, 10)
    assert done.ended_at == NOON + timedelta(seconds=3)


def test_what_an_earlier_attempt_says_changes_nothing() -> None:
    again = after(ASKED, STARTED, HALF, AGAIN)
    assert after(ASKED, STARTED, HALF, AGAIN, HALF, DONE) == again
    assert again.progress is None


@given(st.lists(st.sampled_from(ANY), max_size=12))
def test_an_end_is_final_and_repeats_change_nothing(events: list[ReplayEvent]) -> None:
    state = None
    for event in events:
        recorded = new_replay_event("r", event, NOON)
        changed = evolve_replay(state, recorded)
        assert evolve_replay(changed, recorded) == changed
        if state is not None and not state.is_open:
            assert changed == state
        state = changed


def test_a_replay_that_nobody_works_on_is_taken_up_again_and_given_up_at_last() -> None:
    state = after(ASKED)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        event = decide_replay(state, "m-1")
        assert event == ReplayStarted(attempt=attempt, runner="m-1")
        changed = evolve_replay(state, new_replay_event("r", event, NOON))
        assert changed is not None
        state = changed
    assert isinstance(decide_replay(state, "m-1"), ReplayFailed)
    assert decide_replay(after(ASKED, ReplayStopRequested()), "m-1") == ReplayStopped(attempt=0)


def test_the_first_open_one_is_next() -> None:
    done, waiting = after(ASKED, STARTED, DONE), after(ASKED)
    assert next_open([done, waiting, after(ASKED, STARTED)]) is waiting
    assert next_open([done]) is None


@pytest.mark.parametrize(
    ("other", "collides"),
    [
        (ReplayRequested(projections=("jobs", "items")), True),
        (ReplayRequested(projections=("items",)), False),
        (ReplayRequested(projections=("jobs",), dry_run=True), False),
        (ReplayRequested(into_topic="t"), False),
    ],
)
def test_two_collide_that_change_the_same(other: ReplayRequested, collides: bool) -> None:
    assert after(ASKED).collides_with(other) is collides
    assert not after(ASKED, STARTED, DONE).collides_with(other)
    into = ReplayRequested(into_topic="t")
    assert after(into).collides_with(into)


@pytest.mark.parametrize("event", REPLAY_EVENTS, ids=lambda event: event.__name__)
def test_each_event_of_a_replay_has_a_schema_with_the_same_fields(
    event: type[ReplayEvent],
) -> None:
    schema = all_schemas()[event.__name__]
    in_schema = {field["name"] for field in schema.parsed["fields"]}
    assert in_schema == ENVELOPE | {field.name for field in dataclasses.fields(event)}
    assert {one.name for one in schemas_in("replay")} == {one.__name__ for one in REPLAY_EVENTS}
