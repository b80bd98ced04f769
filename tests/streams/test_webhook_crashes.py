"""The agent dies, the log goes away, records come twice: no webhook is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from streams.domain.webhook import (
    Delivery,
    DeliveryResult,
)
from streams.topics import PARTITIONS
from streams.webhook_signature import verify
from tests.support.webhook_agent import Agent, running_agent, some_records
from tests.support.webhooks import Receiver

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY="
LONG_S = 3600.0  # longer than any pause between two tries


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def agent() -> AsyncIterator[Agent]:
    async with running_agent() as agent:
        yield agent


async def test_a_retry_survives_a_restart(agent: Agent, receiver: Receiver) -> None:
    receiver.answers.append(500)
    await agent.owe(receiver.url, secret=SECRET)
    await agent.until_tries(1)
    after = await agent.restarted()
    after.clock.advance(LONG_S)
    await after.until(after.is_settled)
    assert [(each.attempt, each.ok) for each in after.tries()] == [(1, False), (2, True)]
    assert len(receiver.received) == 2
    assert verify(
        receiver.received[1].body, receiver.received[1].headers, SECRET, now=after.clock.now
    ).ok


async def test_the_log_alone_is_enough_to_go_on(agent: Agent, receiver: Receiver) -> None:
    receiver.answers.extend([200, 500])
    await agent.owe(receiver.url, job=1)
    await agent.until_tries(1)
    await agent.owe(receiver.url, job=2)
    await agent.until_tries(2)
    after = await agent.restarted(with_storage=False)
    after.clock.advance(LONG_S)
    for partition in range(PARTITIONS):
        after.deliveries.hold(partition)
    await after.read_back()
    after.deliveries.sweep()
    for partition in range(PARTITIONS):
        after.deliveries.release(partition)
    await after.until(after.is_settled)
    assert len(receiver.received) == 3  # the delivered one was not sent again
    assert len(after.tries()) == 3


async def test_an_end_that_the_log_did_not_take_is_recorded_later_not_sent_again(
    agent: Agent, receiver: Receiver
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        agent.broker.away = True
        return web.Response()

    receiver.answers.append(answer)
    await agent.owe(receiver.url)
    await agent.until(lambda: bool(agent.results))
    agent.deliveries.sweep()
    agent.broker.away = False
    await agent.until(agent.is_settled)
    assert len(receiver.received) == 1
    assert len(agent.tries()) == 1


async def test_a_crash_before_the_record_sends_again_under_the_same_id(
    agent: Agent, receiver: Receiver
) -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        agent.broker.away = True
        return web.Response()

    receiver.answers.append(answer)
    await agent.owe(receiver.url)
    await agent.until(lambda: bool(agent.results))
    after = await agent.restarted()
    after.broker.away = False
    await after.until(after.is_settled)
    assert [each.attempt for each in after.tries()] == [1]
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_nothing_is_sent_twice_while_the_read_back_is_under_way(
    agent: Agent, receiver: Receiver
) -> None:
    first = await agent.owe(receiver.url, job=1)
    await agent.read_back()
    async with asyncio.timeout(5):
        while not agent.tries():  # appended, and not read back by anybody
            await agent.broker.wait_for_growth(1.0)
    for _ in range(3):
        agent.deliveries.sweep()
    second = await agent.owe(receiver.url, job=2)
    agent.fold_only(second)
    await receiver.wait_for(2)  # one receiver's tries are made in order
    assert [got.job_id for got in receiver.received] == [first, second]


async def test_a_partition_whose_past_is_being_read_is_not_tried(
    agent: Agent, receiver: Receiver
) -> None:
    held = await agent.owe(receiver.url, job=0)
    free = next(
        job
        for job in [await agent.owe(receiver.url, job=number) for number in range(1, 9)]
        if agent.partition_of(job) != agent.partition_of(held)
    )
    agent.deliveries.hold(agent.partition_of(held))
    for job in (held, free):
        agent.fold_only(job)
    agent.deliveries.sweep()
    await receiver.wait_for(1)
    assert [got.job_id for got in receiver.received] == [free]
    agent.deliveries.release(agent.partition_of(held))
    agent.deliveries.sweep()
    await receiver.wait_for(2)
    assert receiver.received[1].job_id == held


async def test_an_ending_read_again_after_the_delivery_owes_nothing(
    agent: Agent, receiver: Receiver
) -> None:
    await agent.owe(receiver.url)
    await agent.until_tries(1)
    await agent.owe(receiver.url)
    await agent.until(lambda: agent.is_settled() and len(agent.history()) == 3)
    await agent.deliveries.close(5.0)
    assert len(receiver.received) == 1


async def test_closing_lets_a_try_under_way_end(agent: Agent, receiver: Receiver) -> None:
    await agent.owe(receiver.url)
    await agent.read_back()
    await agent.deliveries.close(5.0)
    assert [each.ok for each in agent.tries()] == [True]


async def test_a_bug_in_a_try_surfaces_at_the_next_sweep() -> None:
    class Broken:
        async def send(self, delivery: Delivery, secret: str | None) -> DeliveryResult:
            raise RuntimeError("a bug")

    agent = Agent(await some_records(), Broken())
    await agent.owe("https://example.com/")
    with pytest.raises(RuntimeError, match="a bug"):
        await agent.until(agent.is_settled)
