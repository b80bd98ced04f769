"""How the parts are: looked at once a second at most, however many ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from streams.errors import UnavailableError

FRESH_S = 1.0
CHECK_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """How one part is."""

    healthy: bool
    latency_ms: float
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How everything is."""

    parts: Mapping[str, Condition]
    workers: int | None
    """None: nobody can say now."""

    @property
    def all_healthy(self) -> bool:
        """Whether every part answers."""
        return all(condition.healthy for condition in self.parts.values())


class HealthBoard:
    """Knows the newest conditions; ``watch`` keeps them fresh."""

    def __init__(
        self,
        checks: Mapping[str, Callable[[], Awaitable[None]]],
        live_workers: Callable[[], Awaitable[int]],
    ) -> None:
        self._checks = checks
        self._live_workers = live_workers
        self._known = Conditions(parts={}, workers=None)
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    @property
    def workers(self) -> int | None:
        """Workers when last looked; costs nothing."""
        return self._known.workers

    def is_away(self, part: str) -> bool:
        """Whether ``part`` did not answer when last looked; costs nothing."""
        condition = self._known.parts.get(part)
        return condition is not None and not condition.healthy

    async def look(self) -> Conditions:
        """Conditions that are not older than a second."""
        if time.monotonic() - self._looked_at > FRESH_S:
            async with self._looking:
                if time.monotonic() - self._looked_at > FRESH_S:
                    await self._look()
        return self._known

    async def watch(self) -> None:
        """Look every second until cancelled: no request waits to learn of an outage."""
        while True:
            await self.look()
            await asyncio.sleep(FRESH_S)

    async def _look(self) -> None:
        found = await asyncio.gather(*(_condition(check) for check in self._checks.values()))
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                workers: int | None = await self._live_workers()
        except (UnavailableError, TimeoutError):
            workers = None
        parts = dict(zip(self._checks, found, strict=True))
        self._known = Conditions(parts=parts, workers=workers)
        self._looked_at = time.monotonic()


async def _condition(check: Callable[[], Awaitable[None]]) -> Condition:
    began, error = time.perf_counter(), None
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            await check()
    except TimeoutError:
        error = f"did not answer within {CHECK_TIMEOUT_S:.0f} s"
    except UnavailableError as unavailable:
        error = str(unavailable)
    latency_ms = round((time.perf_counter() - began) * 1000, 2)
    return Condition(healthy=error is None, latency_ms=latency_ms, error=error)
