"""Reads a part of a topic: the offsets of a span of time, the records of some jobs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from streams.adapters.kafka_batches import partition_of
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.record_sets import RecordSet
from streams.domain.log_part import LogPart, Span, span_of
from streams.errors import LogUnavailableError
from streams.ports import RawRecord
from streams.topics import JOB_EVENTS, SCRAPED_ITEMS

KEYED_BY_JOB = frozenset({JOB_EVENTS, SCRAPED_ITEMS})
GIVEN_UP_S = 60.0  # without a record although there are some: the broker is in trouble


async def spans_of(reader: KafkaReader, topic: str, part: LogPart) -> Mapping[int, Span]:
    """The offsets of ``part`` by partition; partitions without any are left out.

    Jobs narrow it to their partitions, not to their records: see ``of_jobs``.

    Raises:
        LogUnavailableError: the broker does not answer.
    """
    starts, ends = await reader.starts(topic), await reader.ends(topic)
    since = None if part.since is None else await reader.offsets_at(topic, part.since)
    before = None if part.before is None else await reader.offsets_at(topic, part.before)
    wanted = partitions_of(part, topic, sorted(ends))
    spans = {
        number: span_of(
            start=starts.get(number, 0),
            end=end,
            # A partition without a record as new as that has no offset for it.
            since=None if since is None else since.get(number, end),
            before=None if before is None else before.get(number, end),
        )
        for number, end in ends.items()
        if number in wanted
    }
    return {number: span for number, span in spans.items() if span.count}


def partitions_of(part: LogPart, topic: str, numbers: Sequence[int]) -> frozenset[int]:
    """Where the part's records can be, of the topic's partitions ``numbers``."""
    if not part.job_ids or topic not in KEYED_BY_JOB:
        return frozenset(numbers)
    return frozenset(partition_of(job_id.encode(), numbers) for job_id in part.job_ids)


def of_jobs(part: LogPart, topic: str) -> Callable[[RawRecord], bool]:
    """Whether a record is of one of the part's jobs; nothing is decoded for it."""
    wanted = frozenset(job_id.encode() for job_id in part.job_ids)
    if not wanted:
        return lambda _: True
    if topic in KEYED_BY_JOB:
        return lambda raw: raw.key in wanted
    return lambda raw: any(
        name == "ce_subject" and subject in wanted for name, subject in raw.headers
    )


async def read_spans(
    reader: KafkaReader, topic: str, spans: Mapping[int, Span]
) -> AsyncIterator[list[RawRecord]]:
    """The records of ``spans``, some at a time; as ``read_sets``."""
    async for found in read_sets(reader, topic, spans):
        yield found.records()


async def read_sets(
    reader: KafkaReader, topic: str, spans: Mapping[int, Span]
) -> AsyncIterator[RecordSet]:
    """The records of ``spans`` in sets of one partition; in order within a partition.

    Raises:
        LogUnavailableError: the broker does not give what it says that it has.
    """
    left = {number: span.end for number, span in spans.items() if span.count}
    if not left:
        return
    reader.hand_out_sets()
    reader.assign({(topic, number): spans[number].first for number in left})
    heard_s = time.monotonic()
    while left:
        found = await reader.read_sets(timeout_s=1.0)
        for each in found:
            heard_s = time.monotonic()
            end = spans[each.partition].end
            if each.end > end:
                each.only(each.offsets < end)
            if len(each):
                yield each
        if not found and time.monotonic() - heard_s > GIVEN_UP_S:
            raise LogUnavailableError("Kafka does not give the log's records; try again")
        for number in list(left):
            # Not the last record's offset: a span may end with offsets that hold none.
            if await reader.position((topic, number)) >= left[number]:
                del left[number]
