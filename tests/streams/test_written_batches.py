"""What comes alone is written at once, what comes in floods is written together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest

from streams.agents.batches import Batches
from streams.errors import LogUnavailableError


class Stage:
    """A write that ends when it is told to."""

    def __init__(self, most: int = 10) -> None:
        self.written: list[list[int]] = []
        self.failed: list[list[int]] = []
        self._may_end = asyncio.Semaphore(0)
        self._fails = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.batches = Batches(self._write, self._spawn, most=most)

    async def _write(self, share: Sequence[int]) -> None:
        await self._may_end.acquire()
        if self._fails:
            self.failed.append(list(share))
            raise LogUnavailableError("away")
        self.written.append(list(share))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except LogUnavailableError:
                assert self._fails

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, *, fails: bool = False) -> None:
        """Let the write under way end."""
        (task,) = self._tasks
        self._fails = fails
        self._may_end.release()
        await task

    @property
    def is_idle(self) -> bool:
        return not self._tasks


async def test_one_alone_is_written_at_once_and_the_others_together() -> None:
    stage = Stage()
    stage.batches.put(1)
    await asyncio.sleep(0)  # its write is under way
    for number in (2, 3, 4):
        stage.batches.put(number)
    await stage.end()
    await stage.end()
    assert stage.written == [[1], [2, 3, 4]]
    assert stage.is_idle


async def test_a_write_gets_no_more_than_it_should() -> None:
    stage = Stage(most=2)
    for number in range(5):
        stage.batches.put(number)
    for _ in range(3):
        await stage.end()
    assert stage.written == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("count", [1, 3])
async def test_a_write_that_fails_holds_up_nobody(count: int) -> None:
    stage = Stage(most=1)
    for number in range(count + 1):
        stage.batches.put(number)
    for _ in range(count):
        await stage.end(fails=True)
    await stage.end()
    assert stage.failed == [[number] for number in range(count)]
    assert stage.written == [[count]]
    stage.batches.put(9)
    await stage.end()
    assert stage.written[-1] == [9]
