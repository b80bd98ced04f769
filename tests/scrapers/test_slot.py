"""When a slot's browser is replaced: between jobs, by what it has done, its age and its size."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from scrapers.browser import Browser
from streams.settings import Settings
from tests.scrapers.test_browser import left_of, wait_until
from tests.support.attempt_stage import ScriptedBrowser, stage

MB = 2**20


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def jobs(
    count: int, settings: Settings, *, size_mb: int = 0, minutes: float = 0
) -> list[int]:
    """Run jobs in one slot, ``minutes`` one after the other; returns jobs for each browser."""
    clock = Clock()
    browsers: list[ScriptedBrowser] = []

    def start() -> ScriptedBrowser:
        browsers.append(ScriptedBrowser(size_bytes=size_mb * MB))
        return browsers[-1]

    async with stage(*[start] * count, settings=settings, now_s=clock) as first:
        await first.run()
        for _ in range(count - 1):
            clock.now += minutes * 60
            await first.slot.get_ready()
            async with stage(settings=settings) as more, more.attempt.watched():
                await first.slot.run(more.attempt, frozenset())
    assert all(browser.is_closed for browser in browsers)
    return [len(browser.proxies) for browser in browsers]


async def test_a_browser_that_is_not_worn_stays() -> None:
    assert await jobs(4, Settings(), size_mb=400, minutes=5) == [4]


async def test_a_browser_goes_after_its_jobs() -> None:
    assert await jobs(5, Settings(browser_jobs=2)) == [2, 2, 1]


async def test_a_browser_goes_when_it_is_old() -> None:
    assert await jobs(5, Settings(browser_minutes=30), minutes=10) == [3, 2]


async def test_a_browser_goes_when_it_is_big(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert await jobs(3, Settings(browser_max_mb=800), size_mb=800) == [1, 1, 1]
    assert [
        record.__dict__["reason"]
        for record in caplog.records
        if record.message == "browser is replaced"
    ] == ["memory", "memory"]


async def test_zero_is_no_limit() -> None:
    settings = Settings(browser_minutes=0, browser_max_mb=0)
    assert await jobs(4, settings, size_mb=100_000, minutes=10_000) == [4]


@dataclass(slots=True, kw_only=True)
class RealBehindScript(ScriptedBrowser):
    """Its pages are scripted; its processes and their memory are Chromium's."""

    real: Browser

    def memory_bytes(self) -> int:
        return self.real.memory_bytes()

    def close(self) -> None:
        self.is_closed = True
        self.real.close()


async def test_a_real_browser_that_is_too_big_goes_and_leaves_nothing(settings: Settings) -> None:
    groups: list[int] = []

    def start() -> ScriptedBrowser:
        browser = RealBehindScript(real=Browser.start(settings))
        groups.append(browser.real.pid)
        return browser

    async with stage(start, start, settings=replace(settings, browser_max_mb=50)) as first:
        await first.run()
        await first.slot.get_ready()
        async with stage() as second, second.attempt.watched():
            await first.slot.run(second.attempt, frozenset())
        old, new = groups
        assert await asyncio.to_thread(wait_until, lambda: not left_of(old), 5)
        assert left_of(new)
    assert await asyncio.to_thread(wait_until, lambda: not left_of(new), 5)
