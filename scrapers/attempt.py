"""One attempt of a job: runs a scraper in a thread, watches it, reports its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager

from scrapers.attempt_log import AttemptLog
from scrapers.contract import (
    Described,
    Extracted,
    Finished,
    Found,
    Progress,
    Report,
    Scraper,
    SlotBrowser,
    Target,
)
from scrapers.proxies import split_options
from scrapers.site_gate import SiteGate, Visit
from streams.domain.fair_queue import site_of
from streams.domain.fleet import RunningAttempt
from streams.domain.tasks import ScrapeTask
from streams.errors import (
    BrowserLostError,
    InvalidItemError,
    InvalidRequestError,
    LogUnavailableError,
    PartFailedError,
    ProxyUnknownError,
    TargetRefusedError,
)
from streams.settings import Settings

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 0.25  # enough for an eye; a long list must not fill the log with progress
MOST_RESTARTS = 3
"""New browsers within one attempt: more losses are the page's doing, or the machine's."""
RESTARTING = "restarting_browser"
WAITING = "waiting_for_site"

CANCELLED = "cancelled"
SUPERSEDED = "superseded"
SHUTDOWN = "shutdown"
STALLED = "job.stalled"
TIMED_OUT = "job.timeout"
ENDED_BY_US = {
    STALLED: "the page gave nothing new for too long; its browser was ended",
    TIMED_OUT: "the attempt took longer than it may; what was found is kept",
}


class Attempt:
    """Runs a claimed attempt, in several browsers if need be; ``stop`` ends it from outside."""

    def __init__(
        self,
        task: ScrapeTask,
        scraper: Scraper,
        attempt_log: AttemptLog,
        settings: Settings,
        visit: Visit | None = None,
    ) -> None:
        """``visit``: admitted by the worker's gate; without, it waits for nobody."""
        self.task = task
        self.told = RunningAttempt(
            job_id=task.job_id,
            attempt=task.attempt,
            tenant=task.tenant,
            kind=task.kind,
            site=site_of(task.url),
        )
        """What the worker's reports say of it."""
        self.scraper = scraper
        self._visit = visit or SiteGate(settings).admit_anyway(task.kind)
        self._log = attempt_log
        self._settings = settings
        self._browser: SlotBrowser | None = None
        self._stop_reason: str | None = None
        self._stopped = asyncio.Event()
        self._is_waiting = False
        """Whether the site's limits hold it: then nothing new is to be expected."""
        self._stage = "starting"
        self._described: Described | None = None
        self._finished: Finished | None = None
        self._reported_s = time.monotonic()
        self._is_stalled = False
        """Whether we have ended the browser because it showed nothing new for too long."""
        self._restarts = 0
        self._items_at_loss: int | None = None
        """Items in the log when a browser was last lost; None before the first loss."""

    @property
    def is_over(self) -> bool:
        """Whether its end is in the log, or nobody waits for it any more."""
        return self._log.is_ended or self._log.is_given_up

    @property
    def extracted(self) -> Extracted:
        """How it has read its items so far."""
        return self._log.extracted

    def know(self, known_ids: frozenset[str]) -> None:
        """Items of the job that earlier attempts have emitted."""
        self._log.know(known_ids)

    async def run(self, browser: SlotBrowser, threads: Executor) -> None:
        """Scrape and report until the end, or until the browser is lost.

        Call it inside ``watched``, with a new browser each time, until it ``is_over``: it goes
        on from the items that are in the log.

        Raises:
            BrowserLostError: the browser must be ended.
            LogUnavailableError: the process stops, or the attempt is not ours any more.
        """
        if self._stop_reason is not None:  # while the browser was started
            await self._report_stopped(self._stop_reason)
            return
        self._browser = browser
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(threads, self._scrape, browser, loop)
        except BrowserLostError as error:
            self._browser = None
            await self._after_loss(error)
            raise
        except TargetRefusedError as refused:
            await self._log.fail(
                refused.outcome,
                str(refused),
                may_retry=refused.may_retry,
                retry_after_s=self._visit.refused(refused),
            )
        except ProxyUnknownError as error:
            await self._log.fail(error.code, str(error), may_retry=True)
        except (InvalidItemError, InvalidRequestError) as error:
            await self._log.fail(error.code, str(error), may_retry=False)
        except LogUnavailableError:
            raise  # nobody waits for our word any more, or nobody can hear it
        except Exception as error:  # a scraper's bug ends its attempt, not the worker
            log.exception("scraper failed", extra={"job_id": self.task.job_id})
            text = f"the scraper failed: {type(error).__name__}"
            await self._log.fail("scraper.error", text, may_retry=True)
        else:
            self._visit.passed()
            await self._report_end()

    async def wait_for_site(self) -> None:
        """Wait until the site's limits let a page be loaded, or the attempt is stopped."""
        self._is_waiting = True
        await self._visit.wait_to_load(self._stopped, self._say_waiting)
        self._is_waiting = False
        self._reported_s = time.monotonic()

    async def _say_waiting(self) -> None:
        self._stage = WAITING
        await self._log.progress(WAITING)

    def end_visit(self) -> None:
        """Let the next attempt at the site go on; in any case, once this one is over."""
        self._visit.end()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keeps the lease, also while a browser starts, and ends the attempt when it hangs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def give_up(self, error: BrowserLostError | PartFailedError) -> None:
        """Report that there is no browser to begin or to go on with."""
        if self._stop_reason is not None:
            await self._report_stopped(self._stop_reason)
        else:
            await self._log.fail(error.code, str(error), may_retry=True)

    def stop(self, reason: str) -> None:
        """End it now: a call into the browser fails, and the end is reported with ``reason``."""
        if self._stop_reason is None:
            log.info("attempt is stopped", extra={"job_id": self.task.job_id, "reason": reason})
            self._stop_reason = reason
            self._stopped.set()
            self._log.is_given_up = reason in {SUPERSEDED, SHUTDOWN}
            if self._browser is not None:
                self._browser.kill()

    def _scrape(self, browser: SlotBrowser, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: each report is in the log before the scraper goes on."""
        proxy, options = split_options(self.task.options)
        target = Target(url=self.task.url, known_ids=self._log.known_ids, options=options)
        with browser.open_page(proxy) as page:
            for report in self.scraper.scrape(page, target):
                asyncio.run_coroutine_threadsafe(self._take(report), loop).result()
                if self._stop_reason is not None:
                    raise BrowserLostError("stopped")

    async def _take(self, report: Report) -> None:
        match report:
            case Found(items=items):
                await self._log.add_items(items, self._stage)
            case Described():
                if report != self._described:  # a new browser says the same once more
                    await self._log.describe(report)
                    self._described = report
            case Progress(stage=stage):
                is_new = stage != self._stage
                self._stage = stage
                if is_new or time.monotonic() - self._log.appended_s >= PROGRESS_EVERY_S:
                    await self._log.progress(stage)
            case Extracted():
                self._log.count(report)
            case Finished():
                self._finished = report
        self._reported_s = time.monotonic()

    async def _watch(self) -> None:
        """Signs of life while the scraper is quiet; the end of one that is quiet for too long."""
        begun_s = time.monotonic()
        while self._stop_reason is None:
            await asyncio.sleep(min(1.0, self._settings.heartbeat_s / 4))
            now_s = time.monotonic()
            if now_s - begun_s > self.task.attempt_timeout_s:
                self.stop(TIMED_OUT)
            elif not self._is_waiting and now_s - self._reported_s > self._settings.no_progress_s:
                self._end_stalled()
            elif now_s - self._log.appended_s >= self._settings.heartbeat_s:
                await self._log.progress(self._stage)

    def _end_stalled(self) -> None:
        if self._browser is None or self._is_stalled:  # not even an end of the browser helps
            self.stop(STALLED)
            return
        self._is_stalled = True
        self._reported_s = time.monotonic()  # time for the thread to notice
        self._browser.kill()

    async def _report_end(self) -> None:
        if self._finished is None:
            text = "the scraper ended without saying how"
            await self._log.fail("scraper.error", text, may_retry=True)
        else:
            await self._log.succeed(self._finished.outcome, self._finished.message)

    async def _after_loss(self, error: BrowserLostError) -> None:
        """Get ready for a new browser, or report the end."""
        if self._stop_reason is not None:  # we ended the browser ourselves
            await self._report_stopped(self._stop_reason)
            return
        is_stalled, self._is_stalled = self._is_stalled, False
        items_count = self._log.items_count
        has_progress = self._items_at_loss is None or items_count > self._items_at_loss
        if not has_progress or self._restarts >= MOST_RESTARTS:
            if is_stalled:
                await self._report_stopped(STALLED)
                return
            text = f"the browser was lost {self._restarts + 1} times, at last: {error}"
            await self._log.fail(error.code, text, may_retry=True)
            return
        self._items_at_loss = items_count
        self._restarts += 1
        log.warning(
            "browser was lost; a new one goes on",
            extra={
                "job_id": self.task.job_id,
                "attempt": self.task.attempt,
                "restart": self._restarts,
                "items_count": items_count,
                "reason": STALLED if is_stalled else str(error),
            },
        )
        self._stage = RESTARTING
        await self._log.progress(RESTARTING)
        self._reported_s = time.monotonic()  # the new one has its own time to show something

    async def _report_stopped(self, reason: str) -> None:
        if reason in ENDED_BY_US:
            await self._log.fail(reason, ENDED_BY_US[reason], may_retry=reason == STALLED)
        elif reason == SHUTDOWN:
            await self._log.released(reason)
        elif reason != SUPERSEDED:  # then another worker holds it, and our word does not count
            await self._log.stopped(reason)
