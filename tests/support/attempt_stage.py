"""A slot and an attempt with scripted browsers: when they fail is the story."""

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

from embedded.demo.generator import generate
from schemas.catalog import item_schema
from schemas.codec import open_codec, register_schemas
from schemas.registry import MemoryRegistry
from scrapers.attempt import Attempt
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
)
from streams.domain.ids import JobId
from streams.domain.tasks import ScrapeTask
from streams.errors import BrowserLostError
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
    prepared: int = 0
    """How often it was asked to have a page ready."""
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

    def prepare(self) -> None:
        self.prepared += 1

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
