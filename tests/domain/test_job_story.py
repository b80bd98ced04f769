"""The life of a job: what follows what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streams.domain.decide import Advance, CancelScrape, DeclareLost
from streams.domain.events import (
    AttemptFailed,
    AttemptLost,
    AttemptReleased,
    AttemptScheduled,
    AttemptStarted,
    AttemptStopped,
    AttemptSucceeded,
    CancelRequested,
    ExtractionReported,
    ItemsSpan,
    ProgressReported,
    ScrapeCancelled,
    ScrapeCompleted,
    ScrapeFailed,
    ScrapeRequested,
    TargetDescribed,
    Webhook,
)
from streams.domain.fold import fold
from streams.domain.job import AttemptState, Status, copied
from streams.domain.retry import RetryPolicy, retry_delay_s
from tests.support.given import JOB, START, given, history_of, job_after

HOOK = Webhook(url="https://example.com/hook", secret="sealed")
SPAN = ItemsSpan(partition=3, first=5, end=105)
ASKED = ScrapeRequested(kind="google_reviews", url="https://maps/x", webhook=HOOK, max_attempts=2)
FIRST_TRY = AttemptScheduled(attempt=1, due_at=START)
TAKEN = AttemptStarted(attempt=1, worker="w1", lease_s=15.0)
DESCRIBED = TargetDescribed(attempt=1, worker="w1", title="Cafe", items_total=200)
HALF = ProgressReported(attempt=1, worker="w1", stage="scrolling", items_seen=100, items=SPAN)
READ = ExtractionReported(
    attempt=1,
    worker="w1",
    selectors={"rating span.kvMYJc": 100},
    sources={"dom": 90, "network": 10},
)
CRASHED = AttemptFailed(
    attempt=1,
    worker="w1",
    reason="scraper.browser_crashed",
    message="gone",
    may_retry=True,
    items_count=100,
    items=SPAN,
)
ALL = AttemptSucceeded(attempt=1, worker="w1", outcome="completed", items_count=200, items=SPAN)


def later(seconds: float) -> Advance:
    return Advance(now=START + timedelta(seconds=seconds))


def ending(**changes: object) -> dict[str, object]:
    """What each last event says of this job."""
    facts: dict[str, object] = {
        "kind": ASKED.kind,
        "url": ASKED.url,
        "requested_at": START,
        "attempt": 1,
        "items_count": 0,
        "items": None,
        "webhook": HOOK,
    }
    return facts | changes


def test_a_new_job_gets_its_first_attempt_at_once() -> None:
    given(ASKED).when(later(1)).then(FIRST_TRY)


def test_a_waiting_job_needs_nothing() -> None:
    given(ASKED, FIRST_TRY).when(later(60)).then()


def test_a_running_job_needs_nothing() -> None:
    given(ASKED, FIRST_TRY, TAKEN, DESCRIBED, HALF).when(later(60)).then()


def test_success_completes_the_job_with_all_its_items() -> None:
    given(ASKED, FIRST_TRY, TAKEN, ALL).when(later(5)).then(
        ScrapeCompleted(**ending(items_count=200, items=SPAN), outcome="completed")  # type: ignore[arg-type]
    )


def test_a_crash_is_tried_again_after_a_pause() -> None:
    failed_at = START + timedelta(seconds=3)
    pause_s = retry_delay_s(RetryPolicy(), JOB, 1)
    given(ASKED, FIRST_TRY, TAKEN, CRASHED).when(later(4)).then(
        AttemptScheduled(attempt=2, due_at=failed_at + timedelta(seconds=pause_s))
    )


def test_the_site_may_ask_for_a_longer_pause() -> None:
    busy = AttemptFailed(
        attempt=1, worker="w1", reason="r", message="m", may_retry=True, retry_after_s=120.0
    )
    due_at = START + timedelta(seconds=3 + 120)
    given(ASKED, FIRST_TRY, TAKEN, busy).when(later(4)).then(
        AttemptScheduled(attempt=2, due_at=due_at)
    )


def test_the_last_failure_keeps_what_was_found() -> None:
    second = AttemptStarted(attempt=2, worker="w2", lease_s=15.0)
    again = AttemptFailed(
        attempt=2, worker="w2", reason="r", message="m", may_retry=True, items_count=90
    )
    schedule = AttemptScheduled(attempt=2, due_at=START)
    given(ASKED, FIRST_TRY, TAKEN, HALF, CRASHED, schedule, second, again).when(later(60)).then(
        ScrapeCompleted(
            **ending(attempt=2, items_count=100, items=SPAN),  # type: ignore[arg-type]
            outcome="partial",
            message="m",
        )
    )


def test_a_page_that_is_no_place_fails_at_once_and_says_why() -> None:
    refused = AttemptFailed(
        attempt=1, worker="w1", reason="not_a_place", message="This is no place.", may_retry=False
    )
    given(ASKED, FIRST_TRY, TAKEN, refused).when(later(4)).then(
        ScrapeFailed(**ending(), reason="not_a_place", message="This is no place.")  # type: ignore[arg-type]
    )


def test_a_silent_worker_loses_its_attempt_and_another_goes_on_at_once() -> None:
    lost = AttemptLost(attempt=1, worker="w1")
    given(ASKED, FIRST_TRY, TAKEN).when(DeclareLost(attempt=1, worker="w1")).then(lost)
    given(ASKED, FIRST_TRY, TAKEN, lost).when(later(4)).then(
        AttemptScheduled(attempt=2, due_at=START + timedelta(seconds=3))
    )


def test_silence_of_an_earlier_worker_is_no_loss() -> None:
    lost = AttemptLost(attempt=1, worker="w1")
    second = AttemptStarted(attempt=2, worker="w2", lease_s=15.0)
    given(ASKED, FIRST_TRY, TAKEN, lost, second).when(DeclareLost(attempt=1, worker="w1")).then()


def test_an_attempt_without_end_is_lost_after_its_time() -> None:
    brief = ScrapeRequested(kind="k", url="u", attempt_timeout_s=10.0)
    given(brief, FIRST_TRY, TAKEN).when(later(30)).then()
    given(brief, FIRST_TRY, TAKEN).when(later(60)).then(
        AttemptLost(attempt=1, worker="w1", reason="job.timeout")
    )


def test_a_worker_that_shuts_down_costs_the_job_no_attempt() -> None:
    handed_back = AttemptReleased(attempt=1, worker="w1", reason="shutdown")
    given(ASKED, FIRST_TRY, TAKEN, handed_back).when(later(4)).then(
        AttemptScheduled(attempt=2, due_at=START + timedelta(seconds=3))
    )
    assert job_after(ASKED, FIRST_TRY, TAKEN, handed_back).attempts_spent == 0


def test_an_attempt_handed_back_for_a_paused_site_waits_and_costs_nothing() -> None:
    paused = AttemptStopped(attempt=1, worker="w1", reason="site_paused", retry_after_s=90.0)
    again_at = START + timedelta(seconds=3 + 90)  # it was handed back at second 3
    given(ASKED, FIRST_TRY, TAKEN, paused).when(later(4)).then(
        AttemptScheduled(attempt=2, due_at=again_at)
    )
    assert job_after(ASKED, FIRST_TRY, TAKEN, paused).attempts_spent == 0


def test_a_pause_is_forgotten_by_the_next_hand_over() -> None:
    paused = AttemptStopped(attempt=1, worker="w1", reason="site_paused", retry_after_s=90.0)
    second = AttemptScheduled(attempt=2, due_at=START + timedelta(seconds=93))
    taken = AttemptStarted(attempt=2, worker="w2", lease_s=15.0)
    handed_back = AttemptStopped(attempt=2, worker="w2", reason="shutdown")
    given(ASKED, FIRST_TRY, TAKEN, paused, second, taken, handed_back).when(later(100)).then(
        AttemptScheduled(attempt=3, due_at=START + timedelta(seconds=6))
    )


def test_cancelling_a_waiting_job_ends_it_at_once() -> None:
    given(ASKED, FIRST_TRY).when(CancelScrape(reason="no")).then(CancelRequested(reason="no"))
    given(ASKED, FIRST_TRY, CancelRequested(reason="no")).when(later(3)).then(
        ScrapeCancelled(**ending(), reason="no")  # type: ignore[arg-type]
    )


def test_cancelling_a_running_job_waits_for_its_worker() -> None:
    asked_to_stop = (ASKED, FIRST_TRY, TAKEN, HALF, CancelRequested())
    given(*asked_to_stop).when(later(6)).then()
    stopped = AttemptStopped(attempt=1, worker="w1", reason="cancelled", items_count=100)
    given(*asked_to_stop, stopped).when(later(6)).then(
        ScrapeCancelled(**ending(items_count=100, items=SPAN))  # type: ignore[arg-type]
    )


def test_a_worker_that_does_not_stop_does_not_keep_a_cancelled_job_open() -> None:
    given(ASKED, FIRST_TRY, TAKEN, CancelRequested()).when(later(60)).then(
        ScrapeCancelled(**ending())  # type: ignore[arg-type]
    )


def test_cancelling_a_finished_job_changes_nothing() -> None:
    done = ScrapeCompleted(**ending(items_count=200), outcome="completed")  # type: ignore[arg-type]
    given(ASKED, FIRST_TRY, TAKEN, ALL, done).when(CancelScrape()).then()


def test_the_first_claim_wins() -> None:
    other = AttemptStarted(attempt=1, worker="w2", lease_s=15.0)
    job = job_after(ASKED, FIRST_TRY, TAKEN, other)
    assert job.worker == "w1"


def test_a_claim_that_overtakes_its_schedule_counts() -> None:
    job = job_after(ASKED, TAKEN, FIRST_TRY)
    assert (job.attempt_state, job.status) == (AttemptState.RUNNING, Status.PROCESSING)


def test_reports_of_a_worker_that_lost_its_attempt_change_nothing() -> None:
    lost = AttemptLost(attempt=1, worker="w1")
    before = job_after(ASKED, FIRST_TRY, TAKEN, lost)
    after = job_after(ASKED, FIRST_TRY, TAKEN, lost, HALF, ALL)
    assert (after.status, after.items_count) == (before.status, before.items_count)


@pytest.mark.parametrize(
    "late", [FIRST_TRY, TAKEN, DESCRIBED, HALF, CRASHED, ALL, CancelRequested(), ASKED]
)
def test_nothing_changes_a_finished_job(late: object) -> None:
    done = ScrapeCompleted(**ending(items_count=200, items=SPAN), outcome="completed")  # type: ignore[arg-type]
    history = (ASKED, FIRST_TRY, TAKEN, ALL, done)
    before = job_after(*history)
    after = job_after(*history, late)  # type: ignore[arg-type]
    assert (after.status, after.items_count, after.completed_at, after.updated_at) == (
        before.status,
        before.items_count,
        before.completed_at,
        before.updated_at,
    )
    assert after.events_count == before.events_count + 1


def test_progress_is_percent_of_what_the_page_announced() -> None:
    assert job_after(ASKED, FIRST_TRY, TAKEN, HALF).progress == 0  # the total is unknown
    assert job_after(ASKED, FIRST_TRY, TAKEN, DESCRIBED, HALF).progress == 50
    more = ProgressReported(attempt=1, worker="w1", stage="scrolling", items_seen=300)
    assert job_after(ASKED, FIRST_TRY, TAKEN, DESCRIBED, more).progress == 99


def test_pauses_double_and_stay_the_same_for_a_job() -> None:
    policy = RetryPolicy(base_s=2.0)
    pauses = [retry_delay_s(policy, "job", failures) for failures in (1, 2, 3)]
    assert pauses == [retry_delay_s(policy, "job", failures) for failures in (1, 2, 3)]
    for pause_s, base_s in zip(pauses, (2.0, 4.0, 8.0), strict=True):
        assert base_s <= pause_s <= base_s * 1.25


def test_where_items_come_from_adds_up_over_attempts_and_counts_each_once() -> None:
    again = AttemptStarted(attempt=2, worker="w2", lease_s=15.0)
    more = ExtractionReported(attempt=2, worker="w2", sources={"dom": 7})
    job = job_after(ASKED, FIRST_TRY, TAKEN, READ, READ, CRASHED, again, more, more)
    assert job.sources == {"dom": 97, "network": 10}
    assert job.stage == "starting"


def test_what_a_worker_says_that_lost_its_attempt_does_not_count() -> None:
    assert job_after(ASKED, FIRST_TRY, READ).sources == {}
    foreign = ExtractionReported(attempt=1, worker="w2", sources={"dom": 7})
    assert job_after(ASKED, FIRST_TRY, TAKEN, foreign).sources == {}


def test_what_is_folded_later_changes_no_state_from_before() -> None:
    before = job_after(ASKED, FIRST_TRY, TAKEN, DESCRIBED)
    same = copied(before)
    assert (same == before, same is before) == (True, False)
    after = fold(history_of((ASKED, FIRST_TRY, TAKEN, DESCRIBED, HALF, ALL)), before)
    assert after is not None
    assert (after.items_count, before.items_count) == (200, 0)
    assert before == same
