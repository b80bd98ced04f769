"""One attempt and its browsers: what is lost with a browser (nothing) and when it is enough.

The browsers are scripted, in memory: when they fail is the story. Log and codec are real.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from scrapers.attempt import CANCELLED, MOST_RESTARTS, RESTARTING, STALLED, SUPERSEDED
from scrapers.contract import Finished, Page, Report, Target
from scrapers.sites.google_reviews import scraper as google_reviews
from streams.domain.events import (
    AttemptFailed,
    AttemptStopped,
    AttemptSucceeded,
    ProgressReported,
    TargetDescribed,
)
from streams.errors import BrowserLostError, LogUnavailableError, PartFailedError
from streams.settings import Settings
from tests.support.attempt_stage import BATCH, IDS, REVIEWS, WAIT_S, ScriptedBrowser, lost, stage


async def happened(fact: threading.Event) -> None:
    assert await asyncio.to_thread(fact.wait, WAIT_S)


async def test_a_scrape_that_goes_well_keeps_its_browser_warm() -> None:
    browser = ScriptedBrowser()
    async with stage(browser) as on:
        await on.run()
        assert isinstance(on.end, AttemptSucceeded)
        assert (on.end.outcome, on.end.items_count) == ("completed", len(REVIEWS))
        assert on.ids() == IDS
        assert RESTARTING not in on.stages()
        assert not browser.is_killed.is_set()
        assert not browser.is_closed


async def test_a_lost_browser_is_followed_by_one_that_knows_what_was_found(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crashing = ScriptedBrowser({2: lost})
    async with stage(crashing, ScriptedBrowser()) as on:
        await on.run(known_ids=frozenset(IDS[:3]))
        assert isinstance(on.end, AttemptSucceeded)
        assert (on.end.attempt, on.end.items_count) == (1, len(REVIEWS))
        assert on.ids() == IDS[3:]  # the three are of an earlier attempt; none comes twice
        first, second = on.targets
        assert (first.known_ids, second.known_ids) == (frozenset(IDS[:3]), frozenset(IDS[:20]))
        assert crashing.is_killed.is_set()
        assert crashing.is_closed
        stages = on.stages()
        assert stages[stages.index(RESTARTING) :][:3] == [RESTARTING, "opening", "scrolling"]
        assert sum(isinstance(event, TargetDescribed) for event in on.events()) == 1
        counts = [event.items_seen for event in on.events() if isinstance(event, ProgressReported)]
        assert counts == sorted(counts)
    (line,) = (line for line in caplog.records if "browser was lost" in line.message)
    assert (line.__dict__["restart"], line.__dict__["items_count"]) == (1, 20)


async def test_a_browser_that_was_lost_before_anything_was_found_gets_one_more_try() -> None:
    async with stage(ScriptedBrowser({0: lost}), ScriptedBrowser()) as on:
        await on.run()
        assert isinstance(on.end, AttemptSucceeded)


async def test_losses_without_progress_between_them_end_the_attempt() -> None:
    async with stage(ScriptedBrowser({1: lost}), ScriptedBrowser({1: lost})) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == ("scraper.browser_crashed", True)
        assert (on.end.items_count, on.ids()) == (BATCH, IDS[:BATCH])
        assert "2 times" in on.end.message
        assert all(browser.is_closed for browser in on.started)


async def test_losses_with_progress_are_borne_three_times() -> None:
    crashing = [ScriptedBrowser({number: lost}) for number in (0, 1, 2, 3)]
    async with stage(*crashing, ScriptedBrowser()) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert on.end.items_count == 3 * BATCH
        assert on.stages().count(RESTARTING) == MOST_RESTARTS == 3
        assert len(on.starts) == 1  # the fifth browser was not asked for


@pytest.mark.parametrize(
    "error", [BrowserLostError("it did not come up"), PartFailedError("no Chromium")]
)
async def test_an_attempt_fails_when_no_new_browser_comes_up(error: Exception) -> None:
    async with stage(ScriptedBrowser({1: lost}), error) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.message, on.end.items_count) == (str(error), BATCH)


async def test_a_stop_from_outside_is_no_crash() -> None:
    browser = ScriptedBrowser()
    browser.before[1] = browser.block
    async with stage(browser) as on:
        running = asyncio.create_task(on.run())
        await happened(browser.is_blocked)
        on.attempt.stop(CANCELLED)
        await running
        assert isinstance(on.end, AttemptStopped)
        assert (on.end.reason, on.end.items_count) == (CANCELLED, BATCH)
        assert on.starts == []
        assert RESTARTING not in on.stages()


async def test_a_browser_that_hangs_is_followed_by_another_then_the_attempt_has_stalled() -> None:
    hanging = [ScriptedBrowser(), ScriptedBrowser()]
    for browser in hanging:
        browser.before[1] = browser.block
    async with stage(*hanging, settings=Settings(no_progress_s=0.2, heartbeat_s=0.2)) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == (STALLED, True)
        assert (on.stages().count(RESTARTING), on.ids()) == (1, IDS[:BATCH])


async def test_an_attempt_that_does_not_end_with_its_browser_is_stopped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    browser, go_on = ScriptedBrowser(), threading.Event()

    def hang() -> None:
        assert go_on.wait(WAIT_S)

    browser.before[1] = hang
    async with stage(browser, settings=Settings(no_progress_s=0.1, heartbeat_s=0.1)) as on:
        running = asyncio.create_task(on.run())
        async with asyncio.timeout(WAIT_S):
            # Then its lease runs out. A log line has no event to wait for.
            while "attempt is stopped" not in caplog.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert browser.is_killed.is_set()
        go_on.set()
        await running
        assert isinstance(on.end, AttemptFailed)
        assert on.end.reason == STALLED


async def test_a_stop_while_the_new_browser_starts_ends_the_attempt_and_keeps_the_browser() -> None:
    starting, go_on = threading.Event(), threading.Event()
    new = ScriptedBrowser()

    def start() -> ScriptedBrowser:
        starting.set()
        assert go_on.wait(WAIT_S)
        return new

    async with stage(ScriptedBrowser({1: lost}), start) as on:
        running = asyncio.create_task(on.run())
        await happened(starting)
        on.attempt.stop(CANCELLED)
        go_on.set()
        await running
        assert isinstance(on.end, AttemptStopped)
        assert (on.end.reason, on.end.items_count) == (CANCELLED, BATCH)
        assert len(on.targets) == 1  # the new browser was not used ...
        assert not new.is_closed  # ... and waits for the next attempt


async def test_a_stop_is_reported_when_the_new_browser_does_not_come_up() -> None:
    async with stage(ScriptedBrowser({1: lost})) as on:

        def start() -> ScriptedBrowser:
            on.attempt.stop(CANCELLED)
            raise BrowserLostError("it did not come up")

        on.starts.append(start)
        await on.run()
        assert isinstance(on.end, AttemptStopped)


async def test_the_lease_is_kept_while_the_new_browser_starts() -> None:
    go_on = threading.Event()

    def start() -> ScriptedBrowser:
        assert go_on.wait(WAIT_S)
        return ScriptedBrowser()

    async with stage(ScriptedBrowser({1: lost}), start, settings=Settings(heartbeat_s=0.04)) as on:
        running = asyncio.create_task(on.run())
        while on.stages().count(RESTARTING) < 3:  # the first says it, the others are heartbeats
            await on.broker.wait_for_growth(WAIT_S)
        go_on.set()
        await running
        assert isinstance(on.end, AttemptSucceeded)


async def test_a_loss_while_the_log_is_away_loses_nothing() -> None:
    async with stage() as on:

        def lost_with_the_log() -> None:
            on.broker.away = True
            lost()

        def start() -> ScriptedBrowser:
            on.broker.away = False
            return ScriptedBrowser()

        on.starts += [ScriptedBrowser({2: lost_with_the_log}), start]
        await on.run()
        assert isinstance(on.end, AttemptSucceeded)
        assert on.ids() == IDS


async def test_a_superseded_attempt_ends_without_a_word_when_the_log_is_away() -> None:
    asked = threading.Event()
    async with stage() as on:

        def away() -> None:
            on.broker.away = True
            asked.set()

        on.starts.append(ScriptedBrowser({1: away}))
        running = asyncio.create_task(on.run())
        await happened(asked)
        on.attempt.stop(SUPERSEDED)
        with pytest.raises(LogUnavailableError):
            await running
        assert on.ids() == IDS[:BATCH]
        assert not any(isinstance(event, AttemptFailed) for event in on.events())


async def test_a_scrapers_bug_ends_its_attempt_alone() -> None:
    def scrape(page: Page, target: Target) -> Iterator[Report]:
        raise ZeroDivisionError
        yield  # a generator

    browser = ScriptedBrowser()
    async with stage(browser, scrape=scrape) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == ("scraper.error", True)
        assert not browser.is_closed


async def test_options_that_cannot_be_used_fail_the_job_for_good() -> None:
    def scrape(page: Page, target: Target) -> Iterator[Report]:
        google_reviews.check_options({"sort": "oldest"})
        yield Finished(outcome="completed")

    async with stage(ScriptedBrowser(), scrape=scrape) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == ("invalid_request", False)
        assert "options.sort" in on.end.message
