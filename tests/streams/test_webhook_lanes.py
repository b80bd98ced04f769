"""Work side by side: bounded in all, bounded for each key, in order within a key."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from streams.agents.lanes import Lanes


class Works:
    """Works that all wait for the same signal."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.go = asyncio.Event()

    async def one(self, name: str) -> None:
        self.begun.append(name)
        await self.go.wait()
        self.ended.append(name)


async def all_begun_that_may() -> None:
    """Let every task run until it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_no_key_and_not_all_together_take_more_than_their_places() -> None:
    works, lanes = Works(), Lanes(most=5, most_per_key=2)
    for key in "abcd":
        for number in range(4):
            lanes.put(key, partial(works.one, f"{key}{number}"))
    await all_begun_that_may()
    assert works.begun == ["a0", "a1", "b0", "b1", "c0"]
    works.go.set()
    await lanes.close(5.0)
    assert works.begun == works.ended


async def test_the_next_work_of_a_key_begins_when_one_has_ended() -> None:
    works, lanes = Works(), Lanes(most=5, most_per_key=1)
    works.go.set()
    for number in range(4):
        lanes.put("a", partial(works.one, f"a{number}"))
    await all_begun_that_may()
    assert works.ended == ["a0", "a1", "a2", "a3"]


async def test_closing_drops_what_waits_and_stops_what_does_not_end() -> None:
    works, lanes = Works(), Lanes(most=5, most_per_key=1)
    for number in range(2):
        lanes.put("a", partial(works.one, f"a{number}"))
    await all_begun_that_may()
    await lanes.close(0.0)
    lanes.put("b", partial(works.one, "b0"))
    await all_begun_that_may()
    assert works.begun == ["a0"]
    assert works.ended == []
    lanes.check()  # being stopped is no bug


async def test_a_bug_is_told_once() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    lanes = Lanes(most=5, most_per_key=1)
    lanes.put("a", broken)
    await all_begun_that_may()
    with pytest.raises(ZeroDivisionError):
        lanes.check()
    lanes.check()
