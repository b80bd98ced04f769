"""Time limits that share one timer."""

from __future__ import annotations

import asyncio

import pytest

from streams.equal_timeouts import EqualTimeouts

WAIT_S = 10.0


async def test_a_block_that_takes_too_long_raises_a_timeout() -> None:
    limits = EqualTimeouts(0.01)
    with pytest.raises(TimeoutError), limits.begin():
        await asyncio.Event().wait()
    with limits.begin():  # the next one is not touched by it
        await asyncio.sleep(0)


async def test_each_of_many_runs_out_also_behind_ones_that_ended() -> None:
    limits = EqualTimeouts(0.01)

    async def wait_for_ever() -> None:
        with limits.begin():
            await asyncio.Event().wait()

    async def end_at_once() -> None:
        with limits.begin():
            pass

    async with asyncio.timeout(WAIT_S):
        ends = await asyncio.gather(
            *(wait_for_ever() if number % 2 else end_at_once() for number in range(10)),
            return_exceptions=True,
        )
        assert [type(end) for end in ends] == [type(None), TimeoutError] * 5
        with pytest.raises(TimeoutError):  # also after the timer has fired
            await wait_for_ever()


async def test_a_task_that_others_cancel_stays_cancelled() -> None:
    limits = EqualTimeouts(WAIT_S)
    began = asyncio.Event()

    async def wait_for_ever() -> None:
        with limits.begin():
            began.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait_for_ever())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"), EqualTimeouts(WAIT_S).begin():
        raise ValueError("mine")
