"""What the place agent takes of its topics, and what it makes of a job's end. Without a broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from scrapestream.process.places import in_order
from streams.agents.places import scraped
from streams.agents.reading import Reading
from streams.domain.events import Ending, ItemsSpan, ScrapeCompleted, ScrapeFailed
from streams.domain.ids import JobId
from streams.domain.job import Job
from streams.domain.place import PlaceScraped
from streams.domain.recorded import Recorded
from streams.ports import RawRecord
from streams.topics import JOB_EVENTS, PLACE_EVENTS

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
JOB_ID = JobId("a" * 32)
MINE = frozenset({("t", 0), ("t", 1)})


def raw(offset: int, kind: bytes | None = b"wanted", partition: int = 0) -> RawRecord:
    headers = [] if kind is None else [("ce_type", kind)]
    return RawRecord(
        topic="t", partition=partition, offset=offset, key=b"k", value=b"v", headers=headers
    )


class Handled:
    """Notes the offsets; waits at ``holds_at`` until it is given up."""

    def __init__(self, holds_at: int = -1) -> None:
        self.offsets: list[int] = []
        self.holds = asyncio.Event()
        self.moves = 0
        self._holds_at = holds_at
        self.reading = Reading(self, {"t": frozenset({b"wanted"})}, moved=self._moved)

    async def __call__(self, raw: RawRecord) -> None:
        if raw.offset == self._holds_at:
            self.holds.set()
            await asyncio.Event().wait()
        self.offsets.append(raw.offset)

    def _moved(self) -> None:
        self.moves += 1


async def test_only_what_is_wanted_is_handled_and_all_is_committed() -> None:
    handled = Handled()
    raws = [raw(3), raw(4, b"other"), raw(5, None), raw(9, b"other", partition=1)]
    handled.reading.take(raws)
    assert handled.reading.waiting_count == 2
    done = await handled.reading.handle(lambda: MINE)
    assert handled.offsets == [3, 5]
    assert done == {("t", 0): 6, ("t", 1): 10}


async def test_partitions_that_go_take_what_is_under_way_with_them() -> None:
    handled = Handled(holds_at=4)
    handled.reading.take([raw(3), raw(4), raw(5)])
    handling = asyncio.create_task(handled.reading.handle(lambda: MINE))
    await handled.holds.wait()
    await handled.reading.let_go(MINE)
    assert await handling == {}
    assert (handled.offsets, handled.moves) == ([3], 1)


async def test_records_of_a_partition_that_is_not_ours_are_left() -> None:
    handled = Handled()
    handled.reading.take([raw(3)])
    assert await handled.reading.handle(frozenset) == {}
    assert handled.offsets == []


async def test_what_was_taken_before_partitions_moved_is_dropped() -> None:
    handled = Handled()
    handled.reading.take([raw(3)])
    handled.reading.begin()
    handled.reading.take([raw(1)])
    assert await handled.reading.handle(lambda: MINE) == {("t", 0): 2}
    assert handled.offsets == [1]


def ending(offset: int, at: str, partition: int) -> RawRecord:
    headers = [("ce_time", at.encode())]
    return raw(offset, partition=partition)._replace(topic=JOB_EVENTS, headers=headers)


def test_jobs_are_compared_in_the_order_they_ended_in() -> None:
    late = ending(1, "2026-11-22T12:00:01+00:00", 0)
    soon = ending(7, "2026-11-22T12:00:00.500000+00:00", 5)
    untold = ending(9, "?", 2)
    scrapes = [raw(offset)._replace(topic=PLACE_EVENTS) for offset in (4, 5)]
    mixed = [late, scrapes[1], soon, untold, scrapes[0]]
    assert sorted(mixed, key=in_order) == [*scrapes, untold, soon, late]


async def test_a_bug_in_handling_ends_the_role() -> None:
    async def fail(_raw: RawRecord) -> None:
        raise ValueError("a bug")

    reading = Reading(fail, {"t": frozenset({b"wanted"})}, moved=lambda: None)
    reading.take([raw(1)])
    with pytest.raises(ValueError, match="a bug"):
        await reading.handle(lambda: MINE)


def ended(ending: Ending, **changes: Any) -> PlaceScraped | None:
    fields: dict[str, Any] = {
        "facts": {"feature_id": "0x1:0x2", "url": "https://x/p", "rating": 4, "stars_5": 7},
        "title": "A",
        "items_total": 12,
        **changes,
    }
    job = Job(
        job_id=JOB_ID,
        tenant="t",
        kind="google_reviews",
        url="https://y/",
        created_at=AT,
        updated_at=AT,
        attempt_changed_at=AT,
        partition=0,
        offset=1,
        **fields,
    )
    recorded = Recorded(
        job_id=JOB_ID,
        tenant="t",
        event_id="e",
        occurred_at=AT,
        partition=0,
        offset=1,
        event=ending,
    )
    new = scraped(job, recorded, ending)
    assert new is None or isinstance(new.event, PlaceScraped)
    return new and new.event  # type: ignore[return-value]


def completion(outcome: str = "completed") -> ScrapeCompleted:
    return ScrapeCompleted(
        kind="google_reviews",
        url="https://y/",
        requested_at=AT,
        attempt=1,
        items_count=12,
        items=ItemsSpan(partition=0, first=0, end=12),
        outcome=outcome,
    )


def test_a_scrape_says_how_it_found_the_place() -> None:
    event = ended(completion())
    assert event is not None
    assert (event.url, event.title, event.rating) == ("https://x/p", "A", 4.0)
    assert (event.reviews_total, event.histogram, event.is_whole) == (12, {"5": 7}, True)


@pytest.mark.parametrize("name", ["max_reviews", "since", "known_ids", "stop_at_known"])
def test_a_scrape_that_was_narrowed_is_not_of_the_whole_list(name: str) -> None:
    facts = {"feature_id": "0x1:0x2", "reviews_announced": 99}
    event = ended(completion(), options={name: "1"}, items_total=1, facts=facts)
    assert event is not None
    assert (event.is_whole, event.reviews_total) == (False, 99)


@pytest.mark.parametrize(
    "ending",
    [
        completion("partial"),
        completion("truncated_by_source"),
        completion("no_reviews"),
        ScrapeFailed(
            kind="google_reviews",
            url="https://y/",
            requested_at=AT,
            attempt=1,
            items_count=1,
            reason="captcha",
            message="",
        ),
    ],
)
def test_only_a_completed_list_is_whole(ending: Ending) -> None:
    event = ended(ending)
    assert event is not None
    assert not event.is_whole


def test_a_job_that_found_no_place_says_nothing() -> None:
    assert ended(completion(), facts={}) is None
