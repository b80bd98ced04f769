"""Replays events into a fresh topic: for analytics, load tests, a second system."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_copy import KafkaCopier
from streams.adapters.kafka_reader import KafkaReader
from streams.domain.log_part import LogPart, Span
from streams.domain.pace import Pace
from streams.errors import InvalidRequestError, LogUnavailableError
from streams.garbage import rare_garbage_collection
from streams.log_reading import GIVEN_UP_S, of_jobs, spans_of
from streams.replay import Told
from streams.topics import JOB_EVENTS, SCRAPED_ITEMS, WEBHOOK_EVENTS, all_topics

SOURCE_TOPICS = (JOB_EVENTS, SCRAPED_ITEMS, WEBHOOK_EVENTS)
TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
MOST_AT_ONCE = 20_000
FEW = 500
"""Records of a partition that wait for their turn; with fewer, more are read."""
LOOK_S = 0.5


@dataclass(slots=True, kw_only=True)
class TopicReplayed:
    """What was copied."""

    source: str
    topic: str
    records: int = 0
    """Written to the topic."""
    looked_at: int = 0
    """Read, those of other jobs too."""
    total: int = 0
    """To be read in all."""
    seconds: float = 0.0
    is_whole: bool = False
    """Whether it came to its end."""


def check_target(name: str) -> None:
    """Refuse a topic that may never be replayed into.

    Raises:
        InvalidRequestError: it is one of ours or of Kafka, or no name.
    """
    if not TOPIC_NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidRequestError(
            "the name of a topic has letters, digits, `.`, `_` and `-`, at most 200 of them"
        )
    # Kafka's metrics take `.` and `_` for the same.
    ours = {topic.name.replace(".", "_") for topic in all_topics()}
    if name.startswith("__") or name.replace(".", "_") in ours:
        raise InvalidRequestError(
            f"{name} is a topic of the system, and its readers would act on it: take a fresh name"
        )


async def prepare_target(
    admin: KafkaAdmin, reader: KafkaReader, name: str, partitions: int
) -> None:
    """Create the topic, unless it is there and empty; ``reader`` reads nothing yet.

    Raises:
        InvalidRequestError: it holds records, or has another number of partitions.
        LogUnavailableError: the broker does not answer.
    """
    check_target(name)
    if await admin.create_topic(name, partitions=partitions):
        return
    ends = await reader.ends(name)
    if any(ends.values()):
        raise InvalidRequestError(
            f"the topic {name} holds records: replay into a fresh one, so that none is there twice"
        )
    if len(ends) != partitions:
        raise InvalidRequestError(
            f"the topic {name} has {len(ends)} partitions and not {partitions}: the order of keys "
            "would break; take a fresh name"
        )


class TopicReplay:
    """One copy of a part of a topic. In order within a partition, and so within a key."""

    def __init__(
        self,
        part: LogPart,
        pace: Pace,
        reader: KafkaReader,
        copier: KafkaCopier,
        result: TopicReplayed,
        *,
        told: Told = lambda _done, _total: None,
        is_forgotten: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        """``result`` says from where to where, and is kept up to date: also for who stops it.

        ``is_forgotten`` tells records that must not be copied any more.

        ``told`` hears (records looked at, records in all) from time to time.
        """
        self._part = part
        self._pace = pace
        self._reader = reader
        self._copier = copier
        self._told = told
        self._is_forgotten = is_forgotten
        self._is_of_jobs = of_jobs(part, result.source)
        self._spans: Mapping[int, Span] = {}
        self._left: dict[int, int] = {}
        """The end of each partition that is not read to it."""
        self._heard_s = 0.0
        self.result = result

    async def run(self) -> TopicReplayed:
        """Copy. When it is cancelled, what was begun is written, and ``result`` has counted it.

        Raises:
            LogUnavailableError: Kafka is away; the target is not whole.
        """
        began_s = self._heard_s = time.monotonic()
        source = self.result.source
        self._spans = await spans_of(self._reader, source, self._part)
        self._left = {number: span.end for number, span in self._spans.items()}
        self.result.total = sum(span.count for span in self._spans.values())
        self._reader.assign({(source, n): span.first for n, span in self._spans.items()})
        try:
            with rare_garbage_collection():
                await (self._fast() if self._pace.is_fastest else self._paced())
            self.result.is_whole = True
        finally:
            self.result.seconds = time.monotonic() - began_s
        return self.result

    async def _fast(self) -> None:
        """While some records are written the next ones are read."""
        writing: asyncio.Task[None] | None = None
        try:
            while self._left:
                found = await self._read(self._left, LOOK_S)
                if writing is not None:
                    await asyncio.shield(writing)
                writing = asyncio.create_task(self._write(found))
        finally:
            if writing is not None:
                await writing

    async def _paced(self) -> None:
        """Each record when its turn is."""
        waiting: dict[int, deque[Any]] = {number: deque() for number in self._spans}
        first_ms, began_s = 0, 0.0
        while self._left or any(waiting.values()):
            pause_s = LOOK_S
            if began_s:
                passed_s = time.monotonic() - began_s
                due = {
                    number: self._due(queue, first_ms, passed_s)
                    for number, queue in waiting.items()
                }
                await self._finish(self._write(due))
                passed_s = time.monotonic() - began_s
                heads = [queue[0].timestamp for queue in waiting.values() if queue]
                if heads:
                    pause_s = self._pace.due_s(min(heads), first_ms) - passed_s
            hungry = [number for number in self._left if len(waiting[number]) < FEW]
            pause_s = min(max(pause_s, 0.001), LOOK_S)
            if hungry:
                for number, records in (await self._read(hungry, pause_s)).items():
                    waiting[number].extend(records)
            else:
                await asyncio.sleep(pause_s)
            if not began_s and all(waiting[number] for number in self._left):
                # Only now is the oldest of all partitions known.
                heads = [queue[0].timestamp for queue in waiting.values() if queue]
                first_ms, began_s = min(heads, default=0), time.monotonic()

    def _due(self, queue: deque[Any], first_ms: int, passed_s: float) -> list[Any]:
        due = []
        while queue and self._pace.due_s(queue[0].timestamp, first_ms) <= passed_s:
            due.append(queue.popleft())
        return due

    async def _read(
        self, numbers: Sequence[int] | Mapping[int, int], timeout_s: float
    ) -> Mapping[int, list[Any]]:
        """The next wanted records of some partitions; notes those that are at their end."""
        source = self.result.source
        found = await self._reader.read_as_is(
            [(source, number) for number in numbers], timeout_s=timeout_s, most=MOST_AT_ONCE
        )
        wanted: dict[int, list[Any]] = {}
        for number, records in found.items():
            end = self._spans[number].end
            within = records if records[-1].offset < end else [r for r in records if r.offset < end]
            self.result.looked_at += len(within)
            is_every = not self._part.job_ids
            wanted[number] = [
                record
                for record in within
                if (is_every or self._is_of_jobs(record)) and not self._is_forgotten(record)
            ]
        now_s = time.monotonic()
        if found:
            self._heard_s = now_s
        elif not isinstance(numbers, list) and now_s - self._heard_s > GIVEN_UP_S:
            raise LogUnavailableError("Kafka does not give the log's records; try again")
        for number in list(self._left):
            # Not the last record's offset: a span may end with offsets that hold none.
            if await self._reader.position((source, number)) >= self._left[number]:
                del self._left[number]
        self._told(self.result.looked_at, self.result.total)
        return wanted

    async def _write(self, found: Mapping[int, Sequence[Any]]) -> None:
        await self._copier.append(self.result.source, found)
        self.result.records += sum(len(records) for records in found.values())
        self._told(self.result.looked_at, self.result.total)

    async def _finish(self, work: Any) -> None:
        """What was begun is ended, also when we are told to stop."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise
