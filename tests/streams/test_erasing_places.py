"""A place's history is forgotten with its jobs and authors, and encrypted like its reviews."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.kafka_reader import open_reader
from streams.domain.erasure import Subject
from streams.domain.ids import JobId, new_job_id
from streams.domain.place import PlaceScraped, RecordedPlaceEvent, ReviewAdded, ReviewEdited
from streams.erasure_search import found_in_tables
from streams.projections import place_events, place_reviews, places
from streams.settings import Settings
from streams.topics import PLACE_EVENTS
from tests.api.job_events import review
from tests.streams.test_erasing import (
    EVENTS,
    KEPT,
    author_of,
    forgotten,
    place_of,
    scraped,
    words_of,
)
from tests.streams.test_materializer import materializing, stored
from tests.streams.test_replay import drift_of

OURS = (places.projection, place_reviews.projection, place_events.projection)


def history(job_id: JobId, author: str) -> list[RecordedPlaceEvent]:
    """A scrape that found two reviews, the first of them by ``author`` and edited since."""
    now = datetime.now(UTC)
    first = {**review(job_id, 1).fields, "author_id": author, "text": words_of(job_id)}
    second = {**review(job_id, 2).fields, "author_id": KEPT, "text": "Alles bestens."}
    events = (
        PlaceScraped(
            kind="google_reviews",
            url=place_of(job_id),
            title=f"Place {job_id}",
            outcome="completed",
            items_count=2,
            began_at=now,
            is_whole=True,
        ),
        ReviewAdded(review_id=f"1-{job_id}", review=first, first_seen_at=now),
        ReviewAdded(review_id=f"2-{job_id}", review=second, first_seen_at=now),
        ReviewEdited(
            review_id=f"1-{job_id}",
            review=first,
            first_seen_at=now,
            changes=1,
            fields=("text",),
            old_text=f"Before: {words_of(job_id)}",
        ),
    )
    return [
        RecordedPlaceEvent(
            place_id=job_id,
            job_id=job_id,
            tenant="public",
            event_id=str(uuid4()),
            occurred_at=now,
            event=event,
        )
        for event in events
    ]


async def rows_of(clickhouse: ClickHouse, table: str, place_id: str) -> int:
    rows = await clickhouse.rows(
        f"SELECT count() FROM {table} WHERE place_id = {{place:String}}", {"place": place_id}
    )
    return int(rows[0][0])


async def bytes_of(settings: Settings, place_id: str) -> bytes:
    """What Kafka holds of the place."""
    async with open_reader(settings, "test") as reader:
        ends = {n: end for n, end in (await reader.ends(PLACE_EVENTS)).items() if end}
        reader.assign({(PLACE_EVENTS, n): 0 for n in ends})
        found = b""
        async with asyncio.timeout(20):
            while ends:
                for raw in await reader.read(timeout_s=1.0):
                    found += raw.value or b"" if raw.key == place_id.encode() else b""
                for number in list(ends):
                    if await reader.position((PLACE_EVENTS, number)) >= ends[number]:
                        del ends[number]
    return found


@pytest.mark.timeout(120)
async def test_the_history_of_a_place_is_forgotten_and_was_encrypted(parts: Settings) -> None:
    settings = replace(parts, encrypt_personal=True)
    place, other = new_job_id(), new_job_id()
    async with materializing(settings), open_clickhouse(settings) as clickhouse:
        async with open_log(settings, "places") as log:
            for job_id in (place, other):
                await scraped(settings, job_id, author_of(job_id))
                await log.event_log.append_place_events(history(job_id, author_of(job_id)))
        await stored(clickhouse, [place, other], 2 * EVENTS)
        async with asyncio.timeout(20):
            while await rows_of(clickhouse, "place_events", other) < 4:  # noqa: ASYNC110 - a fact
                await asyncio.sleep(0.05)
        raw = await bytes_of(settings, place)
        assert f"1-{place}".encode() in raw
        for text in (words_of(place), author_of(place)):
            assert text.encode() not in raw
        needles = [words_of(place), author_of(place), place_of(place), author_of(other)]
        assert (await found_in_tables(clickhouse, needles))["place_reviews_v1"]

        for subject, text in (
            (Subject.PLACE, place_of(place)),
            (Subject.AUTHOR, author_of(other)),
        ):
            erased = await forgotten(settings, clickhouse, subject, text)
            assert erased.is_proved, erased.remaining
            assert erased.removed["place_reviews_v1"]
        assert not sum((await found_in_tables(clickhouse, needles)).values())
        counts = [await rows_of(clickhouse, each.name, place) for each in OURS]
        assert counts == [0, 0, 0]
        counts = [await rows_of(clickhouse, each.name, other) for each in OURS]
        assert counts == [1, 1, 2], "the place, the review of somebody else, and their events"
        rows = await clickhouse.rows(
            "SELECT count() FROM place_events_v1 WHERE place_id IN {places:Array(String)}",
            {"places": [place, other]},
        )
        assert rows[0][0] == 8, "each record keeps its row: it says how far the log is stored"
        for projection in OURS:
            assert await drift_of(settings, projection, place, other) == []
