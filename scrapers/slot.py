"""A slot: one warm browser, replaced when it is lost or worn."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from scrapers.attempt import Attempt, SlotBrowser
from streams.errors import BrowserLostError, PartFailedError
from streams.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")


class Slot:
    """Runs one attempt at a time. Its browser is started, used and ended in worker threads."""

    def __init__(
        self, settings: Settings, start_browser: Callable[[], SlotBrowser], threads: Executor
    ) -> None:
        self._settings = settings
        self._start_browser = start_browser
        self._threads = threads
        self._browser: SlotBrowser | None = None
        self._jobs = 0

    async def warm(self) -> None:
        """Start the browser before an attempt needs it; a failure is left to the attempt."""
        try:
            await self._ready_browser()
        except (BrowserLostError, PartFailedError) as error:
            log.warning("browser did not start", extra={"reason": str(error)})

    async def run(self, attempt: Attempt, known_ids: frozenset[str]) -> None:
        """Run ``attempt`` in a fresh page, in a new browser whenever one is lost.

        Raises:
            LogUnavailableError: its end could not be reported.
        """
        attempt.know(known_ids)
        while not attempt.is_over:
            try:
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
        browser, self._browser = self._browser, None
        self._jobs = 0
        if browser is not None:
            await self._in_thread(browser.close)

    async def _ready_browser(self) -> SlotBrowser:
        if self._jobs >= self._settings.browser_jobs:
            await self.close()  # it grows over time: docs/hazards.md, H20
        if self._browser is None:
            self._browser = await self._in_thread(self._start_browser)
        return self._browser

    async def _in_thread(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)
