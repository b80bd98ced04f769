"""Given what happened to a monitor, when is its next run due, and which one?"""

from __future__ import annotations

import dataclasses
import typing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as random
from hypothesis import strategies as st

from schemas.catalog import all_schemas, schemas_in
from streams.domain.events import Author, Webhook
from streams.domain.monitor import KEPT_RUNS, Monitor, MonitorStatus, evolve, run_requested
from streams.domain.monitor_events import (
    MONITOR_AUTHORS,
    MonitorChanged,
    MonitorCreated,
    MonitorDecision,
    MonitorDeleted,
    MonitorEvent,
    MonitorFired,
    MonitorPaused,
    MonitorRequest,
    MonitorResumed,
    MonitorRunRequested,
    MonitorSkipped,
    RecordedMonitor,
    Trigger,
    new_monitor_event,
)
from streams.domain.monitor_schedule import Due, due, next_due_at

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CREATED = MonitorCreated(kind="google_reviews", url="https://example.com/", every_s=3600)
ENVELOPE = {"event_id", "monitor_id", "job_id", "tenant", "occurred_at"}


def recorded(
    event: MonitorEvent, offset: int, at: datetime, monitor_id: str = "m"
) -> RecordedMonitor:
    new = new_monitor_event(monitor_id, "public", event, at)
    return dataclasses.replace(new, partition=0, offset=offset)


def given(*story: tuple[datetime, MonitorEvent], monitor_id: str = "m") -> Monitor:
    """The monitor after what happened when."""
    monitor = None
    for offset, (at, event) in enumerate(story):
        monitor = evolve(monitor, recorded(event, offset, at, monitor_id))
    assert monitor is not None
    return monitor


def when_due(monitor: Monitor, now: datetime) -> Due:
    found = due(monitor, now)
    assert found is not None
    return found


def fired(found: Due) -> MonitorFired:
    return MonitorFired(
        due_at=found.due_at, job_id=found.job_id, trigger=found.trigger, full=found.full
    )


def after_first_run(*more: tuple[datetime, MonitorEvent], monitor_id: str = "m") -> Monitor:
    first = when_due(given((NOON, CREATED), monitor_id=monitor_id), NOON)
    return given((NOON, CREATED), (NOON, fired(first)), *more, monitor_id=monitor_id)


def test_the_first_run_is_due_at_once_and_finds_everything() -> None:
    first = when_due(given((NOON, CREATED)), NOON)
    assert (first.due_at, first.full, first.trigger) == (NOON, True, Trigger.SCHEDULE)


def test_a_run_that_was_started_is_not_due_again_before_its_period() -> None:
    monitor = after_first_run()
    at = next_due_at(monitor)
    assert at is not None
    assert HOUR <= at - NOON <= HOUR * 1.1
    assert due(monitor, at - timedelta(milliseconds=1)) is None
    second = when_due(monitor, at)
    assert (second.due_at, second.full) == (at, False)
    third = next_due_at(evolve_on(monitor, fired(second), at))
    assert third == at + HOUR


def evolve_on(monitor: Monitor, event: MonitorEvent, at: datetime) -> Monitor:
    after = evolve(monitor, recorded(event, monitor.offset + 1, at, monitor.monitor_id))
    assert after is not None
    return after


def test_whoever_looks_and_whenever_makes_the_same_job_of_a_run() -> None:
    monitor = after_first_run()
    at = next_due_at(monitor)
    assert at is not None
    assert when_due(monitor, at) == when_due(monitor, at + timedelta(minutes=50))
    assert when_due(monitor, at).job_id != when_due(monitor, at + HOUR).job_id


def test_of_runs_that_were_missed_only_the_newest_is_caught_up_with() -> None:
    monitor = after_first_run()
    late = NOON + 100 * HOUR + timedelta(minutes=30)
    caught_up = when_due(monitor, late)
    assert timedelta(0) <= late - caught_up.due_at < HOUR
    after = evolve_on(monitor, fired(caught_up), late)
    assert due(after, late) is None
    assert next_due_at(after) == caught_up.due_at + HOUR


def test_a_thousand_monitors_of_one_day_are_spread_over_minutes() -> None:
    daily = dataclasses.replace(CREATED, every_s=86_400)
    seconds = set()
    for number in range(1_000):
        first = when_due(given((NOON, daily), monitor_id=f"m{number}"), NOON)
        monitor = given((NOON, daily), (NOON, fired(first)), monitor_id=f"m{number}")
        at = next_due_at(monitor)
        assert at is not None
        assert timedelta(days=1) <= at - NOON <= timedelta(days=1, seconds=600)
        seconds.add(at.replace(microsecond=0))
    assert len(seconds) > 400


def test_a_paused_monitor_has_no_run_and_does_not_make_up_for_it() -> None:
    paused = after_first_run((NOON, MonitorPaused()))
    assert paused.status is MonitorStatus.PAUSED
    assert next_due_at(paused) is None
    assert due(paused, NOON + 10 * HOUR) is None
    back = NOON + 10 * HOUR
    resumed = evolve_on(paused, MonitorResumed(), back)
    assert due(resumed, back) is None
    at = next_due_at(resumed)
    assert at is not None
    assert back < at <= back + HOUR


def test_a_paused_monitor_runs_when_a_client_asks_for_it() -> None:
    monitor = after_first_run((NOON, MonitorPaused()))
    asked = evolve_on(monitor, MonitorRunRequested(job_id="j"), NOON + HOUR)
    run = when_due(asked, NOON + HOUR)
    assert (run.job_id, run.trigger) == ("j", Trigger.REQUEST)
    assert next_due_at(evolve_on(asked, fired(run), NOON + HOUR)) is None


def test_a_run_that_was_asked_for_does_not_move_the_schedule() -> None:
    monitor = after_first_run()
    at = next_due_at(monitor)
    asked = evolve_on(monitor, MonitorRunRequested(job_id="j", full=True), NOON)
    run = when_due(asked, NOON)
    assert (run.job_id, run.full) == ("j", True)
    after = evolve_on(asked, fired(run), NOON)
    assert next_due_at(after) == at
    # The same request, stored twice, makes no second run.
    assert next_due_at(evolve_on(after, MonitorRunRequested(job_id="j"), NOON)) == at


def test_a_deleted_monitor_does_nothing_any_more() -> None:
    gone = after_first_run((NOON, MonitorRunRequested(job_id="j")), (NOON, MonitorDeleted()))
    for event in (MonitorResumed(), MonitorChanged(every_s=60), MonitorRunRequested(job_id="k")):
        gone = evolve_on(gone, event, NOON)
    assert gone.is_deleted
    assert due(gone, NOON + 10 * HOUR) is None


def test_a_new_period_begins_when_it_is_asked_for() -> None:
    changed_at = NOON + timedelta(minutes=20)
    monitor = after_first_run((changed_at, MonitorChanged(every_s=600)))
    at = next_due_at(monitor)
    assert at is not None
    assert timedelta(minutes=10) <= at - changed_at <= timedelta(minutes=11)


def test_a_change_leaves_the_rest_as_it_was() -> None:
    first = dataclasses.replace(
        CREATED, webhook=Webhook(url="https://example.com/hook"), options={"sort": "newest"}
    )
    monitor = given((NOON, first), (NOON, MonitorChanged(name="x", metadata={"a": "b"})))
    assert (monitor.name, monitor.metadata) == ("x", {"a": "b"})
    assert (monitor.webhook, monitor.options) == (first.webhook, first.options)
    assert next_due_at(monitor) == NOON
    assert evolve_on(monitor, MonitorChanged(without_webhook=True), NOON).webhook is None


@pytest.mark.parametrize(
    ("full_every", "full"),
    [(0, [True] + [False] * 5), (3, [True, False, False] * 2), (1, [True] * 6)],
)
def test_every_so_many_runs_one_finds_everything(full_every: int, full: list[bool]) -> None:
    monitor = given((NOON, dataclasses.replace(CREATED, full_every=full_every)))
    seen = []
    for number in range(6):
        now = NOON + 2 * number * HOUR
        run = when_due(monitor, now)
        seen.append(run.full)
        monitor = evolve_on(monitor, fired(run), now)
    assert seen == full


def test_a_run_that_is_skipped_is_remembered_and_not_counted() -> None:
    monitor = after_first_run()
    at = next_due_at(monitor)
    assert at is not None
    run = when_due(monitor, at)
    skipped = MonitorSkipped(due_at=run.due_at, job_id=run.job_id, open_job_id=monitor.last_job_id)
    after = evolve_on(monitor, skipped, at)
    assert next_due_at(after) == at + HOUR
    assert after.runs[0].open_job_id == monitor.last_job_id == after.last_job_id
    assert after.runs_count == 1


def test_a_run_carries_what_the_monitor_says() -> None:
    monitor = given((NOON, dataclasses.replace(CREATED, metadata={"team": "a"}, priority="low")))
    asked = run_requested(monitor, {"sort": "newest"})
    assert (asked.monitor_id, asked.url, asked.priority) == ("m", CREATED.url, "low")
    assert (asked.options, asked.metadata) == ({"sort": "newest"}, {"team": "a"})


ANY: list[MonitorEvent] = [
    CREATED,
    MonitorChanged(every_s=600),
    MonitorPaused(),
    MonitorResumed(),
    MonitorDeleted(),
    MonitorRunRequested(job_id="j"),
    MonitorFired(due_at=NOON, job_id="j"),
    MonitorSkipped(due_at=NOON, job_id="k", open_job_id="j"),
]


@random(st.lists(st.sampled_from(ANY), max_size=30))
def test_any_order_of_events_folds_and_repeats_change_nothing(story: list[MonitorEvent]) -> None:
    log = [recorded(event, offset, NOON) for offset, event in enumerate([CREATED, *story])]
    monitor = None
    for one in log:
        monitor = evolve(monitor, one)
    assert monitor is not None
    assert all(evolve(monitor, one) == monitor for one in log)
    assert len(monitor.runs) <= KEPT_RUNS


@random(st.lists(st.integers(0, 100_000), max_size=20))
def test_whenever_one_looks_a_run_that_was_handled_is_not_due_again(pauses_s: list[int]) -> None:
    monitor, now, seen = given((NOON, CREATED)), NOON, set()
    for pause_s in pauses_s:
        now += timedelta(seconds=pause_s)
        run = due(monitor, now)
        if run is not None:
            assert run.job_id not in seen
            seen.add(run.job_id)
            monitor = evolve_on(monitor, fired(run), now)
            assert due(monitor, now) is None


def test_each_monitor_event_has_one_author() -> None:
    for group, author in ((MonitorRequest, Author.API), (MonitorDecision, Author.ORCHESTRATOR)):
        assert {MONITOR_AUTHORS[event] for event in typing.get_args(group)} == {author}
    assert set(MONITOR_AUTHORS) == set(typing.get_args(MonitorEvent))


def test_each_monitor_event_has_a_schema_with_the_same_fields() -> None:
    assert {schema.name for schema in schemas_in("monitor")} == {
        event.__name__ for event in MONITOR_AUTHORS
    }
    for event in MONITOR_AUTHORS:
        in_schema = {field["name"] for field in all_schemas()[event.__name__].parsed["fields"]}
        assert in_schema == ENVELOPE | {field.name for field in dataclasses.fields(event)}
