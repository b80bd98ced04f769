"""When a site is left alone, and when it is asked again. Given, when, then; no clock."""

from __future__ import annotations

import pytest

from scrapers.breaker import (
    LONGEST_PAUSE_S,
    TRIAL_SHARE,
    Admitted,
    Breaker,
    BreakerRules,
    Pace,
    Paused,
)

RULES = BreakerRules(blocks=3, window_s=600.0, pause_s=300.0)
ORDINARY = Admitted()
TRIAL = Admitted(is_trial=True)


def opened(at_s: float = 0.0, retry_after_s: float | None = None) -> Breaker:
    """A breaker that the last of three blocks has opened."""
    breaker = Breaker(RULES)
    assert [breaker.blocked(ORDINARY, at_s, retry_after_s) for _ in range(3)] == [
        False,
        False,
        True,
    ]
    return breaker


def test_a_site_that_lets_us_through_is_never_paused() -> None:
    breaker = Breaker(RULES)
    for now_s in range(100):
        assert breaker.admit(now_s) == ORDINARY
        assert not breaker.passed(ORDINARY)
    assert breaker.is_idle


def test_blocks_in_a_row_open_it_for_the_pause() -> None:
    breaker = opened(at_s=10)
    assert breaker.is_open
    assert breaker.admit(11) == Paused(wait_s=299)
    assert breaker.admit(309) == Paused(wait_s=1)
    assert breaker.admit(310) == TRIAL


def test_one_that_gets_through_between_blocks_starts_the_count_again() -> None:
    breaker = Breaker(RULES)
    for _ in range(5):
        assert not breaker.blocked(ORDINARY, 0)
        assert not breaker.blocked(ORDINARY, 0)
        breaker.passed(ORDINARY)
    assert breaker.admit(0) == ORDINARY


def test_blocks_that_lie_far_apart_do_not_open_it() -> None:
    breaker = Breaker(RULES)
    for hour in range(10):
        assert not breaker.blocked(ORDINARY, hour * 3600.0)
    assert not breaker.is_open


def test_a_site_that_asks_for_more_gets_more_but_not_for_ever() -> None:
    assert opened(retry_after_s=900).admit(0) == Paused(wait_s=900)
    assert opened(retry_after_s=5).admit(0) == Paused(wait_s=300)
    assert opened(retry_after_s=1e12).admit(0) == Paused(wait_s=LONGEST_PAUSE_S)


def test_after_the_pause_one_tries_and_the_others_wait_for_it() -> None:
    breaker = opened()
    assert breaker.admit(300) == TRIAL
    assert breaker.admit(300) == Paused(wait_s=300 * TRIAL_SHARE)
    assert breaker.passed(TRIAL)
    assert breaker.admit(301) == ORDINARY
    assert not breaker.is_open


def test_a_trial_that_is_blocked_begins_another_pause() -> None:
    breaker = opened()
    breaker.admit(300)
    assert breaker.blocked(TRIAL, 320)
    assert breaker.admit(321) == Paused(wait_s=299)
    assert breaker.admit(620) == TRIAL


def test_a_trial_without_an_answer_is_followed_by_another() -> None:
    breaker = opened()
    assert breaker.admit(300) == TRIAL
    breaker.abandoned(TRIAL)
    assert breaker.admit(301) == TRIAL


def test_attempts_from_before_the_pause_neither_end_nor_extend_it() -> None:
    breaker = opened()
    assert not breaker.passed(ORDINARY)
    assert not breaker.blocked(ORDINARY, 100)
    breaker.abandoned(ORDINARY)
    assert breaker.admit(299) == Paused(wait_s=1)
    assert breaker.admit(300) == TRIAL
    assert not breaker.passed(ORDINARY)
    assert isinstance(breaker.admit(300), Paused)  # the trial is still under way


def test_a_breaker_that_is_off_never_opens() -> None:
    breaker = Breaker(BreakerRules(blocks=0))
    assert not any(breaker.blocked(ORDINARY, 0) for _ in range(100))
    assert breaker.admit(0) == ORDINARY


@pytest.mark.parametrize(
    ("per_minute", "asked_at_s", "due_at_s"),
    [
        (0.0, [5, 5, 5], [5, 5, 5]),
        (6.0, [5, 5, 5], [5, 15, 25]),
        (6.0, [5, 100, 101], [5, 100, 110]),  # a long rest gives no burst
        (0.5, [0, 0], [0, 120]),
    ],
)
def test_page_loads_are_spread_evenly(
    per_minute: float, asked_at_s: list[float], due_at_s: list[float]
) -> None:
    pace = Pace(per_minute)
    assert [pace.reserve(now_s) for now_s in asked_at_s] == due_at_s
    assert pace.is_idle(1_000)
