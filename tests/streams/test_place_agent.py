"""Scrapes of a place become its history: the agent on the real broker and engine."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from scrapestream.process import places as place_process
from scrapestream.wiring import open_log
from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_place_reader import ClickHousePlaceReader
from streams.adapters.event_log import RecordEventLog
from streams.adapters.kafka_reader import open_reader
from streams.domain.items import Position
from streams.domain.place import RecordedPlaceEvent
from streams.errors import LogUnavailableError
from streams.projections import place_events, place_reviews
from streams.replay import Replay
from streams.settings import Settings
from tests.api.world import open_world
from tests.streams.test_materializer import materializing
from tests.support.scraped_place import Place, review


@asynccontextmanager
async def keeping_history(settings: Settings) -> AsyncIterator[None]:
    """The agent, as its role runs it, and then interrupted wherever it is."""
    running = asyncio.create_task(place_process.run(settings))
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def history_of(
    clickhouse: ClickHouse, place: Place, count: int
) -> Sequence[tuple[str, str, str]]:
    """(type, review, job) of each of the place's events but scrapes; waits for ``count``."""
    async with asyncio.timeout(100):
        while True:
            rows = await clickhouse.rows(
                "SELECT type, review_id, job_id FROM place_events "
                "WHERE place_id = {place:String} AND type != 'PlaceScraped' ORDER BY offset",
                {"place": place.place_id},
            )
            if len(rows) >= count:
                return [(row[0], row[1], row[2]) for row in rows]
            await asyncio.sleep(0.05)


@asynccontextmanager
async def client_of(clickhouse: ClickHouse) -> AsyncIterator[httpx2.AsyncClient]:
    """An API that reads its places from here."""
    reader = ClickHousePlaceReader(clickhouse)
    async with open_world() as world:
        process = await world.start(change=lambda made: replace(made, places=reader))
        yield process.client


