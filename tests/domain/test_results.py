"""Files of results: who owes one, where it lies, when it goes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

from hypothesis import given as random
from hypothesis import strategies as st

from streams.domain.events import ResultsStored, ScrapeCancelled, ScrapeCompleted, ScrapeFailed
from streams.domain.job import Status
from streams.domain.results import (
    day_of,
    expired_keys,
    expires_at,
    may_have_expired,
    may_owe_file,
    owes_file,
    results_key,
)
from tests.domain.test_job_story import ASKED, FIRST_TRY, SPAN, TAKEN
from tests.support.given import JOB, START, job_after, recorded

CLOSING: dict[str, Any] = {
    "kind": ASKED.kind,
    "url": ASKED.url,
    "requested_at": START,
    "attempt": 1,
    "items": SPAN,
}
DONE = ScrapeCompleted(**CLOSING, items_count=100, outcome="completed")
FAILED = ScrapeFailed(**CLOSING, items_count=0, reason="worker.lost", message="")
CANCELLED = ScrapeCancelled(**CLOSING, items_count=3)
KEY = f"2026/11/22/{JOB}.json.gz"
STORED = ResultsStored(key=KEY, size_bytes=2_000, rows=100, sha256="ab")


def test_an_ended_job_with_results_owes_a_file_until_one_is_stored() -> None:
    running = (ASKED, FIRST_TRY, TAKEN)
    assert not owes_file(job_after(*running))
    assert owes_file(job_after(*running, DONE))
    assert owes_file(job_after(*running, CANCELLED))
    assert not owes_file(job_after(*running, FAILED))
    assert not owes_file(job_after(*running, DONE, STORED))
    assert [may_owe_file(recorded(event, 1)) for event in (DONE, CANCELLED, FAILED, TAKEN)] == [
        *(True, True),
        *(False, False),
    ]


def test_the_file_is_told_by_the_job_and_changes_nothing_else() -> None:
    before = job_after(ASKED, FIRST_TRY, TAKEN, DONE)
    after = job_after(ASKED, FIRST_TRY, TAKEN, DONE, STORED, STORED)
    assert after.results is not None
    assert (after.results.key, after.results.rows, after.results.size_bytes) == (KEY, 100, 2_000)
    assert after.results.stored_at == START + timedelta(seconds=4)
    assert (after.status, after.completed_at) == (Status.COMPLETED, before.completed_at)


def test_a_file_of_an_open_job_is_not_believed() -> None:
    assert job_after(ASKED, FIRST_TRY, TAKEN, STORED).results is None


def test_the_key_is_the_utc_day_of_the_end() -> None:
    late = datetime(2026, 11, 23, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert results_key(JOB, late) == KEY
    assert day_of(KEY) == date(2026, 11, 22)


def test_what_is_not_ours_has_no_day_and_never_expires() -> None:
    others = [
        "2020/01/01/notes.txt",
        f"2020/13/01/{JOB}.json.gz",
        f"2020/02/30/{JOB}.json.gz",
        f"x/2020/01/01/{JOB}.json.gz",
        f"2020/01/01/../{JOB}.json.gz",
        f"2020/01/01/{JOB}.json.gz.old",
    ]
    assert [day_of(key) for key in others] == [None] * len(others)
    assert expired_keys(others, START, 1) == []
    assert not may_have_expired("backup", START, 1)
    assert not may_have_expired("2020/xx", START, 1)


def test_a_file_is_kept_for_whole_days_and_for_ever_by_default() -> None:
    end = datetime(2026, 11, 25, tzinfo=UTC)
    assert expires_at(date(2026, 11, 22), 2) == end
    assert expires_at(date(2026, 11, 22), 0) is None
    assert expired_keys([KEY], end - timedelta(microseconds=1), 2) == []
    assert expired_keys([KEY], end, 2) == [KEY]
    assert expired_keys([KEY], end + timedelta(days=9_999), 0) == []


@random(st.dates(date(2000, 1, 1), date(2200, 1, 1)), st.integers(0, 500), st.integers(-500, 500))
def test_no_expired_file_is_below_a_prefix_that_is_passed_by(
    day: date, days: int, later_days: int
) -> None:
    key = f"{day:%Y/%m/%d}/{JOB}.json.gz"
    now = datetime.combine(day, START.timetz()) + timedelta(days=days + later_days)
    if expired_keys([key], now, days):
        assert all(may_have_expired(key[:length], now, days) for length in (4, 7, 10))
