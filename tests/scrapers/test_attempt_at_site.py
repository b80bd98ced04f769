"""An attempt and its site: limits that hold it, blocks that pause it, the proxy that it names."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from scrapers.attempt import CANCELLED, WAITING
from scrapers.attempt_log import AttemptLog
from scrapers.contract import Finished, Page, Report, Target
from scrapers.site_gate import SITE_PAUSED, SiteGate, Visit
from streams.adapters.event_log import RecordEventLog
from streams.domain.events import AttemptFailed, AttemptStopped, AttemptSucceeded
from streams.errors import ProxyUnknownError, TargetRefusedError
from streams.settings import Settings
from tests.support.attempt_stage import WAIT_S, ScriptedBrowser, Stage, stage

SITE = "google_reviews/maps.test"


def refusing(error: Exception) -> ScriptedBrowser:
    """A browser whose page ends with ``error``."""

    def refuse() -> None:
        raise error

    return ScriptedBrowser({0: refuse})


async def say_nothing() -> None:
    """For whoever waits in a test."""


async def taken(gate: SiteGate) -> Visit:
    """Somebody else's visit, with the only turn."""
    other = gate.admit_anyway(SITE)
    await other.wait_to_load(asyncio.Event(), say_nothing)
    return other


async def until_waiting(on: Stage) -> None:
    async with asyncio.timeout(WAIT_S):
        while WAITING not in on.stages():
            await on.broker.wait_for_growth(WAIT_S)


@pytest.mark.parametrize(
    ("asked_s", "retry_after_s"), [(120.0, 120.0), (None, 45.0)], ids=["the site's", "ours"]
)
async def test_a_site_that_says_429_is_left_alone_for_as_long_as_it_wants(
    asked_s: float | None, retry_after_s: float
) -> None:
    error = TargetRefusedError("blocked", "HTTP 429", may_retry=True, retry_after_s=asked_s)
    async with stage(refusing(error), settings=Settings(site_retry_after_s=45)) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == ("blocked", True)
        assert on.end.retry_after_s == retry_after_s


async def test_a_page_that_is_no_place_names_no_pause() -> None:
    async with stage(refusing(TargetRefusedError("not_a_place", "no"))) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert on.end.retry_after_s is None


async def test_blocked_attempts_open_the_breaker_and_the_next_is_handed_back() -> None:
    gate = SiteGate(Settings(site_blocks=2, site_pause_s=100))
    for _ in range(2):
        async with stage(refusing(TargetRefusedError("captcha", "?")), gate=gate) as on:
            await on.run()
            on.attempt.end_visit()
            assert isinstance(on.end, AttemptFailed)
            assert on.end.reason == "captcha"
    async with stage(gate=gate) as on:
        attempt_log = AttemptLog(
            on.attempt.task,
            RecordEventLog(on.broker, on.records),
            worker="w1",
            run="r2",
            item_schema="GoogleReview",
            item_id="review_id",
        )
        assert await gate.admit_task(on.attempt.task, attempt_log) is None
        (handed_back,) = on.events()
        assert isinstance(handed_back, AttemptStopped)
        assert handed_back.reason == SITE_PAUSED
        assert handed_back.retry_after_s is not None
        assert 90 < handed_back.retry_after_s <= 125
        assert attempt_log.is_ended


async def test_an_attempt_that_waits_for_its_site_lives_and_is_not_stalled() -> None:
    settings = Settings(site_concurrency=1, heartbeat_s=0.04, no_progress_s=0.1)
    gate = SiteGate(settings)
    other = await taken(gate)
    async with stage(ScriptedBrowser(), settings=settings, gate=gate) as on:
        running = asyncio.create_task(on.run())
        async with asyncio.timeout(WAIT_S):
            while on.stages().count(WAITING) < 6:  # the first says it, the others are heartbeats
                await on.broker.wait_for_growth(WAIT_S)
        assert on.targets == []
        other.end()
        await running
        assert isinstance(on.end, AttemptSucceeded)
        on.attempt.end_visit()
    async with asyncio.timeout(WAIT_S):
        (await taken(gate)).end()  # the turn was given back


async def test_an_attempt_is_cancelled_while_it_waits_for_its_site() -> None:
    settings = Settings(site_concurrency=1)
    gate = SiteGate(settings)
    await taken(gate)
    async with stage(ScriptedBrowser(), settings=settings, gate=gate) as on:
        running = asyncio.create_task(on.run())
        await until_waiting(on)
        on.attempt.stop(CANCELLED)
        await running
        assert isinstance(on.end, AttemptStopped)
        assert (on.end.reason, on.end.retry_after_s) == (CANCELLED, None)
        assert on.targets == []


async def test_a_job_names_its_proxy_to_the_browser_and_not_to_the_scraper() -> None:
    browser = ScriptedBrowser()
    asked = {"proxy": "berlin", "sort": "newest"}
    async with stage(browser, options=asked) as on:
        await on.run()
        assert isinstance(on.end, AttemptSucceeded)
        assert browser.proxies == ["berlin"]
        (target,) = on.targets
        assert target.options == {"sort": "newest"}


async def test_a_proxy_that_this_worker_does_not_have_may_be_another_workers() -> None:
    def scrape(page: Page, target: Target) -> Iterator[Report]:
        raise ProxyUnknownError("berlin")
        yield Finished(outcome="completed")

    async with stage(ScriptedBrowser(), scrape=scrape, options={"proxy": "berlin"}) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == ("input.proxy_unknown", True)
        assert "berlin" in on.end.message


async def test_a_proxy_that_is_a_url_fails_the_job_without_repeating_it() -> None:
    async with stage(ScriptedBrowser(), options={"proxy": "http://anna:hunter2@p:1"}) as on:
        await on.run()
        assert isinstance(on.end, AttemptFailed)
        assert (on.end.reason, on.end.may_retry) == ("invalid_request", False)
        assert "hunter2" not in on.end.message
