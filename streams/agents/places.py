"""Keeps the history of places: compares what a job found with what is known of its place.

Two steps, so that one process at a time writes for a place: the end of a job becomes a
``PlaceScraped`` in ``place-events``, keyed by place; that record, read back by whoever has its
partition, becomes the events of its reviews. See docs/decisions/0012-place-history.md.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.domain.events import Ending, ScrapeCancelled, ScrapeCompleted, ScrapeFailed
from streams.domain.ids import JobId
from streams.domain.items import Position
from streams.domain.job import Job
from streams.domain.place import (
    NARROWING,
    PlaceScraped,
    RecordedPlaceEvent,
    place_event_id,
    place_id_of,
)
from streams.domain.place_history import Earlier, Known, Scrape, Sighting, compare
from streams.domain.recorded import Recorded
from streams.errors import LogUnavailableError, StoreUnavailableError
from streams.ports import JobStore
from streams.topics import JOB_EVENTS, PLACE_EVENTS, SCRAPED_ITEMS

log = logging.getLogger(__name__)

KINDS = frozenset({"google_reviews"})
"""Kinds of jobs whose items are reviews of a place."""
MOST_WRITTEN = 10_000  # places whose newest event is remembered
WAIT_S = 5.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 0.25


class PlaceMemory(Protocol):
    """What is stored of places. Each method raises StoreUnavailableError."""

    async def known(self, place_id: str) -> Mapping[str, Known]: ...
    async def sightings(self, job_id: JobId) -> Sequence[Sighting]: ...
    async def earlier(self, place_id: str, job_id: JobId, before: int) -> Earlier: ...


class PlaceLog(Protocol):
    """The one call of the event log that the agent makes."""

    async def append_place_events(
        self, events: Sequence[RecordedPlaceEvent]
    ) -> Sequence[Position]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceParts:
    """What the agent works with."""

    log: PlaceLog
    store: JobStore
    places: PlaceMemory
    end_of: Callable[[int], Awaitable[int]]
    """The end of a partition of ``place-events``, asked from the broker."""
    is_stored: Callable[[str, int, int], Awaitable[bool]]
    """Whether the store has a partition of a topic up to an offset."""


class PlaceHistory:
    """Reacts to records of both topics. Each may come again: it changes nothing.

    Each method raises UnavailableError when a part is away, or the store is behind: call again.
    """

    def __init__(self, parts: PlaceParts) -> None:
        self._parts = parts
        self._begins: dict[int, int] = {}
        """The end of a partition when we got it: the store must have what others wrote."""
        self._written: dict[str, Position] = {}
        """Our newest event of each place that the store may not have yet."""

    def forget(self) -> None:
        """Partitions have moved: others may have written for any place."""
        self._begins.clear()
        self._written.clear()

    async def end_job(self, recorded: Recorded) -> None:
        """Append a ``PlaceScraped`` if ``recorded`` ends a job that found a place."""
        ending = recorded.event
        if not isinstance(ending, Ending) or ending.kind not in KINDS:
            return
        job = await self._ended_job(recorded)
        if job is None:
            log.warning("job is not stored any more", extra={"job_id": recorded.job_id})
            return
        new = scraped(job, recorded, ending)
        if new is not None:
            await self._append([new])

    async def compare(self, recorded: RecordedPlaceEvent) -> None:
        """Append what changed, if ``recorded`` is a scrape."""
        event = recorded.event
        if not isinstance(event, PlaceScraped):
            return
        await self._wait_for_own(recorded)
        if event.items is not None:
            span = event.items
            await self._until_stored(SCRAPED_ITEMS, span.partition, span.end)
        places = self._parts.places
        sightings = await places.sightings(recorded.job_id) if event.items else []
        found = compare(
            await places.known(recorded.place_id),
            sightings,
            Scrape(
                began_at=event.began_at,
                ended_at=recorded.occurred_at,
                is_whole=event.is_whole,
                missed=max(0, (event.reviews_total or 0) - len(sightings)),
            ),
            await places.earlier(recorded.place_id, recorded.job_id, recorded.offset),
        )
        new = [
            RecordedPlaceEvent(
                place_id=recorded.place_id,
                job_id=recorded.job_id,
                tenant=recorded.tenant,
                event_id=place_event_id(
                    recorded.place_id, recorded.job_id, type(change).__name__, change.review_id
                ),
                occurred_at=at,
                event=change,
                traceparent=recorded.traceparent,
            )
            for at, change in found
        ]
        await self._append(new)
        log.info(
            "place compared",
            extra={"place_id": recorded.place_id, "job_id": recorded.job_id, "events": len(new)},
        )

    async def _ended_job(self, recorded: Recorded) -> Job | None:
        """The job with its last event folded in; None when the store has forgotten it."""
        job = await self._parts.store.find_job(recorded.job_id)
        if job is None or job.offset < recorded.offset:
            await self._until_stored(JOB_EVENTS, recorded.partition, recorded.offset + 1)
            job = await self._parts.store.find_job(recorded.job_id)
        return job

    async def _wait_for_own(self, recorded: RecordedPlaceEvent) -> None:
        """Wait until the store has all events that earlier scrapes of the place led to."""
        partition = recorded.partition
        if partition not in self._begins:
            self._begins[partition] = await self._parts.end_of(partition)
        await self._until_stored(PLACE_EVENTS, partition, self._begins[partition])
        written = self._written.get(recorded.place_id)
        if written is not None:
            await self._until_stored(PLACE_EVENTS, partition, written.offset + 1)

    async def _until_stored(self, topic: str, partition: int, end: int) -> None:
        deadline, pause_s = time.monotonic() + WAIT_S, FIRST_PAUSE_S
        while end > 0 and not await self._parts.is_stored(topic, partition, end):
            if time.monotonic() > deadline:
                raise StoreUnavailableError(f"{topic}/{partition} is not stored up to {end} yet")
            await asyncio.sleep(pause_s)
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)

    async def _append(self, new: Sequence[RecordedPlaceEvent]) -> None:
        if not new:
            return
        try:
            positions = await self._parts.log.append_place_events(new)
        except LogUnavailableError:
            self.forget()  # some may be in the log: the store must have them before we compare
            raise
        place_id = new[-1].place_id
        self._written.pop(place_id, None)
        self._written[place_id] = positions[-1]
        while len(self._written) > MOST_WRITTEN:
            # The oldest: the store is behind by far less than so many places.
            oldest = next(iter(self._written))
            position = self._written.pop(oldest)
            await self._until_stored(PLACE_EVENTS, position.partition, position.offset + 1)


def scraped(job: Job, recorded: Recorded, ending: Ending) -> RecordedPlaceEvent | None:
    """What the end of ``job`` says of its place; None when it found none."""
    place_id = place_id_of(job.tenant, job.kind, job.facts, job.url)
    if place_id is None:
        return None
    facts = job.facts
    stars = {str(n): facts.get(f"stars_{n}") for n in range(5, 0, -1)}
    return RecordedPlaceEvent(
        place_id=place_id,
        job_id=recorded.job_id,
        tenant=recorded.tenant,
        event_id=place_event_id(place_id, recorded.job_id, PlaceScraped.__name__),
        occurred_at=recorded.occurred_at,
        event=PlaceScraped(
            kind=job.kind,
            url=str(facts.get("url") or job.url),
            title=job.title,
            feature_id=_text(facts.get("feature_id")),
            source_place_id=_text(facts.get("place_id")),
            rating=_number(facts.get("rating")),
            reviews_total=_count(facts.get("reviews_announced"), job.items_total),
            histogram={name: count for name, count in stars.items() if isinstance(count, int)},
            outcome=_outcome_of(ending),
            items_count=ending.items_count,
            items=ending.items,
            began_at=job.started_at or job.created_at,
            is_whole=_outcome_of(ending) == "completed" and not NARROWING & job.options.keys(),
        ),
        traceparent=recorded.traceparent,
    )


def _outcome_of(ending: Ending) -> str:
    match ending:
        case ScrapeCompleted(outcome=outcome):
            return outcome
        case ScrapeFailed():
            return "failed"
        case ScrapeCancelled():
            return "cancelled"


def _text(value: object) -> str | None:
    return str(value) if value else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _count(*values: object) -> int | None:
    return next((value for value in values if isinstance(value, int)), None)
