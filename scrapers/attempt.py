"""One attempt of a job: runs a scraper in a thread, watches it, reports its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Protocol

from scrapers.attempt_log import AttemptLog
from scrapers.contract import Described, Finished, Found, Page, Progress, Report, Scraper, Target
from streams.domain.tasks import ScrapeTask
from streams.errors import (
    BrowserLostError,
    InvalidItemError,
    LogUnavailableError,
    TargetRefusedError,
)
from streams.settings import Settings

log = logging.getLogger(__name__)

PROGRESS_EVERY_S = 0.25  # enough for an eye; a long list must not fill the log with progress

CANCELLED = "cancelled"
SUPERSEDED = "superseded"
SHUTDOWN = "shutdown"
STALLED = "job.stalled"
TIMED_OUT = "job.timeout"
ENDED_BY_US = {
    STALLED: "the page gave nothing new for too long; its browser was ended",
    TIMED_OUT: "the attempt took longer than it may; what was found is kept",
}


class SlotBrowser(Protocol):
    """What the worker needs of a browser; ``scrapers.browser.Browser`` has it."""

    def open_page(self) -> AbstractContextManager[Page]:
        """A page that shares nothing with earlier ones."""

    def kill(self) -> None:
        """End it at once, from any thread: calls that block raise BrowserLostError."""

    def close(self) -> None:
        """End it and leave nothing behind."""


class Attempt:
    """Runs a claimed attempt; ``stop`` ends it from outside."""

    def __init__(
        self, task: ScrapeTask, scraper: Scraper, attempt_log: AttemptLog, settings: Settings
    ) -> None:
        self.task = task
        self._scraper = scraper
        self._log = attempt_log
        self._settings = settings
        self._browser: SlotBrowser | None = None
        self._stop_reason: str | None = None
        self._stage = "starting"
        self._finished: Finished | None = None
        self._reported_s = time.monotonic()

    async def run(self, browser: SlotBrowser, known_ids: frozenset[str], threads: Executor) -> None:
        """Scrape and report until the end, whatever it is. Call it inside ``watched``.

        Raises:
            BrowserLostError: after reporting it, so that the owner starts a new browser.
            LogUnavailableError: the process stops, or the attempt is not ours any more.
        """
        self._browser = browser
        self._log.know(known_ids)
        loop = asyncio.get_running_loop()
        try:
            if self._stop_reason is not None:
                raise BrowserLostError("stopped before it began")
            await loop.run_in_executor(threads, self._scrape, browser, known_ids, loop)
        except BrowserLostError as error:
            await self._report_lost(error)
            raise
        except TargetRefusedError as refused:
            await self._log.fail(refused.outcome, str(refused), may_retry=refused.may_retry)
        except InvalidItemError as error:
            await self._log.fail(error.code, str(error), may_retry=False)
        except LogUnavailableError:
            raise  # nobody waits for our word any more, or nobody can hear it
        except Exception as error:  # a scraper's bug ends its attempt, not the worker
            log.exception("scraper failed", extra={"job_id": self.task.job_id})
            text = f"the scraper failed: {type(error).__name__}"
            await self._log.fail("scraper.error", text, may_retry=True)
        else:
            await self._report_end()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """Keeps the lease, also while a browser starts, and ends the attempt when it hangs."""
        watch = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.wait([watch])

    async def fail(self, reason: str, message: str) -> None:
        """Report that it could not even begin."""
        await self._log.fail(reason, message, may_retry=True)

    def stop(self, reason: str) -> None:
        """End it now: a call into the browser fails, and the end is reported with ``reason``."""
        if self._stop_reason is None:
            log.info("attempt is stopped", extra={"job_id": self.task.job_id, "reason": reason})
            self._stop_reason = reason
            self._log.is_given_up = reason in {SUPERSEDED, SHUTDOWN}
            if self._browser is not None:
                self._browser.kill()

    def _scrape(
        self, browser: SlotBrowser, known_ids: frozenset[str], loop: asyncio.AbstractEventLoop
    ) -> None:
        """In a thread: each report is in the log before the scraper goes on."""
        target = Target(url=self.task.url, known_ids=known_ids, options=self.task.options)
        with browser.open_page() as page:
            for report in self._scraper.scrape(page, target):
                asyncio.run_coroutine_threadsafe(self._take(report), loop).result()
                if self._stop_reason is not None:
                    raise BrowserLostError("stopped")

    async def _take(self, report: Report) -> None:
        match report:
            case Found(items=items):
                await self._log.add_items(items, self._stage)
            case Described():
                await self._log.describe(report)
            case Progress(stage=stage):
                is_new = stage != self._stage
                self._stage = stage
                if is_new or time.monotonic() - self._log.appended_s >= PROGRESS_EVERY_S:
                    await self._log.progress(stage)
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
            elif now_s - self._reported_s > self._settings.no_progress_s:
                self.stop(STALLED)
            elif now_s - self._log.appended_s >= self._settings.heartbeat_s:
                await self._log.progress(self._stage)

    async def _report_end(self) -> None:
        if self._finished is None:
            text = "the scraper ended without saying how"
            await self._log.fail("scraper.error", text, may_retry=True)
        else:
            await self._log.succeed(self._finished.outcome, self._finished.message)

    async def _report_lost(self, error: BrowserLostError) -> None:
        reason = self._stop_reason
        if reason is None:
            text = f"the browser was lost: {error}"
            await self._log.fail(error.code, text, may_retry=True)
        elif reason in ENDED_BY_US:
            await self._log.fail(reason, ENDED_BY_US[reason], may_retry=reason == STALLED)
        elif reason != SUPERSEDED:  # then another worker holds it, and our word does not count
            await self._log.stopped(reason)
