"""The read side: ``streams.ports.JobStore`` on ClickHouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.clickhouse_items import read_packed_items
from streams.adapters.log_positions import LogPositions
from streams.adapters.record_types import JOB_EVENT_TYPES
from streams.domain.ids import JobId
from streams.domain.job import OPEN_STATUSES, Job, Status
from streams.domain.recorded import Recorded
from streams.ports import ItemPage, JobOfBatch, JobQuery, PackedItems
from streams.projections import items, job_events, jobs, place_events, webhook_events
from streams.topics import JOB_EVENTS, PLACE_EVENTS, SCRAPED_ITEMS, WEBHOOK_EVENTS

JOBS = jobs.projection.table
EVENTS = job_events.projection.table
ITEMS = items.projection.table
SHOWN = items.projection.shown
TABLES = {
    JOB_EVENTS: EVENTS,
    SCRAPED_ITEMS: ITEMS,
    WEBHOOK_EVENTS: webhook_events.projection.table,
    PLACE_EVENTS: place_events.projection.table,
}
"""The table that holds every record of a topic."""

# Names of tables and columns are ours; every value goes as a parameter.
# ruff: noqa: S608


class ClickHouseStore:
    """Reads with FINAL where rows replace each other."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._positions = LogPositions(clickhouse)

    async def find_job(self, job_id: JobId) -> Job | None:
        rows = await self._clickhouse.rows(
            f"SELECT argMax(state, offset) FROM {JOBS} WHERE job_id = {{job:String}} "
            "HAVING count() > 0",
            {"job": job_id},
        )
        return jobs.job_in(rows[0][0]) if rows else None

    async def find_many(self, job_ids: Sequence[JobId]) -> Mapping[JobId, Job]:
        """The stored jobs among ``job_ids``."""
        rows = await self._clickhouse.rows(
            f"SELECT job_id, argMax(state, offset) FROM {JOBS} "
            "WHERE job_id IN {jobs:Array(String)} GROUP BY job_id",
            {"jobs": list(job_ids)},
        )
        return {job_id: jobs.job_in(state) for job_id, state in rows}

    async def find_jobs(self, query: JobQuery) -> Sequence[Job]:
        where = ["tenant = {tenant:String}"]
        parameters: dict[str, Any] = {"tenant": query.tenant, "limit": query.limit}
        if query.statuses:
            where.append("status IN {statuses:Array(String)}")
            parameters["statuses"] = sorted(query.statuses)
        for column, value in (
            ("kind", query.kind),
            ("batch_id", query.batch_id),
            ("monitor_id", query.monitor_id),
        ):
            if value:
                where.append(f"{column} = {{{column}:String}}")
                parameters[column] = value
        if query.url_prefix:
            where.append("startsWith(url, {url_prefix:String})")
            parameters["url_prefix"] = query.url_prefix
        for sign, name, at in (
            (">=", "created_from", query.created_from),
            ("<", "created_before", query.created_before),
        ):
            if at is not None:
                where.append(f"created_at {sign} fromUnixTimestamp64Micro({{{name}:Int64}}, 'UTC')")
                parameters[name] = _microseconds(at)
        if query.before is not None:
            where.append(
                "(created_at, job_id) < "
                "(fromUnixTimestamp64Micro({before:Int64}, 'UTC'), {before_id:String})"
            )
            parameters["before"] = _microseconds(query.before[0])
            parameters["before_id"] = query.before[1]
        rows = await self._clickhouse.rows(
            f"SELECT state FROM {JOBS} FINAL WHERE {' AND '.join(where)} "
            "ORDER BY created_at DESC, job_id DESC LIMIT {limit:UInt32}",
            parameters,
        )
        return [jobs.job_in(state) for (state,) in rows]

    async def find_batch(self, batch_id: str) -> Sequence[JobOfBatch]:
        rows = await self._clickhouse.rows(
            f"SELECT job_id, status, created_at FROM {JOBS} FINAL "
            "WHERE batch_id = {batch:String}",
            {"batch": batch_id},
        )
        return [
            JobOfBatch(job_id=JobId(job_id), status=Status(status), created_at=created_at)
            for job_id, status, created_at in rows
        ]

    async def open_jobs(self) -> Sequence[Job]:
        rows = await self._clickhouse.rows(
            f"SELECT state FROM {JOBS} FINAL WHERE status IN {{statuses:Array(String)}}",
            {"statuses": sorted(OPEN_STATUSES)},
        )
        return [jobs.job_in(state) for (state,) in rows]

    async def recent_durations_s(self, kind: str, most: int = 50) -> Sequence[float]:
        rows = await self._clickhouse.rows(
            "SELECT dateDiff('microsecond', started_at, completed_at) / 1e6 "
            f"FROM {JOBS} FINAL "
            "WHERE kind = {kind:String} AND status = 'completed' AND started_at IS NOT NULL "
            "ORDER BY completed_at DESC LIMIT {most:UInt32}",
            {"kind": kind, "most": most},
        )
        return [float(seconds) for (seconds,) in rows]

    async def stored_ends(self, topic: str) -> Mapping[int, int]:
        return await self._positions.of(topic)

    async def ends_of_rows(self, topic: str) -> Mapping[int, int]:
        """For each partition, the offset after the last stored row: looks at every row."""
        rows = await self._clickhouse.rows(
            f"SELECT partition, max(offset) + 1 FROM {TABLES[topic]} GROUP BY partition"
        )
        return {int(partition): int(end) for partition, end in rows}

    async def read_events(
        self, job_id: JobId, *, after: int = -1, before: int | None = None
    ) -> Sequence[Recorded]:
        rows = await self._clickhouse.rows(
            "SELECT job_id, partition, offset, event_id, type, tenant, occurred_at, traceparent, "
            f"payload FROM {EVENTS} FINAL "
            "WHERE job_id = {job:String} AND offset > {after:Int64} AND offset < {before:Int64} "
            "ORDER BY offset",
            {"job": job_id, "after": after, "before": 2**62 if before is None else before},
        )
        return [recorded_in(row) for row in rows]

    async def read_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> ItemPage:
        position, event_id = (-1, "") if after is None else after
        rows = await self._clickhouse.rows(
            f"SELECT position, event_id, fields FROM {ITEMS} FINAL "
            f"WHERE job_id = {{job:String}} AND {SHOWN} "
            "AND (position, event_id) > ({position:Int64}, {event:String}) "
            "ORDER BY position, event_id LIMIT {limit:UInt32}",
            # One more than asked for tells whether there is a next page.
            {"job": job_id, "position": position, "event": event_id, "limit": limit + 1},
        )
        page = rows[:limit]
        last = (int(page[-1][0]), str(page[-1][1])) if len(rows) > limit else None
        return ItemPage(items=[msgspec.json.decode(row[2]) for row in page], next_after=last)

    async def read_packed_items(
        self, job_id: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> PackedItems:
        return await read_packed_items(self._clickhouse, job_id, after=after, limit=limit)

    async def count_items(self, job_id: JobId) -> int:
        rows = await self._clickhouse.rows(
            f"SELECT uniqExact(event_id) FROM {ITEMS} WHERE job_id = {{job:String}} AND {SHOWN}",
            {"job": job_id},
        )
        return int(rows[0][0])

    async def newest_item_ids(
        self, job_ids: Sequence[JobId], field: str, most: int
    ) -> Sequence[str]:
        rows = await self._clickhouse.rows(
            f"SELECT JSONExtractString(fields, {{field:String}}) AS id FROM {ITEMS} "
            f"WHERE job_id IN {{jobs:Array(String)}} AND {SHOWN} GROUP BY id "
            "ORDER BY max(JSONExtractString(fields, 'published_at')) DESC LIMIT {most:UInt32}",
            {"jobs": list(job_ids), "field": field, "most": most},
        )
        return [str(item_id) for (item_id,) in rows]

    async def has_items(self, job_id: JobId, end: int) -> bool:
        rows = await self._clickhouse.rows(
            f"SELECT max(offset) FROM {ITEMS} WHERE job_id = {{job:String}}", {"job": job_id}
        )
        return bool(rows) and int(rows[0][0]) >= end - 1

    async def ping(self) -> None:
        await self._clickhouse.rows("SELECT 1")


def recorded_in(row: Sequence[Any]) -> Recorded:
    """The event of a row of ``job_events``, its columns in the order of the table."""
    job_id, partition, offset, event_id, name, tenant, occurred_at, traceparent, payload = row
    return Recorded(
        job_id=JobId(job_id),
        tenant=tenant,
        event_id=event_id,
        occurred_at=occurred_at,
        partition=int(partition),
        offset=int(offset),
        event=msgspec.json.decode(payload, type=JOB_EVENT_TYPES[name]),
        traceparent=traceparent or None,
    )


def _microseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond
