"""From the end of a job to the customer's receiver, over a log in memory and real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from standardwebhooks import Webhook as StandardWebhook

from streams.agents.deliveries import ITEMS_WAIT_S, MOST_PER_HOST
from streams.agents.webhooks import follow_deliveries
from streams.domain.webhook import (
    DeliveryExhausted,
    DeliveryScheduled,
    RecordedDelivery,
    delivery_id_of,
)
from streams.sealing import Sealer
from streams.topics import WEBHOOK_DLQ, WEBHOOK_EVENTS
from tests.support.webhook_agent import TRACE, Agent, running_agent
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


async def test_the_customer_gets_the_signed_body(agent: Agent, receiver: Receiver) -> None:
    job_id = await agent.owe(receiver.url, secret=SECRET)
    await agent.until(agent.is_settled)
    (got,) = receiver.received
    assert StandardWebhook(SECRET).verify(got.body, dict(got.headers))["job_id"] == job_id
    plain = hmac.new(SECRET.encode(), got.body, hashlib.sha256).hexdigest()
    assert got.headers["X-Webhook-Signature"] == plain
    assert got.headers["webhook-id"] == delivery_id_of(job_id)
    assert got.headers["traceparent"] == TRACE
    (scheduled, *_) = agent.history()
    assert isinstance(scheduled, DeliveryScheduled)
    assert got.body == scheduled.body.encode()
    assert [result.ok for result in agent.results] == [True]


async def test_the_agent_follows_a_stream(agent: Agent, receiver: Receiver) -> None:
    await agent.owe(receiver.url)

    async def stream() -> AsyncIterator[RecordedDelivery]:
        for raw in agent.broker.records(WEBHOOK_EVENTS):
            yield agent.records.read_delivery(raw)

    await follow_deliveries(stream(), agent.deliveries)  # no sweep: an event starts its delivery
    await receiver.wait_for(1)


async def test_two_failures_then_success_under_one_id(agent: Agent, receiver: Receiver) -> None:
    receiver.answers.extend([500, 503])
    await agent.owe(receiver.url, secret=SECRET)
    for tries in (1, 2, 3):
        await agent.until_tries(tries)
        agent.clock.advance(LONG_S)
    await agent.until(agent.is_settled)
    assert [(each.attempt, each.ok, each.status_code) for each in agent.tries()] == [
        (1, False, 500),
        (2, False, 503),
        (3, True, 204),
    ]
    assert len({got.headers["webhook-id"] for got in receiver.received}) == 1
    assert len({got.headers["webhook-timestamp"] for got in receiver.received}) == 3
    assert agent.broker.records(WEBHOOK_DLQ) == []


async def test_no_try_is_made_before_it_is_due(agent: Agent, receiver: Receiver) -> None:
    receiver.answers.append(500)
    await agent.owe(receiver.url)
    await agent.until_tries(1)
    (failed,) = agent.tries()
    assert failed.next_at is not None
    agent.clock.now = failed.next_at - timedelta(seconds=1)
    agent.deliveries.sweep()
    agent.deliveries.sweep()
    agent.clock.now = failed.next_at
    await agent.until_tries(2)
    times = [got.headers["webhook-timestamp"] for got in receiver.received]
    assert times[1:] == [str(int(failed.next_at.timestamp()))]


async def test_no_try_left_leads_to_the_dead_letter_topic(agent: Agent, receiver: Receiver) -> None:
    receiver.answers.extend([500, 500, 500])
    await agent.owe(receiver.url, secret=SECRET)
    for tries in (1, 2, 3):
        await agent.until_tries(tries)
        agent.clock.advance(LONG_S)
    await agent.until(agent.is_settled)
    assert len(receiver.received) == 3
    last = agent.history()[-1]
    assert isinstance(last, DeliveryExhausted)
    assert last.attempts == 3
    (letter,) = agent.broker.records(WEBHOOK_DLQ)
    original = agent.broker.records(WEBHOOK_EVENTS)[0]
    assert (letter.key, letter.value) == (original.key, original.value)
    headers = dict(letter.headers)
    assert dict(original.headers).items() <= headers.items()
    assert headers["dlq_reason"] == b"no try is left after 3: webhook.http_5xx 500"
    assert headers["dlq_topic"] == WEBHOOK_EVENTS.encode()
    assert headers["dlq_partition"] == str(original.partition).encode()
    assert headers["dlq_offset"] == str(original.offset).encode()


async def test_a_receiver_that_is_gone_is_given_up_at_once(
    agent: Agent, receiver: Receiver
) -> None:
    receiver.answers.append(410)
    await agent.owe(receiver.url)
    await agent.until(agent.is_settled)
    assert len(agent.broker.records(WEBHOOK_DLQ)) == 1
    assert len(receiver.received) == 1


async def test_retry_after_is_waited_for(agent: Agent, receiver: Receiver) -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.Response(status=503, headers={"Retry-After": "90"})

    receiver.answers.append(busy)
    await agent.owe(receiver.url)
    await agent.until_tries(1)
    (failed,) = agent.tries()
    assert failed.next_at is not None
    assert (failed.next_at - agent.clock.now).total_seconds() == 90


async def test_one_slow_receiver_does_not_delay_another(agent: Agent, receiver: Receiver) -> None:
    opened = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await opened.wait()
        return web.Response()

    async with Receiver() as slow_one:
        slow_one.answers.extend([slow] * 40)
        for job in range(40):
            await agent.owe(slow_one.url, job=job)
        await agent.until(lambda: len(slow_one.received) == MOST_PER_HOST)
        for job in range(40, 60):
            await agent.owe(receiver.url, job=job)
        await agent.until_tries(20)
        assert len(receiver.received) == 20
        assert len(slow_one.received) == MOST_PER_HOST  # so many at once, and no more
        opened.set()
        await agent.until_tries(60)
        await agent.until(agent.is_settled)


# When items are not readable yet


async def test_the_first_try_waits_until_the_items_are_readable(
    agent: Agent, receiver: Receiver
) -> None:
    agent.store.are_readable = False
    job_id = await agent.owe(receiver.url)
    await agent.until(lambda: len(agent.store.asked) >= 3)
    assert set(agent.store.asked) == {(job_id, 254)}
    assert receiver.received == []
    assert agent.tries() == []  # waiting spends no try
    agent.store.are_readable = True
    await agent.until_tries(1)
    assert agent.tries()[0].attempt == 1


@pytest.mark.parametrize("is_away", [True, False])
async def test_the_customer_is_told_in_the_end_even_without_the_store(
    agent: Agent, receiver: Receiver, is_away: bool, caplog: pytest.LogCaptureFixture
) -> None:
    agent.store.are_readable = False
    agent.store.is_away = is_away
    await agent.owe(receiver.url)
    await agent.until(lambda: bool(agent.store.asked))
    agent.clock.advance(ITEMS_WAIT_S)
    await agent.until_tries(1)
    assert "webhook sent before items are readable" in caplog.messages


async def test_a_secret_is_in_no_log_line_no_record_and_no_storage(
    agent: Agent, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = "token-in-the-path"
    receiver.answers.extend([500, 410])
    await agent.owe(receiver.url.replace("/hook", f"/{token}"), secret=SECRET)
    await agent.until_tries(1)
    agent.clock.advance(LONG_S)
    await agent.until(agent.is_settled)
    lines = " ".join(str(vars(record)) for record in caplog.records)
    assert "webhook failed" in lines
    assert "webhook given up" in lines
    key = SECRET.removeprefix("whsec_")
    signatures = [got.headers["X-Webhook-Signature"] for got in receiver.received]
    for hidden in (SECRET, key, token, *signatures):
        assert hidden not in lines
    stored = list(agent.storage.values())
    for raw in (*agent.broker.records(WEBHOOK_EVENTS), *agent.broker.records(WEBHOOK_DLQ)):
        stored += [raw.value or b"", *(value for _, value in raw.headers)]
    assert stored
    assert not any(key.encode() in each for each in stored)


async def test_a_secret_under_another_key_is_never_sent_unsigned(
    agent: Agent, receiver: Receiver
) -> None:
    await agent.owe(receiver.url, secret=SECRET)
    agent.sealer = Sealer(Fernet.generate_key().decode())
    after = await agent.restarted()
    await after.until_tries(1)
    assert after.tries()[0].error == "webhook.secret"
    assert receiver.received == []
