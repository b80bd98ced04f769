"""The table of retries, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.decide import decide
from streams.domain.events import (
    AttemptFailed,
    AttemptLost,
    AttemptScheduled,
    AttemptStopped,
    JobEvent,
    ScrapeFailed,
)
from streams.domain.retry import RULES, AttemptEnd, RetryPolicy, retry_delay_s, wait_s
from tests.domain.test_job_story import ASKED, FIRST_TRY, TAKEN, later
from tests.support.given import JOB, START, job_after

FAILED = AttemptFailed(attempt=1, worker="w1", reason="r", message="m", may_retry=True)
ENDS: dict[AttemptEnd, JobEvent] = {
    AttemptEnd.FAILED: FAILED,
    AttemptEnd.REFUSED: replace(FAILED, may_retry=False),
    AttemptEnd.LOST: AttemptLost(attempt=1, worker="w1"),
    AttemptEnd.HANDED_BACK: AttemptStopped(attempt=1, worker="w1", reason="shutdown"),
}


def decided(end: AttemptEnd, max_attempts: int) -> JobEvent:
    job = job_after(replace(ASKED, max_attempts=max_attempts), FIRST_TRY, TAKEN, ENDS[end])
    [event] = decide(later(60), job)
    return event


def test_every_end_has_a_rule() -> None:
    assert set(RULES) == set(AttemptEnd) == set(ENDS)


@pytest.mark.parametrize("end", AttemptEnd)
def test_what_is_tried_again_is_tried_again_while_attempts_are_left(end: AttemptEnd) -> None:
    expected = AttemptScheduled if RULES[end].again else ScrapeFailed
    assert isinstance(decided(end, max_attempts=2), expected)


@pytest.mark.parametrize("end", AttemptEnd)
def test_without_attempts_left_only_one_that_cost_none_goes_on(end: AttemptEnd) -> None:
    expected = AttemptScheduled if RULES[end].is_free else ScrapeFailed
    assert isinstance(decided(end, max_attempts=1), expected)


def test_only_a_failure_makes_the_next_attempt_wait() -> None:
    policy = RetryPolicy()
    waits = {
        end: wait_s(rule, policy, JOB, failures=2, asked_s=None) for end, rule in RULES.items()
    }
    assert waits.pop(AttemptEnd.FAILED) == retry_delay_s(policy, JOB, 2)
    assert set(waits.values()) == {0.0}


def test_a_site_can_ask_for_more_time_and_not_for_less() -> None:
    rule, policy = RULES[AttemptEnd.FAILED], RetryPolicy(base_s=2.0)
    own_s = wait_s(rule, policy, JOB, failures=1, asked_s=None)
    assert 2.0 <= own_s <= 2.5
    assert wait_s(rule, policy, JOB, failures=1, asked_s=600.0) == 600.0
    assert wait_s(rule, policy, JOB, failures=1, asked_s=0.1) == own_s


def test_what_a_site_asked_for_counts_for_one_pause() -> None:
    busy = replace(FAILED, retry_after_s=120.0)
    second = AttemptScheduled(attempt=2, due_at=START)
    taken = replace(TAKEN, attempt=2)
    back = AttemptStopped(attempt=2, worker="w1", reason="shutdown")
    job = job_after(ASKED, FIRST_TRY, TAKEN, busy, second, taken, back)
    assert decide(later(60), job) == (AttemptScheduled(attempt=3, due_at=job.attempt_changed_at),)
