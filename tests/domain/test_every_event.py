"""Rules that hold for every job event."""

from __future__ import annotations

import copy
import dataclasses
import typing

import pytest
from hypothesis import given as random
from hypothesis import strategies as st

from schemas.catalog import all_schemas, schemas_in
from streams.domain import events
from streams.domain.changes import Changes
from streams.domain.decide import Advance, decide
from streams.domain.events import AUTHORS, Author, Decision, JobEvent, Report, Request, Storing
from streams.domain.fold import evolve, fold
from streams.domain.job import Job
from tests.domain.test_job_story import ALL, ASKED, CRASHED, FIRST_TRY, HALF, READ, TAKEN, later
from tests.support.given import recorded

ENVELOPE = {"event_id", "job_id", "tenant", "occurred_at"}
SECOND = [
    dataclasses.replace(each, attempt=2) for each in (FIRST_TRY, TAKEN, HALF, READ, CRASHED, ALL)
]
LOST = events.AttemptLost(attempt=1, worker="w1")
STOPPED = events.AttemptStopped(attempt=1, worker="w1", reason="shutdown")
RELEASED = events.AttemptReleased(attempt=1, worker="w1", reason="shutdown")
ANY: list[JobEvent] = [
    *(ASKED, FIRST_TRY, TAKEN, HALF, READ, CRASHED, ALL, LOST, STOPPED, RELEASED),
    events.CancelRequested(),
    events.ResultsStored(key="k", size_bytes=1, rows=1, sha256="0"),
    *SECOND,
]


def test_each_event_has_one_author() -> None:
    assert set(AUTHORS) == set(typing.get_args(JobEvent))
    for group, author in (
        (Request, Author.API),
        (Report, Author.WORKER),
        (Decision, Author.ORCHESTRATOR),
    ):
        assert {AUTHORS[event] for event in typing.get_args(group)} == {author}
    assert AUTHORS[Storing] is Author.MATERIALIZER


@pytest.mark.parametrize("event", AUTHORS, ids=lambda event: event.__name__)
def test_each_event_has_a_schema_with_the_same_fields(event: type[JobEvent]) -> None:
    schema = all_schemas()[event.__name__]
    in_schema = {field["name"] for field in schema.parsed["fields"]}
    assert in_schema == ENVELOPE | {field.name for field in dataclasses.fields(event)}


def test_each_schema_of_a_job_event_has_an_event() -> None:
    assert {schema.name for schema in schemas_in("job")} == {event.__name__ for event in AUTHORS}


@random(st.lists(st.sampled_from(ANY), max_size=12))
def test_any_order_of_events_folds_and_repeats_change_nothing(
    story: list[JobEvent],
) -> None:
    log = [recorded(event, offset, at_s=offset) for offset, event in enumerate(story)]
    job = fold(log)
    for again in log:
        assert evolve(job, again) == job


@random(st.lists(st.sampled_from(ANY), max_size=12), st.integers(0, 12))
def test_folding_on_is_the_same_as_one_by_one_and_leaves_the_first_state_alone(
    story: list[JobEvent], first: int
) -> None:
    log = [recorded(event, offset, at_s=offset) for offset, event in enumerate([ASKED, *story])]
    start = fold(log[:first])
    as_it_was = copy.deepcopy(start)
    one_by_one = start
    for each in log[first:]:
        one_by_one = evolve(one_by_one, each)
    assert fold(log[first:], start) == one_by_one == fold(log)
    assert start == as_it_was


def test_changes_are_fields_of_a_job_with_the_same_types() -> None:
    in_job = typing.get_type_hints(Job)
    for name, type_ in typing.get_type_hints(Changes).items():
        assert in_job[name] == type_, name


@random(st.lists(st.sampled_from(ANY), max_size=12))
def test_deciding_again_and_again_always_settles(story: list[JobEvent]) -> None:
    log = [recorded(ASKED, 0)]
    log += [recorded(event, offset, at_s=offset) for offset, event in enumerate(story, 1)]
    seen = []
    for _ in range(20):
        decided = decide(Advance(now=later(100_000).now), fold(log))
        if not decided:
            return
        seen.append(decided)
        for event in decided:
            log.append(recorded(event, offset=len(log), at_s=len(log)))
    pytest.fail(f"decisions without end: {seen}")
