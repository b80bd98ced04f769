"""What the place agent must know before it compares: from the tables that its events fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from streams.adapters.clickhouse import ClickHouse
from streams.domain.ids import JobId
from streams.domain.place import PlaceScraped, Review
from streams.domain.place_history import Earlier, Known, Sighting
from streams.exports.columns import Kind, columns_of, time_in
from streams.projections import items, place_events, place_reviews

EVENTS = place_events.projection.table
REVIEWS = place_reviews.projection.table
ITEMS = items.projection.table
ITEM_SCHEMA = "GoogleReview"
PAGE = 5_000  # reviews a query: some 15 MB

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608


class ClickHousePlaces:
    """``streams.agents.places.PlaceMemory``. Raises StoreUnavailableError."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def known(self, place_id: str) -> Mapping[str, Known]:
        """The place's reviews by id, removed ones too."""
        found: dict[str, Known] = {}
        last = ""
        while True:
            rows = await self._clickhouse.rows(
                "SELECT review_id, review, is_present, first_seen_at, seen_at, changes "
                f"FROM {REVIEWS} FINAL WHERE place_id = {{place:String}} "
                "AND review_id > {last:String} ORDER BY review_id LIMIT {most:UInt32}",
                {"place": place_id, "last": last, "most": PAGE},
            )
            for review_id, review, is_present, first_seen_at, seen_at, changes in rows:
                found[review_id] = Known(
                    review=review_in(review),
                    is_present=bool(is_present),
                    first_seen_at=first_seen_at,
                    seen_at=seen_at,
                    changes=int(changes),
                )
            if len(rows) < PAGE:
                return found
            last = rows[-1][0]

    async def sightings(self, job_id: JobId) -> Sequence[Sighting]:
        """The reviews that a job found, each once, in the order of its list."""
        found: list[Sighting] = []
        place: tuple[int, str] = (-1, "")
        while True:
            rows = await self._clickhouse.rows(
                f"SELECT position, event_id, fields, occurred_at FROM {ITEMS} FINAL "
                "WHERE job_id = {job:String} AND schema = {schema:String} "
                "AND (position, event_id) > ({position:Int64}, {event:String}) "
                "ORDER BY position, event_id LIMIT {most:UInt32}",
                {
                    "job": job_id,
                    "schema": ITEM_SCHEMA,
                    "position": place[0],
                    "event": place[1],
                    "most": PAGE,
                },
            )
            found += [Sighting(review=review_in(row[2]), seen_at=row[3]) for row in rows]
            if len(rows) < PAGE:
                return found
            place = (int(rows[-1][0]), str(rows[-1][1]))

    async def earlier(self, place_id: str, job_id: JobId, before: int) -> Earlier:
        """What the scrapes of other jobs before the offset ``before`` say."""
        newest = await self._newest(place_id, job_id, before)
        if newest is None or newest.is_whole:
            whole = newest
        else:
            whole = await self._newest(
                place_id, job_id, before, "AND JSONExtractBool(payload, 'is_whole')"
            )
        return Earlier(
            newest_at=newest.began_at if newest else None,
            newest_whole_at=whole.began_at if whole else None,
            missed=missed_by(whole) if whole else 0,
        )

    async def _newest(
        self, place_id: str, job_id: JobId, before: int, which: str = ""
    ) -> PlaceScraped | None:
        rows = await self._clickhouse.rows(
            f"SELECT payload FROM {EVENTS} FINAL WHERE place_id = {{place:String}} "
            "AND type = 'PlaceScraped' AND payload != '{}' "
            "AND job_id != {job:String} AND offset < {before:Int64} "
            f"{which} ORDER BY parseDateTime64BestEffort("
            "JSONExtractString(payload, 'began_at'), 6, 'UTC') DESC LIMIT 1",
            {"place": place_id, "job": job_id, "before": before},
        )
        return msgspec.json.decode(rows[0][0], type=PlaceScraped) if rows else None


def missed_by(scraped: PlaceScraped) -> int:
    """Reviews that the page announced beyond those that were found."""
    return max(0, (scraped.reviews_total or 0) - scraped.items_count)


def review_in(text: str | bytes) -> Review:
    """A stored review, its times as datetimes."""
    review: dict[str, Any] = msgspec.json.decode(text)
    for name in _TIMES:
        review[name] = time_in(review.get(name))
    return review


_TIMES = tuple(column.name for column in columns_of(ITEM_SCHEMA) if column.kind is Kind.TIME)
