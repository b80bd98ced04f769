"""``?at=``, ``/diff`` and the filters of ``/events``: a job at any point of its history."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from api.points import AfterLastEventError, point_in
from streams.domain.events import ScrapeRequested
from streams.domain.fold import evolve
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.recorded import Recorded
from tests.api.job_events import BEGAN, PLACE, completed, described, progress, started
from tests.api.world import Process, World

EVENTS = 8  # of `a_job`: 1 request, 2 to start, 1 title, 2 reports, 2 to end


async def a_job(world: World, process: Process) -> JobId:
    """A job that has found 20 reviews; its events after the request are a second apart."""
    job_id = await process.submit(
        webhook_url="https://hooks.example.com/x", webhook_secret="not to be shown"
    )
    await world.append(job_id, *started(), described(20), progress(10), progress(20))
    await world.append(job_id, *completed(20))
    await process.is_caught_up()
    return job_id


async def get(process: Process, path: str, **params: Any) -> Any:
    answer = await process.client.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_state_at_each_event_is_the_fold_up_to_it(world: World) -> None:
    process = await world.start()
    job_id = await a_job(world, process)
    log = world.history(job_id)
    assert len(log) == EVENTS
    job: Job | None = None
    for number, recorded in enumerate(log, 1):
        job = evolve(job, recorded)
        assert job is not None
        shown = await get(process, f"/jobs/{job_id}", at=number)
        assert shown["events_count"] == shown["at"]["event"] == number
        assert shown["at"]["type"] == type(recorded.event).__name__
        assert shown["at"]["id"] == f"{recorded.partition}-{recorded.offset}"
        assert (shown["status"], shown["stage"]) == (job.status, job.stage)
        assert (shown["reviews_count"], shown["title"]) == (job.items_count, job.title or None)
        assert (shown["worker"], shown["attempt_state"]) == (job.worker, job.attempt_state)
    newest = await get(process, f"/jobs/{job_id}")
    assert newest.items() <= shown.items()


async def test_a_job_whose_events_only_the_store_has_can_be_looked_back_at(world: World) -> None:
    first = await world.start()
    job_id = await a_job(world, first)
    second = await world.start()
    shown = await get(second, f"/jobs/{job_id}", at=5)
    assert (shown["status"], shown["reviews_count"]) == ("processing", 10)


def events_at(*seconds: float) -> list[Recorded]:
    """A job's events, so many seconds after ``BEGAN``."""
    asked = ScrapeRequested(kind="google_reviews", url=PLACE)
    return [
        Recorded(
            job_id=JobId("0" * 32),
            tenant="public",
            event_id=str(offset),
            occurred_at=BEGAN + timedelta(seconds=after),
            partition=3,
            offset=offset,
            event=event,
        )
        for offset, (after, event) in enumerate(
            zip(seconds, (asked, *started(), described(20), progress(10)), strict=False), 40
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T12:00:03.500000+00:00",
        "2026-11-22T12:00:03.500000 00:00",  # as a query without %2B arrives
        "2026-11-22T12:00:03.5Z",
        "2026-11-22T12:00:03.5",
        "2026-11-22 12:00:03.5",
        "2026-11-22T13:00:03.5+01:00",
    ],
)
def test_a_time_means_the_newest_event_before_it(text: str) -> None:
    point = point_in(text, events_at(0, 1, 2, 3, 4), "at", BEGAN + timedelta(days=1))
    assert (point.number, point.job.title, point.job.events_count) == (4, "Café Central", 4)


def test_a_clock_that_is_ahead_hides_no_event_before_it() -> None:
    """The order is the log's: a moment has all that stands before its newest event."""
    events = events_at(60, 1, 2, 3, 4)
    early = (BEGAN + timedelta(seconds=2.5)).isoformat()
    assert point_in(early, events, "at", BEGAN + timedelta(days=1)).number == 3


def test_a_time_that_has_not_come_is_after_the_last_event() -> None:
    with pytest.raises(AfterLastEventError, match="newest event is number 2"):
        point_in((BEGAN + timedelta(hours=2)).isoformat(), events_at(0, 1), "at", BEGAN)


@pytest.mark.parametrize(
    ("at", "status", "code"),
    [
        ("0", 404, "history.before_first_event"),
        ("2001-01-01T00:00:00Z", 404, "history.before_first_event"),
        (str(EVENTS + 1), 404, "history.after_last_event"),
        ("999999999", 404, "history.after_last_event"),
        ("2999-01-01", 404, "history.after_last_event"),
        ("", 400, "malformed_request"),
        ("-1", 400, "malformed_request"),
        ("yesterday", 400, "malformed_request"),
        ("1.5", 400, "malformed_request"),
        ("٣", 400, "malformed_request"),
        ("9" * 5000, 400, "malformed_request"),
    ],
)
async def test_a_point_outside_of_the_history_is_explained(
    world: World, at: str, status: int, code: str
) -> None:
    process = await world.start()
    job_id = await a_job(world, process)
    for path, name in ((f"/jobs/{job_id}", "at"), (f"/jobs/{job_id}/diff", "to")):
        answer = await process.client.get(path, params={name: at})
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (status, code)
        if status == 404:
            assert "event is number " in problem["detail"]


async def test_the_difference_names_each_field_with_old_and_new(world: World) -> None:
    process = await world.start()
    job_id = await a_job(world, process)
    diff = await get(process, f"/jobs/{job_id}/diff", **{"from": 4, "to": 6})
    changes = {change["field"]: (change["old"], change["new"]) for change in diff["changes"]}
    assert changes.pop("updated_at")
    assert changes == {
        "stage": ("starting", "scrolling"),
        "progress": (0, 99),
        "reviews_count": (0, 20),
        "reviews_url": (None, f"{process.base_url}/jobs/{job_id}/reviews"),
        "events_count": (4, 6),
    }
    assert [event["seq"] for event in diff["events"]] == [5, 6]
    assert (diff["from"]["event"], diff["to"]["event"]) == (4, 6)

    back = await get(process, f"/jobs/{job_id}/diff", **{"from": 6, "to": 4})
    assert [event["seq"] for event in back["events"]] == [5, 6]
    assert {change["field"]: (change["new"], change["old"]) for change in back["changes"]} == {
        change["field"]: (change["old"], change["new"]) for change in diff["changes"]
    }

    whole = await get(process, f"/jobs/{job_id}/diff")
    assert (whole["from"]["event"], whole["to"]["event"]) == (1, EVENTS)
    nothing = await get(process, f"/jobs/{job_id}/diff", **{"from": 3, "to": 3})
    assert (nothing["changes"], nothing["events"]) == ([], [])


async def test_no_secret_is_shown_at_any_point(world: World) -> None:
    process = await world.start()
    job_id = await a_job(world, process)
    sealed = world.history(job_id)[0].event.webhook.secret  # type: ignore[union-attr]
    assert sealed
    for path in (f"/jobs/{job_id}?at=1", f"/jobs/{job_id}/diff", f"/jobs/{job_id}/events"):
        text = (await process.client.get(path)).text
        assert sealed not in text
        assert "not to be shown" not in text


async def test_events_are_filtered_by_type_and_keep_their_numbers(world: World) -> None:
    process = await world.start()
    job_id = await a_job(world, process)
    path = f"/jobs/{job_id}/events"
    for params in (
        {"type": "ProgressReported,AttemptSucceeded"},
        {"type": ["ProgressReported", "AttemptSucceeded"]},
    ):
        found = await get(process, path, **params)
        assert [event["seq"] for event in found["events"]] == [5, 6, 7]
    first = await get(process, path, type="ProgressReported", limit=1)
    rest = await get(process, path, type="ProgressReported", cursor=first["next"])
    assert [event["seq"] for event in (*first["events"], *rest["events"])] == [5, 6]
    assert rest["next"] is None

    refused = await process.client.get(path, params={"type": "Progress"})
    assert refused.status_code == 400
    assert "ProgressReported" in refused.json()["detail"]


async def test_the_format_of_events_can_be_named_in_the_query(world: World) -> None:
    process = await world.start()
    job_id = await a_job(world, process)
    path = f"/jobs/{job_id}/events"
    whole = (await get(process, path))["events"]
    lines = await process.client.get(path, params={"format": "jsonl"})
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line) for line in lines.text.splitlines()] == whole
    wanted = {"Accept": "application/x-ndjson"}
    answer = await process.client.get(path, params={"format": "json"}, headers=wanted)
    assert answer.json()["events"] == whole
    refused = await process.client.get(path, params={"format": "xml"})
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed_request")
