"""A worker that is busy leaves none of its partitions out of what the broker is asked for."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from scrapers.task_queue import TaskQueue
from streams.adapters.kafka_reader import KafkaReader, open_reader
from streams.adapters.kafka_writer import open_writer
from streams.domain.items import Position
from streams.ports import NewRecord
from streams.settings import Settings
from streams.topics import TASKS

TOPIC = TASKS["low"]  # nobody works here: what is written is read by nobody else


@pytest.fixture
async def reader(parts: Settings) -> AsyncIterator[KafkaReader]:
    async with open_reader(parts, "it-tasks") as opened:
        yield opened


async def put(settings: Settings, count: int) -> list[Position]:
    """Put tasks into one partition; where they lie."""
    key = uuid.uuid4().hex.encode()
    record = NewRecord(topic=TOPIC, key=key, value=b"task", headers=[])
    async with open_writer(settings, "it-tasks") as writer:
        return list(await writer.send([record] * count))


def partitions_left_out(reader: KafkaReader) -> set[tuple[str, int]]:
    """Those of which aiokafka holds a batch, maybe a used up one: it does not ask for them."""
    held = reader._consumer._fetcher._records  # noqa: SLF001 - no public way
    return {(part.topic, part.partition) for part in held}


async def test_a_partition_is_fetched_again_while_its_task_is_at_work(
    parts: Settings, reader: KafkaReader
) -> None:
    [first] = await put(parts, 1)
    reader.assign({(TOPIC, first.partition): first.offset})
    [raw] = await TaskQueue(reader).next(lambda: True)
    assert raw.offset == first.offset
    assert partitions_left_out(reader) == set()


async def test_tasks_behind_the_one_taken_come_next_and_once(
    parts: Settings, reader: KafkaReader
) -> None:
    places = await put(parts, 3)
    reader.assign({(TOPIC, places[0].partition): places[0].offset})
    tasks = TaskQueue(reader)
    taken = [raw for _ in places for raw in await tasks.next(lambda: True)]
    assert [raw.offset for raw in taken] == [place.offset for place in places]


async def test_no_more_tasks_are_taken_than_slots_are_free(
    parts: Settings, reader: KafkaReader
) -> None:
    places = await put(parts, 3)
    reader.assign({(TOPIC, places[0].partition): places[0].offset})
    tasks = TaskQueue(reader)
    taken = [await tasks.next(lambda: True, most=2) for _ in range(2)]
    assert [[raw.offset for raw in raws] for raws in taken] == [
        [places[0].offset, places[1].offset],
        [places[2].offset],
    ]


async def test_a_partition_that_has_moved_away_is_left_alone(
    parts: Settings, reader: KafkaReader
) -> None:
    [place] = await put(parts, 1)
    partition = (TOPIC, place.partition)

    class Moving:
        """Gives the partition away while the task is handed over."""

        read = staticmethod(reader.read)
        commit = staticmethod(reader.commit)
        leave = staticmethod(reader.leave)

        def assigned(self) -> frozenset[tuple[str, int]]:
            return frozenset()

        def seek(self, partition: tuple[str, int], offset: int) -> None:
            pytest.fail(f"{partition} is not ours any more")

    reader.assign({partition: place.offset})
    [raw] = await TaskQueue(Moving()).next(lambda: True)
    assert raw.offset == place.offset


async def test_a_reader_that_rests_fetches_nothing_until_it_is_assigned(
    parts: Settings, reader: KafkaReader
) -> None:
    [first] = await put(parts, 1)
    place = (TOPIC, first.partition)
    reader.assign({place: first.offset})
    reader.rest()
    assert await reader.read(timeout_s=0.7) == []  # longer than the broker may hold a fetch
    assert partitions_left_out(reader) == set()
    reader.assign({place: first.offset})
    [raw] = await reader.read(timeout_s=20)
    assert raw.offset == first.offset
