"""Runs work side by side and fairly: one slow key cannot take the places of all others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class _Lane:
    waiting: deque[Work] = field(default_factory=deque)
    running: int = 0


class Lanes:
    """At most ``most`` works at once, and ``most_per_key`` of one key; each key in order."""

    def __init__(self, *, most: int, most_per_key: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._most_per_key = most_per_key
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._bugs: list[BaseException] = []
        self._is_closing = False

    def put(self, key: str, work: Work) -> None:
        """Start ``work``, at once or when its key has a place; nothing after ``close``."""
        if self._is_closing:
            return
        lane = self._lanes.setdefault(key, _Lane())
        lane.waiting.append(work)
        if lane.running < self._most_per_key:
            lane.running += 1
            task = asyncio.create_task(self._run(key, lane), name=f"lane {key}")
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def check(self) -> None:
        """Raise what an earlier work has raised: a bug, the process should restart."""
        if self._bugs:
            raise self._bugs.pop()

    async def close(self, grace_s: float) -> None:
        """Drop what waits; give what runs ``grace_s`` to end, then cancel it."""
        self._is_closing = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _run(self, key: str, lane: _Lane) -> None:
        try:
            while lane.waiting and not self._is_closing:
                work = lane.waiting.popleft()
                async with self._places:
                    await work()
        finally:
            lane.running -= 1
            if lane.running == 0:
                del self._lanes[key]

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        bug = None if task.cancelled() else task.exception()
        if bug is not None:
            self._bugs.append(bug)
