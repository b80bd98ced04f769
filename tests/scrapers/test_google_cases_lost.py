"""Places that crash or hang their browser: the attempt goes on in a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest

from embedded.demo.generator import generate
from schemas.catalog import item_schema
from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from scrapers.attempt import RESTARTING, Attempt
from scrapers.attempt_log import AttemptLog
from scrapers.browser import Browser
from scrapers.sites.google_reviews import scraper
from scrapers.slot import Slot
from streams.adapters.event_log import RecordEventLog
from streams.adapters.memory import MemoryBroker
from streams.adapters.records import Records
from streams.domain.events import AttemptFailed, AttemptSucceeded, JobEvent, ProgressReported
from streams.domain.ids import JobId
from streams.domain.tasks import ScrapeTask
from streams.settings import Settings
from streams.topics import JOB_EVENTS, SCRAPED_ITEMS, topic_schemas

REVIEWS = 50
NO_PROGRESS_S = 12.0
"""A new browser comes up within it, also on a busy machine."""
WAIT_S = 150.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What one attempt left in the log."""

    events: Sequence[JobEvent]
    ids: Sequence[str]

    @property
    def restarts(self) -> int:
        """How often a new browser was asked for."""
        stages = [event.stage for event in self.events if isinstance(event, ProgressReported)]
        return sum(
            stage == RESTARTING and before != RESTARTING
            for before, stage in zip(["", *stages], stages, strict=False)
        )


async def run(url: str, settings: Settings) -> Ran:
    """Run one attempt on ``url`` with real browsers and a log in memory."""
    registry = MemoryRegistry()
    await register_schemas(registry, topic_schemas())
    records = Records(await open_codec(registry, topic_schemas()), "/scrapestream/test")
    broker = MemoryBroker()
    task = ScrapeTask(job_id=JobId("j1"), tenant="public", kind=scraper.name, url=url, attempt=1)
    attempt_log = AttemptLog(
        task,
        RecordEventLog(broker, records),
        worker="w1",
        run="r1",
        item_schema=item_schema(scraper.item_schema).name,
        item_id=scraper.item_id,
    )
    attempt = Attempt(task, scraper, attempt_log, settings)
    with ThreadPoolExecutor(1) as threads:
        slot = Slot(settings, lambda: Browser.start(settings), threads)
        try:
            await slot.get_ready()
            async with asyncio.timeout(WAIT_S), attempt.watched():
                await slot.run(attempt, frozenset())
        finally:
            await slot.close()
    return Ran(
        events=[records.read_event(raw).event for raw in broker.records(JOB_EVENTS)],
        ids=[
            str(records.read_item(raw).fields["review_id"]) for raw in broker.records(SCRAPED_ITEMS)
        ],
    )


@pytest.fixture
def hasty(settings: Settings) -> Settings:
    return replace(settings, no_progress_s=NO_PROGRESS_S)


async def test_a_crash_and_a_hang_in_one_list_lose_nothing(site: str, hasty: Settings) -> None:
    place = f"{site}/maps/place/Cafe+Central?reviews={REVIEWS}&seed=31&latency_ms=150"
    ran = await run(f"{place}&crash=1&hang=5", hasty)
    end = ran.events[-1]
    assert isinstance(end, AttemptSucceeded)
    assert (end.outcome, end.items_count) == ("completed", REVIEWS)
    assert ran.restarts == 2
    truth = [review["review_id"] for review in generate(31, REVIEWS)]
    assert sorted(ran.ids) == sorted(truth)  # each of them once


async def test_a_page_that_crashes_every_browser_ends_the_attempt(
    site: str, settings: Settings
) -> None:
    place = f"{site}/maps/place/Cafe+Central?reviews={REVIEWS}&seed=32"
    ran = await run(f"{place}&crash=1&crashes=9", settings)
    end = ran.events[-1]
    assert isinstance(end, AttemptFailed)
    assert (end.reason, end.may_retry) == ("scraper.browser_crashed", True)
    assert (ran.restarts, ran.ids) == (1, [])
