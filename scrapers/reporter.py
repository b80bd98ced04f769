"""Says how this worker is: every two seconds, and as soon as its slots change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import psutil

from streams.domain.fleet import REPORT_EVERY_S, WorkerReported
from streams.errors import LogUnavailableError
from streams.ports import EventLog

log = logging.getLogger(__name__)

PAUSE_S = 0.02
"""Between two reports: with many slots and short jobs there is always something new."""
MEASURE_EVERY_S = 10.0
LAST_WORD_S = 2.0


class Reporter:
    """Changes that come while a report is under way go into one report after it."""

    def __init__(self, event_log: EventLog, look: Callable[[int], WorkerReported]) -> None:
        """``look`` makes the report of now; it is given the memory in use, bytes."""
        self._log = event_log
        self._look = look
        self._changed = asyncio.Event()
        self._memory_bytes = 0

    def changed(self) -> None:
        """Something is new that others should know at once."""
        self._changed.set()

    async def run(self) -> None:
        """Report until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._measure())
            while True:
                self._changed.clear()
                await self._report(self._look(self._memory_bytes))
                await asyncio.sleep(PAUSE_S)
                try:
                    async with asyncio.timeout(REPORT_EVERY_S):
                        await self._changed.wait()
                except TimeoutError:
                    continue

    async def say_last(self) -> None:
        """One report more, now, if that is possible."""
        try:
            async with asyncio.timeout(LAST_WORD_S):
                await self._report(self._look(self._memory_bytes))
        except TimeoutError:
            log.warning("last report was not stored in time")

    async def _report(self, report: WorkerReported) -> None:
        try:
            await self._log.report(report)
        except LogUnavailableError:
            log.warning("report was not stored")

    async def _measure(self) -> None:
        while True:
            self._memory_bytes = await asyncio.to_thread(_memory_bytes)
            await asyncio.sleep(MEASURE_EVERY_S)


def _memory_bytes() -> int:
    """Resident memory of this process and all that it has started."""
    own = psutil.Process()
    total = 0
    for process in (own, *own.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue  # it has just ended
    return total
