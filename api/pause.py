"""Waiting between two tries."""

from __future__ import annotations

import asyncio


class Pause:
    """Between two tries of something that is away: longer each time, up to ``longest_s``."""

    def __init__(self, first_s: float = 0.05, longest_s: float = 2.0) -> None:
        self._next_s = first_s
        self._longest_s = longest_s

    async def wait(self) -> None:
        """Sleep."""
        await asyncio.sleep(self._next_s)
        self._next_s = min(self._longest_s, 2 * self._next_s)
