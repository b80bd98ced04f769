"""``streams.place_queries.PlaceReader`` on ClickHouse."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from streams.adapters.clickhouse import ClickHouse
from streams.place_queries import (
    ChangeQuery,
    PlaceFacts,
    PlaceQuery,
    ReviewPage,
    ReviewQuery,
    Row,
)
from streams.projections import place_events, place_reviews, places

PLACES = places.projection.table
EVENTS = place_events.projection.table
SHOWN = place_events.projection.shown
REVIEWS = place_reviews.projection.table
MOST_SCRAPES = 1_000  # the newest: hourly for six weeks
PLACE_COLUMNS = (
    *("place_id", "kind", "url", "title", "feature_id", "source_place_id"),
    *("rating", "reviews_total", "histogram", "outcome", "job_id", "scraped_at"),
)
COUNTS = "countIf(is_present), countIf(NOT is_present), countIf(changes > 0)"
PUBLISHED = "toUnixTimestamp64Micro(ifNull(published_at, toDateTime64(0, 6, 'UTC')))"

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608


class ClickHousePlaceReader:
    """Each question names its tenant: a place of another one is not there."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse

    async def find_places(self, query: PlaceQuery) -> Sequence[Row]:
        where = ["tenant = {tenant:String}"]
        parameters: dict[str, Any] = {"tenant": query.tenant, "limit": query.limit + 1}
        if query.text:
            where.append("positionCaseInsensitiveUTF8(title, {text:String}) > 0")
            parameters["text"] = query.text
        if query.before is not None:
            where.append(f"(scraped_at, place_id) < ({_time('before')}, {{before_id:String}})")
            parameters["before"] = _microseconds(query.before[0])
            parameters["before_id"] = query.before[1]
        return await self._places(
            f"{' AND '.join(where)} ORDER BY scraped_at DESC, place_id DESC LIMIT {{limit:UInt32}}",
            parameters,
        )

    async def has_place(self, place_id: str, tenant: str) -> bool:
        rows = await self._clickhouse.rows(
            f"SELECT 1 FROM {PLACES} WHERE place_id = {{place:String}} "
            "AND tenant = {tenant:String} LIMIT 1",
            {"place": place_id, "tenant": tenant},
        )
        return bool(rows)

    async def find_place(self, place_id: str, tenant: str) -> PlaceFacts | None:
        which = {"place": place_id, "tenant": tenant}
        mine = "place_id = {place:String} AND tenant = {tenant:String}"
        found = await self._places(mine, which)
        if not found:
            return None
        scrapes = await self._clickhouse.rows(
            f"SELECT occurred_at, job_id, payload FROM {EVENTS} FINAL WHERE {mine} "
            f"AND type = 'PlaceScraped' AND {SHOWN} ORDER BY occurred_at DESC LIMIT {MOST_SCRAPES}",
            which,
        )
        months = await self._clickhouse.rows(
            f"SELECT toStartOfMonth(published_at) AS month, count(), avg(rating) "
            f"FROM {REVIEWS} FINAL WHERE {mine} AND is_present AND published_at IS NOT NULL "
            "GROUP BY month ORDER BY month",
            which,
        )
        stars = await self._clickhouse.rows(
            f"SELECT toString(toUInt8(round(rating))) AS stars, count() FROM {REVIEWS} FINAL "
            f"WHERE {mine} AND is_present AND rating BETWEEN 0 AND 5 GROUP BY stars",
            which,
        )
        return PlaceFacts(
            place=found[0],
            scrapes=[_scrape(*row) for row in reversed(scrapes)],
            months=[
                {"month": month.strftime("%Y-%m"), "reviews": int(count), "rating": rating}
                for month, count, rating in months
            ],
            histogram={
                str(n): next((int(count) for star, count in stars if star == str(n)), 0)
                for n in range(5, 0, -1)
            },
        )

    async def find_reviews(self, query: ReviewQuery) -> ReviewPage:
        where, parameters = _reviews_of(query)
        if query.after is not None:
            where += (
                f" AND ({PUBLISHED} < {{after:Int64}} "
                f"OR ({PUBLISHED} = {{after:Int64}} AND review_id > {{after_id:String}}))"
            )
            parameters |= {"after": query.after[0], "after_id": query.after[1]}
        rows = await self._clickhouse.rows(
            f"SELECT {PUBLISHED} AS micros, review_id, review, is_present, first_seen_at, seen_at, "
            f"changes, job_id FROM {REVIEWS} FINAL WHERE {where} "
            "ORDER BY micros DESC, review_id LIMIT {limit:UInt32}",
            {**parameters, "limit": query.limit + 1},
        )
        page = rows[: query.limit]
        last = (int(page[-1][0]), str(page[-1][1])) if len(rows) > query.limit else None
        return ReviewPage(reviews=[_review(row) for row in page], next_after=last)

    async def count_reviews(self, query: ReviewQuery) -> int:
        where, parameters = _reviews_of(query)
        rows = await self._clickhouse.rows(
            f"SELECT count() FROM {REVIEWS} FINAL WHERE {where}", parameters
        )
        return int(rows[0][0])

    async def find_changes(self, query: ChangeQuery) -> Sequence[Row]:
        where = [
            "place_id = {place:String}",
            "tenant = {tenant:String}",
            "type IN {types:Array(String)}",
            SHOWN,
        ]
        parameters: dict[str, Any] = {
            "place": query.place_id,
            "tenant": query.tenant,
            "types": list(query.types),
            "limit": query.limit + 1,
        }
        if not query.with_initial:
            where.append("NOT (type = 'ReviewAdded' AND JSONExtractBool(payload, 'is_initial'))")
        if query.review_id:
            where.append("review_id = {review:String}")
            parameters["review"] = query.review_id
        if query.from_at is not None:
            where.append(f"occurred_at >= {_time('from_at')}")
            parameters["from_at"] = _microseconds(query.from_at)
        if query.before is not None:
            where.append("offset < {before:Int64}")
            parameters["before"] = query.before
        rows = await self._clickhouse.rows(
            f"SELECT offset, event_id, type, occurred_at, job_id, payload FROM {EVENTS} FINAL "
            f"WHERE {' AND '.join(where)} ORDER BY offset DESC LIMIT {{limit:UInt32}}",
            parameters,
        )
        return [
            {
                "offset": int(offset),
                "event_id": event_id,
                "type": name,
                "occurred_at": occurred_at,
                "job_id": job_id,
                **msgspec.json.decode(payload),
            }
            for offset, event_id, name, occurred_at, job_id, payload in rows
        ]

    async def _places(self, where: str, parameters: dict[str, Any]) -> list[Row]:
        rows = await self._clickhouse.rows(
            f"SELECT {', '.join(PLACE_COLUMNS)} FROM {PLACES} FINAL WHERE {where}", parameters
        )
        found = [dict(zip(PLACE_COLUMNS, row, strict=True)) for row in rows]
        counted = await self._clickhouse.rows(
            f"SELECT place_id, {COUNTS} FROM {REVIEWS} FINAL "
            "WHERE place_id IN {places:Array(String)} GROUP BY place_id",
            {"places": [each["place_id"] for each in found]},
        )
        counts = {row[0]: [int(count) for count in row[1:]] for row in counted}
        return [_place(each, counts.get(each["place_id"], [0, 0, 0])) for each in found]


