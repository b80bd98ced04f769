"""The SSE streams of this process: who listens, and how they all end."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from sse_starlette.event import ServerSentEvent

from api.batches import Batch
from api.metrics import ApiMetrics
from api.queue_view import QueuePlace, QueueView, queue_message
from api.story import Story
from streams.domain.job import Job

RETRY_MS = 2_000
MOST_AT_ONCE = 200  # messages in one write: a replay is a few writes, not thousands
COUNTS_EVERY_S = 0.5
MOST_BEHIND = 1_000  # messages a live client may lag; it comes back with its last id

QUEUE_EVERY_S = 1.0
MOST_A_SECOND = 500
"""Streams looked at in a second: with more of them, each is looked at less often."""

# No blank line: a comment and `retry` are no message, also for parsers that dispatch an
# empty one there once they have an id (httpx-sse).
OPENING = f": scrapestream\nretry: {RETRY_MS}\n".encode()
FAREWELL = b": the server stops; come again\n"


class Ping(ServerSentEvent):
    """A comment that keeps proxies from closing a quiet stream."""

    def encode(self) -> bytes:
        return b": ping\n"


class OpenStreams:
    """Every open stream, so that a shutdown ends them at once and clients reconnect elsewhere."""

    def __init__(self, metrics: ApiMetrics, queue: QueueView) -> None:
        self._metrics = metrics
        self._queue = queue
        self._awake: set[asyncio.Event] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._awake)

    def close(self) -> None:
        """End every stream after what it has still to say."""
        self._closing = True
        for awake in self._awake:
            awake.set()

    async def listen(self, story: Story, after: int) -> AsyncIterator[bytes]:
        """Messages with an offset above ``after``: those that are there, then new ones.

        While the job waits, its place in the queue comes too, as it moves. Nothing is kept for a
        client but its place in the story, which all listeners share. It ends with the story, at a
        shutdown, or when the client lags ``MOST_BEHIND`` messages.
        """
        with self._listening(story.listeners) as awake:
            yield OPENING
            place, is_live = bisect_right(story.offsets, after), False
            queue_place: QueuePlace | None = None
            while True:
                awake.clear()
                behind = len(story.messages) - place
                if is_live and behind > MOST_BEHIND:
                    return
                if behind:
                    fresh = story.messages[place : place + MOST_AT_ONCE]
                    place += len(fresh)
                    yield b"".join(fresh)
                    continue
                if story.is_over:
                    return
                if self._closing:
                    yield FAREWELL
                    return
                is_live = True
                before, queue_place = queue_place, self._place_of(story.job)
                if story.job is None or queue_place is None:
                    await awake.wait()
                    continue
                if queue_place != before:
                    yield queue_message(story.job, queue_place)
                await _until_set(awake, max(QUEUE_EVERY_S, len(self._awake) / MOST_A_SECOND))

    async def count(
        self, batch: Batch, message: Callable[[Batch], bytes], last_seen: str
    ) -> AsyncIterator[bytes]:
        """A ``message`` whenever the counts of ``batch`` are others than ``last_seen``.

        Changes within ``COUNTS_EVERY_S`` are one message: thousands of jobs may end in it. It
        ends when all jobs have, or at a shutdown.
        """
        with self._listening(batch.listeners) as awake:
            yield OPENING
            while True:
                awake.clear()
                if batch.state() != last_seen:
                    last_seen = batch.state()
                    yield message(batch)
                if batch.has_ended:
                    return
                if self._closing:
                    yield FAREWELL
                    return
                await awake.wait()
                await asyncio.sleep(COUNTS_EVERY_S)

    @contextmanager
    def _listening(self, listeners: set[asyncio.Event]) -> Iterator[asyncio.Event]:
        """Be one of ``listeners``, and be told of a shutdown."""
        awake = asyncio.Event()
        listeners.add(awake)
        self._awake.add(awake)
        self._metrics.streams.inc()
        self._metrics.streams_total.inc()
        try:
            yield awake
        finally:
            listeners.discard(awake)
            self._awake.discard(awake)
            self._metrics.streams.dec()

    def _place_of(self, job: Job | None) -> QueuePlace | None:
        return None if job is None else self._queue.find(job)


async def _until_set(awake: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await awake.wait()
    except TimeoutError:
        return
