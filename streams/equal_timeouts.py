"""A time limit that very many tasks have at once, for a fraction of what ``asyncio.timeout`` costs.

Since all have the same length, they run out in the order in which they began: one timer is enough.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType


class EqualTimeouts:
    """Makes time limits of ``seconds`` each: ``with timeouts.begin(): await ...``.

    For one event loop at a time.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begun: deque[Limit] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> Limit:
        """A limit for the block that follows; raises TimeoutError there when it runs out."""
        return Limit(self)

    def follow(self, limit: Limit) -> None:
        """End ``limit`` in time. The loop is asked for a timer only when none is under way."""
        begun = self._begun
        while begun and begun[0].task is None:
            begun.popleft()
        begun.append(limit)
        if self._timer is None:
            self._timer = limit.loop.call_at(limit.ends_at, self._end_late, limit.loop)

    def _end_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now, begun = loop.time(), self._begun
        while begun and (begun[0].task is None or begun[0].ends_at <= now):
            begun.popleft().run_out()
        if begun:
            self._timer = loop.call_at(begun[0].ends_at, self._end_late, loop)


class Limit:
    """The limit of one block of one task. ``EqualTimeouts.begin`` makes it."""

    __slots__ = ("_cancelled_before", "_has_run_out", "_of", "ends_at", "loop", "task")

    def __init__(self, of: EqualTimeouts) -> None:
        self._of = of
        self._has_run_out = False
        self.task: asyncio.Task[object] | None = None
        """Whose block it is; None once the block has ended."""

    def __enter__(self) -> None:
        self.task = asyncio.current_task()
        if self.task is None:
            raise RuntimeError("a limit needs a task")
        self.loop = asyncio.get_running_loop()
        self.ends_at = self.loop.time() + self._of.seconds
        self._cancelled_before = self.task.cancelling()
        self._of.follow(self)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        task, self.task = self.task, None
        if not self._has_run_out or task is None:
            return
        # As asyncio.timeout: when somebody else cancelled the task too, it stays cancelled.
        if task.uncancel() <= self._cancelled_before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def run_out(self) -> None:
        """End the block, unless it has ended."""
        if self.task is not None:
            self._has_run_out = True
            self.task.cancel()