def stored_by_halves(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Many events at once are stored by half, and the call fails; gives how many were stored."""
    append = RecordEventLog.append_place_events
    halves: list[int] = []

    async def half(
        self: RecordEventLog, events: Sequence[RecordedPlaceEvent]
    ) -> Sequence[Position]:
        if len(events) == 1 or len(halves) == times:
            return await append(self, events)
        halves.append(len(events) // 2)
        await append(self, events[: halves[-1]])
        raise LogUnavailableError("the broker of the test does not answer")

    monkeypatch.setattr(RecordEventLog, "append_place_events", half)
    return halves


async def drift_of(settings: Settings, projection: Any, job_ids: Sequence[str]) -> list[Any]:
    async with (
        open_log(settings, "replay") as log,
        open_reader(settings, "replay") as reader,
        open_clickhouse(settings) as clickhouse,
    ):
        one = Replay(projection, reader, log.records, clickhouse)
        found = await one.run(compare=True, move=True)
    return [drift for drift in found.drift if drift.job_id in job_ids]


@pytest.mark.timeout(170)
async def test_scrapes_become_a_history_that_survives_interruptions(
    parts: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(parts)
    many = [review(f"m{n}") for n in range(300)]
    async with materializing(parts), open_clickhouse(parts) as clickhouse:
        async with keeping_history(parts):
            first = await place.scraped(review("a"), review("b"), review("c"), *many)
            await history_of(clickhouse, place, 303)
            second = await place.scraped(
                review("a", text="Now I think otherwise"),
                review("c", owner_response_text="Thank you", photos_count=2),
                review("d"),
                *many,
            )
            events = await history_of(clickhouse, place, 307)
        assert Counter(name for name, _, job in events if job == first) == {"ReviewAdded": 303}
        assert {(name, who) for name, who, job in events if job == second} == {
            ("ReviewEdited", "a"),
            ("OwnerReplied", "c"),
            ("ReviewAdded", "d"),
            ("ReviewRemoved", "b"),
        }

        # The broker takes a half and does not answer, twice: the third scrape counts once.
        third = await place.scraped(review("b"), *(review(f"m{n}", rating=1.0) for n in range(300)))
        halves = stored_by_halves(monkeypatch, 2)
        async with keeping_history(parts):
            await history_of(clickhouse, place, 307 + 304)
            partial = await place.scraped(review("m1", rating=1.0), outcome="truncated_by_source")
            last = await place.scraped(review("m1", rating=2.0), outcome="partial")
            events = await history_of(clickhouse, place, 307 + 304 + 1)
        assert halves == [152, 76]
        of_third = [(name, who) for name, who, job in events if job == third]
        assert Counter(name for name, _ in of_third) == {
            "ReviewAdded": 1,
            "ReviewEdited": 300,
            "ReviewRemoved": 3,
        }
        assert len(set(of_third)) == len(of_third)
        assert [name for name, _, job in events if job == partial] == []
        assert [(name, who) for name, who, job in events if job == last] == [("ReviewEdited", "m1")]

        await the_api_answers(clickhouse, place)
        await the_views_count(clickhouse, place)
        for projection in (place_events.projection, place_reviews.projection):
            assert await drift_of(parts, projection, [first, second, third, partial, last]) == []
        assert len(await history_of(clickhouse, place, 0)) == len(events)


async def the_api_answers(clickhouse: ClickHouse, place: Place) -> None:
    path = f"/places/{place.place_id}"
    async with client_of(clickhouse) as client:

        async def read(path: str, **params: Any) -> Any:
            answer = await client.get(path, params=params)
            assert answer.status_code == 200, answer.text
            return answer.json()

        listed = [each["place_id"] for each in (await read("/places", limit=1000))["places"]]
        assert place.place_id in listed
        found = await read(path)
        assert (found["reviews_known"], found["reviews_removed"]) == (301, 3)
        assert [scrape["rating"] for scrape in found["rating_over_time"]] == [4.2] * 5
        assert found["reviews_per_month"][0]["month"] == "2026-09"
        assert found["known_histogram"] == {"5": 0, "4": 1, "3": 0, "2": 1, "1": 299}

        def ids(answer: Any) -> list[str]:
            return [each["review_id"] for each in answer["reviews"]]

        reviews = f"{path}/reviews"
        assert ids(await read(reviews, rating="2,4")) == ["b", "m1"]
        assert ids(await read(reviews, removed="only", has_photo="true")) == ["c"]
        assert ids(await read(reviews, removed="true", q="THINK otherwise")) == ["a"]
        assert ids(await read(reviews, language="de")) == []
        assert ids(await read(reviews, **{"from": "2026-09-04"})) == []
        assert len(ids(await read(reviews, changed="true", limit=1000))) == 301
        paged: list[str] = []
        params: dict[str, Any] = {"limit": 100}
        while True:
            page = await read(reviews, **params)
            paged += ids(page)
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert len(paged) == len(set(paged)) == 301

        changes = (await read(f"{path}/changes", limit=2))["changes"]
        assert (changes[0]["type"], changes[0]["review_id"]) == ("ReviewEdited", "m1")
        assert changes[0]["old_rating"] == 1.0
        every = await read(f"{path}/changes", limit=1000)
        assert Counter(each["type"] for each in every["changes"]) == {
            "ReviewAdded": 2,  # d, and b that came back: not those of the first scrape
            "ReviewEdited": 302,
            "ReviewRemoved": 4,
            "OwnerReplied": 1,
        }
        for form in ("jsonl", "csv", "parquet", "xlsx"):
            answer = await client.get(reviews, params={"format": form, "rating": "2,4"})
            assert (answer.status_code, answer.headers["x-total-count"]) == (200, "2")
            assert answer.content
        refused = await client.get(reviews, params={"ratings": "4"})
        assert refused.status_code == 400
        assert "ratings" in refused.json()["detail"]
        for unknown in ("0" * 32, "x"):
            answer = await client.get(f"/places/{unknown}/changes")
            assert (answer.status_code, answer.json()["code"]) == (404, "unknown_place")


async def the_views_count(clickhouse: ClickHouse, place: Place) -> None:
    which = {"place": place.place_id}
    rows = await clickhouse.rows(
        "SELECT rating, outcome FROM place_ratings WHERE place_id = {place:String} "
        "ORDER BY scraped_at",
        which,
    )
    assert [row[0] for row in rows] == [4.2] * 5
    assert [row[1] for row in rows[3:]] == ["truncated_by_source", "partial"]
    rows = await clickhouse.rows(
        "SELECT type, sum(changes) FROM place_changes WHERE place_id = {place:String} "
        "GROUP BY type",
        which,
    )
    assert {row[0]: int(row[1]) for row in rows}["ReviewAdded"] == 2


@pytest.mark.timeout(150)
async def test_a_place_of_another_tenant_is_not_there(parts: Settings) -> None:
    other = Place(parts, tenant=uuid.uuid4().hex)
    async with (
        materializing(parts),
        keeping_history(parts),
        open_clickhouse(parts) as clickhouse,
        client_of(clickhouse) as client,
    ):
        await other.scraped(review("a"))
        await history_of(clickhouse, other, 1)
        for path in ("", "/reviews", "/changes"):
            answer = await client.get(f"/places/{other.place_id}{path}")
            assert answer.status_code == 404
        listed = (await client.get("/places", params={"limit": 1000})).json()["places"]
        assert other.place_id not in [each["place_id"] for each in listed]
        reader = ClickHousePlaceReader(clickhouse)
        assert await reader.has_place(other.place_id, other.tenant)
