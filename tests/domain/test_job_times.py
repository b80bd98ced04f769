"""Jobs that wait for a time, and jobs that are of no use after one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from streams.domain.decide import Advance, decide
from streams.domain.events import AttemptScheduled, ScrapeFailed
from streams.domain.fold import evolve
from streams.domain.tasks import due_attempt
from tests.domain.test_job_story import ASKED, CRASHED, FIRST_TRY, TAKEN, later
from tests.support.given import START, given, job_after, recorded

NOON = START + timedelta(hours=1)
AT_NOON = replace(ASKED, not_before=NOON)
UNTIL_NOON = replace(ASKED, expires_at=NOON, metadata={"order": "17"}, batch_id="b1")
BEFORE, AFTER = later(3599), later(3600)
EXPIRED = ScrapeFailed(
    kind=ASKED.kind,
    url=ASKED.url,
    requested_at=START,
    attempt=1,
    items_count=0,
    webhook=ASKED.webhook,
    metadata={"order": "17"},
    batch_id="b1",
    reason="job.expired",
    message="no worker was free for it before `expires_at`",
)


def test_the_first_attempt_is_due_when_the_client_said() -> None:
    given(AT_NOON).when(later(1)).then(AttemptScheduled(attempt=1, due_at=NOON))


def test_a_time_that_has_passed_is_now() -> None:
    asked = replace(ASKED, not_before=START - timedelta(days=1))
    given(asked).when(later(1)).then(FIRST_TRY)


def test_no_worker_gets_the_task_before_its_time() -> None:
    job = job_after(AT_NOON, AttemptScheduled(attempt=1, due_at=NOON))
    assert due_attempt(job, (), BEFORE.now) is None
    assert due_attempt(job, (), AFTER.now) == 1


def test_a_job_that_nobody_started_in_time_fails() -> None:
    given(UNTIL_NOON, FIRST_TRY).when(BEFORE).then()
    given(UNTIL_NOON, FIRST_TRY).when(AFTER).then(EXPIRED)


def test_a_job_that_was_never_scheduled_expires_too() -> None:
    given(UNTIL_NOON).when(AFTER).then(replace(EXPIRED, attempt=0))


def test_an_expired_job_is_offered_to_nobody() -> None:
    job = job_after(UNTIL_NOON, FIRST_TRY)
    assert due_attempt(job, (), BEFORE.now) is not None
    assert due_attempt(job, decide(AFTER, job), AFTER.now) is None


def test_a_job_that_was_started_in_time_never_expires() -> None:
    given(UNTIL_NOON, FIRST_TRY, TAKEN).when(AFTER).then()
    decided = decide(AFTER, job_after(UNTIL_NOON, FIRST_TRY, TAKEN, CRASHED))
    assert [type(event) for event in decided] == [AttemptScheduled]


def test_an_expired_job_says_so() -> None:
    job = evolve(job_after(UNTIL_NOON, FIRST_TRY), recorded(EXPIRED, offset=20, at_s=3601))
    assert job is not None
    assert (job.status, job.outcome, job.reason) == ("failed", "job.expired", "job.expired")
    assert decide(Advance(now=later(9999).now), job) == ()
