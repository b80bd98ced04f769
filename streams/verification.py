"""Proves that the read side says what the log says: its rows against the fold, field by field."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from streams.adapters.clickhouse import ClickHouse
from streams.adapters.records import Records
from streams.domain.fold import fold
from streams.domain.history import changes_between
from streams.domain.ids import JobId
from streams.domain.recorded import Recorded
from streams.errors import LogUnavailableError, UnknownJobError, UnreadableRecordError
from streams.ports import RecordReader, TopicPartition
from streams.projections import job_events, jobs
from streams.projections.projection import Projection
from streams.topics import JOB_EVENTS

READ_WITHIN_S = 60.0
STORED_WITHIN_S = 10.0
PAUSE_S = 0.1

Columns = Mapping[str, Any]
"""A row: its values by the names of their columns; JSON ones taken apart."""


class PartitionReader(RecordReader, Protocol):
    """A reader that is told what to read, and knows what is kept."""

    def assign(self, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions, and no others, from these offsets."""

    async def starts(self, topic: str) -> Mapping[int, int]:
        """The offset of the oldest kept record of each partition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A field that log and store disagree on; None stands for a row or field that is not there."""

    where: str
    """Such as ``job.items_count`` or ``event 7.payload.attempt``."""
    log: Any
    store: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was compared, and what differs."""

    events_count: int
    fields_count: int
    differences: Sequence[Difference]


def compare(
    events: Sequence[Recorded], stored_job: Columns | None, stored_events: Sequence[Columns]
) -> Comparison:
    """The rows that the log's ``events`` of one job make, against the stored ones. Pure."""
    differences: list[Difference] = []
    fields_count = 0

    def look(where: str, log: Columns | None, store: Columns | None) -> None:
        nonlocal fields_count
        if log is None or store is None:
            differences.append(Difference(where=where, log=log, store=store))
            return
        flat_log, flat_store = _flat(log), _flat(store)
        fields_count += len({*flat_log, *flat_store})
        differences.extend(
            Difference(where=f"{where}.{change.field}", log=change.old, store=change.new)
            for change in changes_between(flat_log, flat_store)
        )

    job = fold(events)
    if job is not None or stored_job is not None:
        look("job", None if job is None else _columns(jobs.projection, job), stored_job)
    rows = [_columns(job_events.projection, recorded) for recorded in events]
    log_rows = {row["offset"]: row for row in rows}
    store_rows = {row["offset"]: row for row in stored_events}
    for number, offset in enumerate(sorted({*log_rows, *store_rows}), 1):
        look(f"event {number}", log_rows.get(offset), store_rows.get(offset))
    return Comparison(
        events_count=len(log_rows), fields_count=fields_count, differences=differences
    )


async def verify(
    job_id: JobId, reader: PartitionReader, records: Records, clickhouse: ClickHouse
) -> Comparison:
    """Read the job from Kafka itself, and compare ClickHouse with it.

    The job's partition is read from its first event to the end, so a long log takes a while.

    Raises:
        UnknownJobError: neither of the two knows it.
        LogUnavailableError: Kafka does not answer, or keeps the job's first events no longer.
        StoreUnavailableError: ClickHouse does not answer.
    """
    stored = await _rows(clickhouse, job_events.projection, job_id)
    events = await _events_in_log(job_id, reader, records, await _positions(reader, stored))
    if not events and not stored:
        raise UnknownJobError(job_id)
    newest = events[-1].offset if events else -1
    row = await _stored_up_to(clickhouse, job_id, newest)
    stored = await _rows(clickhouse, job_events.projection, job_id)
    if row is not None and row["offset"] > newest:
        # It went on meanwhile: both sides are compared up to the event that the row stands at.
        newest = row["offset"]
        events = await _events_in_log(job_id, reader, records, await _positions(reader, stored))
    events = [recorded for recorded in events if recorded.offset <= newest]
    stored = [columns for columns in stored if columns["offset"] <= newest]
    return compare(events, row, stored)


async def _positions(
    reader: PartitionReader, stored: Sequence[Columns]
) -> Mapping[TopicPartition, int]:
    """Where the job's records begin; every partition when the store does not say."""
    starts = await reader.starts(JOB_EVENTS)
    if not stored:
        return {(JOB_EVENTS, partition): start for partition, start in starts.items()}
    first = stored[0]
    if first["offset"] < starts.get(first["partition"], 0):
        raise LogUnavailableError(
            "Kafka keeps the job's first events no longer (SCRAPESTREAM_EVENT_RETENTION_DAYS): "
            "there is no log to compare with"
        )
    return {(JOB_EVENTS, first["partition"]): first["offset"]}


async def _events_in_log(
    job_id: JobId,
    reader: PartitionReader,
    records: Records,
    positions: Mapping[TopicPartition, int],
) -> list[Recorded]:
    ends = await reader.ends(JOB_EVENTS)
    open_ones = {
        partition: ends.get(partition, 0)
        for (_, partition), start in positions.items()
        if ends.get(partition, 0) > start
    }
    reader.assign(positions)
    found: list[Recorded] = []
    try:
        async with asyncio.timeout(READ_WITHIN_S) as limit:
            while open_ones:
                raws = await reader.read(timeout_s=1.0)
                if raws:  # as long as something comes, it is only long
                    limit.reschedule(asyncio.get_running_loop().time() + READ_WITHIN_S)
                ours = [raw for raw in raws if raw.key == job_id.encode()]
                await records.learn(ours)
                for raw in ours:
                    try:
                        found.append(records.read_event(raw))
                    except UnreadableRecordError:
                        continue  # the materializer has put it aside, too
                for raw in raws:
                    if raw.offset + 1 >= open_ones.get(raw.partition, raw.offset + 2):
                        del open_ones[raw.partition]
    except TimeoutError as error:
        raise LogUnavailableError("Kafka does not give the log's records; try again") from error
    return found


async def _stored_up_to(clickhouse: ClickHouse, job_id: JobId, offset: int) -> Columns | None:
    """The job's row, once it has folded the log's event at ``offset`` or time is up."""
    deadline = asyncio.get_running_loop().time() + STORED_WITHIN_S
    while True:
        rows = await _rows(clickhouse, jobs.projection, job_id)
        row = rows[0] if rows else None
        is_late = row is None or row["offset"] < offset
        if not is_late or asyncio.get_running_loop().time() > deadline:
            return row
        await asyncio.sleep(PAUSE_S)


async def _rows(clickhouse: ClickHouse, projection: Projection, job_id: JobId) -> Sequence[Columns]:
    names = [name for name, _ in projection.columns]
    rows = await clickhouse.rows(
        f"SELECT {', '.join(f'`{name}`' for name in names)} FROM {projection.table} FINAL "  # noqa: S608 - our own names
        "WHERE job_id = {job:String} ORDER BY offset",
        {"job": job_id},
    )
    return [_taken_apart(dict(zip(names, row, strict=True))) for row in rows]


def _columns(projection: Projection, record: Any) -> Columns:
    names = [name for name, _ in projection.columns]
    return _taken_apart(dict(zip(names, projection.row(record), strict=True)))


def _taken_apart(row: dict[str, Any]) -> Columns:
    """The row, its JSON as values: how it is written does not matter."""
    for name in ("state", "payload"):
        if name in row:
            row[name] = msgspec.json.decode(row[name])
    return row


def _flat(row: Columns) -> Columns:
    """Fields of JSON columns beside the others, as ``state.title``."""
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name in {"state", "payload"} and isinstance(value, dict):
            flat |= {f"{name}.{inner}": each for inner, each in value.items()}
        else:
            flat[name] = value
    return flat
