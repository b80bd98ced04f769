"""A fetch's result gives all it has as one set, once."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition

from streams.adapters.kafka_sets import give_as_set
from streams.errors import LogUnavailableError
from streams.topics import JOB_EVENTS

PLACE = TopicPartition(JOB_EVENTS, 3)


class Assignment:
    """Of one partition, whose position it keeps."""

    active = True
    paused = False
    position = 1

    def state_value(self, partition: TopicPartition) -> Assignment:
        assert partition == PLACE
        return self

    def consumed_to(self, position: int) -> None:
        self.position = position


class Records:
    """What aiokafka would have given one by one."""

    next_fetch_offset = 1


def batch(count: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 2**20)
    for number in range(count):
        builder.append(number, 1_000, b"key", b"value", [("name", b"x")])
    return bytes(builder.build())


def result(raw: bytes, assignment: Assignment) -> Any:
    found = FetchResult(PLACE, assignment=assignment, partition_records=Records(), backoff=0)
    give_as_set(found, raw)
    give_as_set(found, b"another one changes nothing")
    return found


@pytest.mark.parametrize("limit", [None, 1, 3, 100])
def test_what_was_fetched_comes_once_and_the_position_is_behind_it(limit: int | None) -> None:
    assignment = Assignment()
    found = result(batch(5), assignment)
    only, *filling = found.getall(limit)
    assert len(filling) == min(limit or 4, 4) - 1
    assert not any(filling)
    assert only.offsets.tolist() == [1, 2, 3, 4]
    assert [(raw.key, raw.value, raw.headers) for raw in only.records()] == [
        (b"key", b"value", [("name", b"x")])
    ] * 4
    assert assignment.position == 5
    assert not found.has_more()
    assert found.getall(1) == []


def test_what_is_broken_is_told_and_fetched_again() -> None:
    assignment = Assignment()
    found = result(batch(5)[:-1] + b"?", assignment)
    [error] = found.getall(1)
    assert isinstance(error, LogUnavailableError)
    assert "job-events/3/0" in str(error)
    assert assignment.position == 1
    assert found.getall(1) == []
    assert not found.has_more()


def test_what_was_fetched_for_another_position_is_dropped() -> None:
    assignment = Assignment()
    found = result(batch(5), assignment)
    assignment.position = 3
    assert found.getall(1) == []
