"""One suite for every broker: in memory and Kafka."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import pytest

from streams.adapters.kafka_reader import open_reader
from streams.adapters.kafka_writer import open_writer
from streams.adapters.memory import MemoryBroker, MemoryReader
from streams.ports import NewRecord, RawRecord, RecordReader, RecordWriter, TopicPartition
from streams.settings import Settings
from streams.topics import TASKS

TOPIC = TASKS["low"]  # nobody works here: what is written is read by nobody else


class AssignableReader(RecordReader, Protocol):
    """A reader that is told what to read."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None: ...


@dataclass(frozen=True, slots=True)
class Broker:
    """One side to write, one to read."""

    writer: RecordWriter
    reader: AssignableReader


@asynccontextmanager
async def memory() -> AsyncIterator[Broker]:
    broker = MemoryBroker()
    yield Broker(broker, MemoryReader(broker))


@asynccontextmanager
async def kafka(settings: Settings) -> AsyncIterator[Broker]:
    async with open_writer(settings, "it-writer") as writer, open_reader(settings, "it") as reader:
        yield Broker(writer, reader)


@pytest.fixture(params=["memory", "kafka"])
async def broker(request: pytest.FixtureRequest) -> AsyncIterator[Broker]:
    opened = memory() if request.param == "memory" else kafka(request.getfixturevalue("parts"))
    async with opened as found:
        yield found


def records(key: str, count: int) -> list[NewRecord]:
    return [
        NewRecord(
            topic=TOPIC,
            key=key.encode(),
            value=str(number).encode(),
            headers=[("ce_id", str(number).encode())],
        )
        for number in range(count)
    ]


async def read_from(broker: Broker, partition: int, first: int, count: int) -> list[RawRecord]:
    return await read_all(broker, {partition: first}, count)


async def read_all(broker: Broker, starts: Mapping[int, int], count: int) -> list[RawRecord]:
    broker.reader.assign({(TOPIC, partition): first for partition, first in starts.items()})
    found: list[RawRecord] = []
    while len(found) < count:
        got = await broker.reader.read(timeout_s=5.0)
        assert got, "nothing more came"
        found.extend(got)
    return found


async def test_records_of_a_key_keep_their_order_and_are_all_there(broker: Broker) -> None:
    key = uuid.uuid4().hex
    positions = await broker.writer.send(records(key, 200))
    (partition,) = {position.partition for position in positions}
    offsets = [position.offset for position in positions]
    assert offsets == list(range(offsets[0], offsets[0] + 200))
    found = await read_from(broker, partition, offsets[0], 200)
    assert [raw.value for raw in found] == [str(number).encode() for number in range(200)]
    assert [raw.offset for raw in found] == offsets
    assert {raw.key for raw in found} == {key.encode()}
    assert list(found[7].headers) == [("ce_id", b"7")]


async def test_reading_begins_where_it_is_told(broker: Broker) -> None:
    positions = await broker.writer.send(records(uuid.uuid4().hex, 10))
    found = await read_from(broker, positions[0].partition, positions[6].offset, 4)
    assert [raw.value for raw in found] == [b"6", b"7", b"8", b"9"]


async def test_ends_move_with_what_is_written(broker: Broker) -> None:
    before = await broker.reader.ends(TOPIC)
    positions = await broker.writer.send(records(uuid.uuid4().hex, 3))
    after = await broker.reader.ends(TOPIC)
    partition = positions[0].partition
    assert after[partition] == before[partition] + 3 == positions[-1].offset + 1
    others = {number: end for number, end in after.items() if number != partition}
    assert others == {number: end for number, end in before.items() if number != partition}


async def test_nothing_new_is_no_error(broker: Broker) -> None:
    ends = await broker.reader.ends(TOPIC)
    broker.reader.assign({(TOPIC, number): end for number, end in ends.items()})
    assert list(await broker.reader.read(timeout_s=0.1)) == []


async def test_many_records_at_once_keep_their_order_and_say_where_they_are(
    broker: Broker,
) -> None:
    before = await broker.reader.ends(TOPIC)
    keys = [f"many-{uuid.uuid4().hex}" for _ in range(60)]
    sent = [record for key in keys for record in records(key, 50)]
    single = await broker.writer.send(records(keys[0], 1))
    positions = await broker.writer.send(sent)
    assert {(at.partition, at.offset) for at in single} & {
        (at.partition, at.offset) for at in positions
    } == set()
    assert {at.partition for at in positions[:50]} == {single[0].partition}  # its key's place
    found = await read_all(broker, before, len(sent) + 1)
    by_place = {(raw.partition, raw.offset): (raw.key, raw.value) for raw in found}
    assert [by_place[at.partition, at.offset] for at in positions] == [
        (record.key, record.value) for record in sent
    ]
