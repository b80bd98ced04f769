"""One attempt and its browsers: what is lost with a browser (nothing) and when it is enough.

The browsers are scripted, in memory: when they fail is the story. Log and codec are real.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from embedded.demo.generator import generate
from schemas.catalog import item_schema
from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from scrapers.attempt import CANCELLED, MOST_RESTARTS, RESTARTING, STALLED, SUPERSEDED, Attempt
from scrapers.attempt_log import AttemptLog
from scrapers.contract import Described, Finished, Found, Page, Progress, Report, Scraper, Target
from scrapers.site_gate import SiteGate, site_of_task
from scrapers.sites.google_reviews import scraper as google_reviews
from scrapers.slot import Slot
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker
from streams.adapters.records import Records
from streams.domain.events import (
    AttemptFailed,
    AttemptStopped,
    AttemptSucceeded,
    JobEvent,
    ProgressReported,
    TargetDescribed,
)
from streams.domain.ids import JobId
from streams.domain.tasks import ScrapeTask
from streams.errors import BrowserLostError, LogUnavailableError, PartFailedError
from streams.settings import Settings
from streams.topics import JOB_EVENTS, SCRAPED_ITEMS, topic_schemas

BATCH = 10
REVIEWS = generate(7, 40)
IDS = [review["review_id"] for review in REVIEWS]
WAIT_S = 10.0

Act = Callable[[], None]


def lost() -> None:
    """What a call into a browser does that is gone."""
    raise BrowserLostError("tab crashed")


@dataclass(slots=True)
class ScriptedBrowser:
    """Serves batches; ``before[n]`` happens when batch ``n`` of its page is asked for."""

    before: dict[int, Act] = field(default_factory=dict)
    is_blocked: threading.Event = field(default_factory=threading.Event)
    is_killed: threading.Event = field(default_factory=threading.Event)
    is_closed: bool = False
    size_bytes: int = 0
    proxies: list[str] = field(default_factory=list)
    """The proxy of each page."""

    @contextmanager
    def open_page(self, proxy: str = "") -> Iterator[Page]:
        self.proxies.append(proxy)
        yield ScriptedPage(self)  # type: ignore[misc]  # the part of a page that is used here

    def block(self) -> None:
        """Answer nothing until it is killed."""
        self.is_blocked.set()
        assert self.is_killed.wait(WAIT_S)
        lost()

    def memory_bytes(self) -> int:
        return self.size_bytes

    def kill(self) -> None:
        self.is_killed.set()

    def close(self) -> None:
        self.is_closed = True


@dataclass(slots=True)
class ScriptedPage:
    browser: ScriptedBrowser

    def run(self, script: str, number: int) -> list[dict[str, Any]]:
        assert script == "batch"
        self.browser.before.get(number, lambda: None)()
        return REVIEWS[number * BATCH : (number + 1) * BATCH]


@dataclass(slots=True)
class Stage:
    """A slot, an attempt, the log that they write, and the browsers that they get."""

    broker: MemoryBroker
    records: Records
    attempt: Attempt
    settings: Settings
    threads: Executor
    starts: list[ScriptedBrowser | Exception | Callable[[], ScriptedBrowser]]
    targets: list[Target]
    now_s: Callable[[], float] = time.monotonic
    """The slot's clock."""
    started: list[ScriptedBrowser] = field(default_factory=list)
    slot: Slot = field(init=False)

    def __post_init__(self) -> None:
        self.slot = Slot(self.settings, self.start_browser, self.threads, self.now_s)

    async def run(self, known_ids: frozenset[str] = frozenset()) -> None:
        async with asyncio.timeout(WAIT_S), self.attempt.watched():
            await self.slot.run(self.attempt, known_ids)

    def start_browser(self) -> ScriptedBrowser:
        start = self.starts.pop(0)
        if isinstance(start, Exception):
            raise start
        browser = start if isinstance(start, ScriptedBrowser) else start()
        self.started.append(browser)
        return browser

    def events(self) -> list[JobEvent]:
        return [self.records.read_event(raw).event for raw in self.broker.records(JOB_EVENTS)]

    def stages(self) -> list[str]:
        return [event.stage for event in self.events() if isinstance(event, ProgressReported)]

    def ids(self) -> list[str]:
        raws = self.broker.records(SCRAPED_ITEMS)
        return [str(self.records.read_item(raw).fields["review_id"]) for raw in raws]

    @property
    def end(self) -> JobEvent:
        """The last event; there is one end, and nothing after it."""
        ends = AttemptFailed | AttemptStopped | AttemptSucceeded
        assert [isinstance(event, ends) for event in self.events()].count(True) == 1
        return self.events()[-1]


@asynccontextmanager
async def stage(
    *starts: ScriptedBrowser | Exception | Callable[[], ScriptedBrowser],
    settings: Settings | None = None,
    scrape: Callable[[Page, Target], Iterator[Report]] | None = None,
    options: Mapping[str, str] | None = None,
    gate: SiteGate | None = None,
    now_s: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Stage]:
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    records = Records(await open_codec(registry, topic_schemas()), "/scrapestream/test")
    broker, targets = MemoryBroker(), list[Target]()
    settings = settings or Settings()

    def scrape_all(page: Page, target: Target) -> Iterator[Report]:
        targets.append(target)
        yield Progress(stage="opening", items_seen=0)
        yield Described(title="Cafe Central", items_total=len(REVIEWS))
        for number in range(len(REVIEWS) // BATCH):
            batch = page.run("batch", number)
            yield Found(items=[one for one in batch if one["review_id"] not in target.known_ids])
            yield Progress(stage="scrolling", items_seen=(number + 1) * BATCH)
        yield Finished(outcome="completed")

    scraper: Scraper = replace(
        google_reviews, scrape=scrape or scrape_all, accepts=re.compile("https://maps.test/.+")
    )
    task = ScrapeTask(
        job_id=JobId("j1"),
        tenant="public",
        kind=scraper.name,
        url="https://maps.test/1",
        attempt=1,
        options=options or {},
    )
    visit = gate.admit_anyway(site_of_task(task)) if gate else None
    attempt_log = AttemptLog(
        task,
        RecordEventLog(broker, records),
        worker="w1",
        run="r1",
        item_schema=item_schema(scraper.item_schema).name,
        item_id=scraper.item_id,
    )
    with ThreadPoolExecutor(1) as threads:
        set_up = Stage(
            broker=broker,
            records=records,
            attempt=Attempt(task, scraper, attempt_log, settings, visit),
            settings=settings,
            threads=threads,
            starts=list(starts),
            targets=targets,
            now_s=now_s,
        )
        yield set_up
        await set_up.slot.close()
    assert all(browser.is_closed for browser in set_up.started)


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
