"""A slot: one warm browser, replaced when it is lost or worn."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from scrapers.attempt import Attempt
from scrapers.contract import SlotBrowser
from streams.errors import BrowserLostError, PartFailedError
from streams.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

BYTES_PER_MB = 2**20


class Slot:
    """Runs one attempt at a time. Its browser is started, used and ended in worker threads."""

    def __init__(
        self,
        settings: Settings,
        start_browser: Callable[[], SlotBrowser],
        threads: Executor,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now_s = now_s
        self._settings = settings
        self._start_browser = start_browser
        self._threads = threads
        self._browser: SlotBrowser | None = None
        self._lock = asyncio.Lock()
        """Held while the browser is started, got ready or ended."""
        self._started_s = 0.0
        """When the browser was started, on the clock ``now_s``."""
        self._jobs = 0

    async def get_ready(self) -> None:
        """In idle time: have a browser with a fresh page; a failure is left to the attempt."""
        async with self._lock:
            try:
                browser = await self._ready_browser(is_idle=True)
                await self._in_thread(browser.prepare)
            except (BrowserLostError, PartFailedError) as error:
                log.warning("browser is not ready", extra={"reason": str(error)})
                await self._end()

    async def run(self, attempt: Attempt, known_ids: frozenset[str]) -> None:
        """Run ``attempt`` in a fresh page, in a new browser whenever one is lost.

        Raises:
            LogUnavailableError: its end could not be reported.
        """
        attempt.know(known_ids)
        while not attempt.is_over:
            await attempt.wait_for_site()
            try:
                async with self._lock:
                    browser = await self._ready_browser()
            except (BrowserLostError, PartFailedError) as error:
                await attempt.give_up(error)
                return
            self._jobs += 1
            try:
                await attempt.run(browser, self._threads)
            except BrowserLostError:
                browser.kill()  # what hangs would not end by being asked
                await self.close()

    async def close(self) -> None:
        """End the browser; nothing of it is left."""
        if self._lock.locked() and self._browser is not None:
            self._browser.kill()  # nothing of what it gets ready for is wanted
        async with self._lock:
            await self._end()

    async def _end(self) -> None:
        browser, self._browser = self._browser, None
        self._jobs = 0
        if browser is not None:
            await self._in_thread(browser.close)

    async def _ready_browser(self, *, is_idle: bool = False) -> SlotBrowser:
        """``is_idle``: there is time to measure it."""
        if self._browser is not None and (reason := await self._worn(self._browser, is_idle)):
            log.info("browser is replaced", extra={"reason": reason, "jobs": self._jobs})
            await self._end()
        if self._browser is None:
            self._browser = await self._in_thread(self._start_browser)
            self._started_s = self._now_s()
        return self._browser

    async def _worn(self, browser: SlotBrowser, is_idle: bool) -> str | None:
        """Why the browser should go before its next job: it grows over time (hazard H20)."""
        settings = self._settings
        if self._jobs >= settings.browser_jobs:
            return "jobs"
        if 0 < settings.browser_minutes * 60 <= self._now_s() - self._started_s:
            return "age"
        if is_idle and settings.browser_max_mb > 0 and self._jobs > 0:
            size_bytes = await self._in_thread(browser.memory_bytes)
            if size_bytes >= settings.browser_max_mb * BYTES_PER_MB:
                return "memory"
        return None

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
