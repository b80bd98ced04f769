"""Events are replayed into a topic of their own, as they were and in their order."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest

from scrapestream.replaying import replay_into_topic
from scrapestream.wiring import open_log
from streams.adapters.kafka_reader import open_reader
from streams.domain.ids import new_job_id
from streams.domain.log_part import LogPart
from streams.domain.pace import Pace, pace_in
from streams.errors import InvalidRequestError
from streams.settings import Settings
from streams.topic_replay import TopicReplayed, check_target
from streams.topics import JOB_EVENTS, all_topics
from tests.streams.test_replay import EVENTS, append


def fresh() -> str:
    return f"it-replayed-{uuid.uuid4().hex[:8]}"


async def records_of(settings: Settings, topic: str) -> Sequence[Any]:
    """Everything in a topic, with partitions and times."""
    found: list[Any] = []
    async with open_reader(settings, "it-topic", wait_ms=20) as reader:
        ends = await reader.ends(topic)
        places = [(topic, number) for number in ends]
        reader.assign(dict.fromkeys(places, 0))
        async with asyncio.timeout(30):
            while len(found) < sum(ends.values()):
                read = await reader.read_as_is(places, timeout_s=1.0, most=5_000)
                found += [record for records in read.values() for record in records]
    return found


async def replayed(
    settings: Settings, part: LogPart, topic: str, pace: Pace | None = None
) -> TopicReplayed:
    result = TopicReplayed(source=JOB_EVENTS, topic=topic)
    return await replay_into_topic(settings, part, pace or Pace(), result)


@pytest.mark.timeout(120)
async def test_events_keep_their_bytes_times_and_order_at_any_speed(parts: Settings) -> None:
    job_ids = [new_job_id() for _ in range(5)]
    await append(parts, job_ids)
    part = LogPart(job_ids=tuple(job_ids[:3]))
    originals = {
        (record.partition, record.offset): record
        for record in await records_of(parts, JOB_EVENTS)
        if record.key.decode() in part.job_ids
    }
    for pace in (Pace(), pace_in("1000x")):
        topic = fresh()
        result = await replayed(parts, part, topic, pace)
        assert (result.records, result.is_whole) == (EVENTS * 3, True)
        copies = await records_of(parts, topic)
        assert len(copies) == len(originals) == EVENTS * 3
        seen: dict[bytes, int] = {}
        for copy in copies:
            *headers, (name, place) = copy.headers
            source, partition, offset = place.decode().split("/")
            original = originals[int(partition), int(offset)]
            assert (name, source) == ("replayed_from", JOB_EVENTS)
            assert headers == list(original.headers)
            for field in ("partition", "key", "value", "timestamp"):
                assert getattr(copy, field) == getattr(original, field)
            assert seen.get(copy.key, -1) < original.offset
            seen[copy.key] = original.offset
    with pytest.raises(InvalidRequestError, match="holds records"):
        await replayed(parts, part, topic)


@pytest.mark.timeout(120)
async def test_who_stops_it_is_told_what_was_done(parts: Settings) -> None:
    await append(parts, [new_job_id()])
    await asyncio.sleep(0.1)
    last = new_job_id()
    await append(parts, [last])
    result = TopicReplayed(source=JOB_EVENTS, topic=fresh())
    begun = asyncio.Event()

    def told(_done: int, _total: int) -> None:
        if result.records:
            begun.set()

    # The events of a tenth of a second in a day: the last one's turn never comes.
    slow = replay_into_topic(parts, LogPart(), Pace(1e-6), result, told=told)
    running = asyncio.create_task(slow)
    async with asyncio.timeout(60):
        await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not result.is_whole
    copies = await records_of(parts, result.topic)
    assert len(copies) == result.records > 0
    assert last.encode() not in {copy.key for copy in copies}


async def test_into_a_copy_of_its_own_nothing_else_is_written(parts: Settings) -> None:
    async with open_log(parts, "it"), open_reader(parts, "it") as reader:
        before = await reader.ends(JOB_EVENTS)
        await replayed(parts, LogPart(), fresh())
        assert await reader.ends(JOB_EVENTS) == before


@pytest.mark.parametrize(
    "name",
    ["__consumer_offsets", "", "a b", "..", "x" * 201, *(each.name for each in all_topics())],
)
def test_a_topic_of_the_system_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError):
        check_target(name)