def _place(columns: dict[str, Any], counts: Sequence[int]) -> Row:
    names = ("reviews_known", "reviews_removed", "reviews_changed")
    return {
        **columns,
        "feature_id": columns["feature_id"] or None,
        "source_place_id": columns["source_place_id"] or None,
        "histogram": msgspec.json.decode(columns["histogram"]),
        **dict(zip(names, counts, strict=True)),
    }


def _scrape(occurred_at: datetime, job_id: str, payload: str) -> Row:
    event = msgspec.json.decode(payload)
    names = ("rating", "reviews_total", "histogram", "outcome", "items_count", "is_whole")
    return {"at": occurred_at, "job_id": job_id, **{name: event[name] for name in names}}


def _review(row: Sequence[Any]) -> Row:
    return {
        **msgspec.json.decode(row[2]),
        "is_present": bool(row[3]),
        "first_seen_at": msgspec.to_builtins(row[4]),
        "seen_at": msgspec.to_builtins(row[5]),
        "changes": int(row[6]),
        "job_id": row[7],
    }


def _reviews_of(query: ReviewQuery) -> tuple[str, dict[str, Any]]:
    """Condition and parameters of all that the query takes, whatever the page."""
    where = ["place_id = {place:String}", "tenant = {tenant:String}"]
    parameters: dict[str, Any] = {"place": query.place_id, "tenant": query.tenant}
    if query.ratings:
        where.append("rating IN {ratings:Array(Float64)}")
        parameters["ratings"] = sorted(query.ratings)
    if query.languages:
        where.append(
            "(lower(language) IN {languages:Array(String)} "
            "OR lower(splitByChar('-', toString(language))[1]) IN {languages:Array(String)})"
        )
        parameters["languages"] = sorted(each.lower() for each in query.languages)
    for sign, name, column, at in (
        (">=", "published_from", "published_at", query.published_from),
        ("<", "published_before", "published_at", query.published_before),
        (">=", "changed_from", "changes > 0 AND seen_at", query.changed_from),
    ):
        if at is not None:
            where.append(f"{column} {sign} {_time(name)}")
            parameters[name] = _microseconds(at)
    if query.text:
        where.append("positionCaseInsensitiveUTF8(text, {text:String}) > 0")
        parameters["text"] = query.text
    for column, wanted in (
        ("has_photo", query.has_photo),
        ("has_reply", query.has_reply),
        ("changes > 0", query.is_changed),
        ("is_present", query.is_present),
    ):
        if wanted is not None:
            where.append(f"({column})" if wanted else f"NOT ({column})")
    return " AND ".join(where), parameters


def _time(name: str) -> str:
    return f"fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')"


def _microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond
