"""Rules that hold for every job event."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import given as random
from hypothesis import strategies as st

from schemas.catalog import all_schemas, schemas_in
from streams.domain import events
from streams.domain.decide import Advance, decide
from streams.domain.events import AUTHORS, Author, Decision, JobEvent, Report, Request
from streams.domain.fold import evolve, fold
from tests.domain.test_job_story import ALL, ASKED, CRASHED, FIRST_TRY, HALF, TAKEN, later
from tests.support.given import recorded

ENVELOPE = {"event_id", "job_id", "tenant", "occurred_at"}
SECOND = [dataclasses.replace(each, attempt=2) for each in (FIRST_TRY, TAKEN, HALF, CRASHED, ALL)]
LOST = events.AttemptLost(attempt=1, worker="w1")
STOPPED = events.AttemptStopped(attempt=1, worker="w1", reason="shutdown")
ANY: list[JobEvent] = [
    *(ASKED, FIRST_TRY, TAKEN, HALF, CRASHED, ALL, LOST, STOPPED, events.CancelRequested()),
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
