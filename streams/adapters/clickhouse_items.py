"""Many items of a job in one query: kept packed as they came, decoded a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa

from streams.adapters.clickhouse import ClickHouse
from streams.domain.ids import JobId
from streams.errors import StoreUnavailableError
from streams.ports import PackedItems
from streams.projections import items

TABLE = items.projection.table
SHOWN = items.projection.shown
COLUMNS = ("position", "event_id", "fields")
KEYS, FIELDS = [0, 1], [2]
ROWS_A_BATCH = 5_000  # some megabytes when unpacked
ROWS_A_PART = 2_500  # decoded they take several times as much


async def read_packed_items(
    clickhouse: ClickHouse, job_id: JobId, *, after: tuple[int, str] | None, limit: int
) -> PackedItems:
    """Up to ``limit`` items of a job behind ``after``, in the order of the list.

    ClickHouse looks through all items of the job for it, however few are wanted.

    Raises:
        StoreUnavailableError: it does not answer, or not with rows.
    """
    position, event_id = (-1, "") if after is None else after
    packed = await clickhouse.packed(
        f"SELECT {', '.join(COLUMNS)} FROM {TABLE} FINAL "  # noqa: S608 - our own names
        f"WHERE job_id = {{job:String}} AND {SHOWN} "
        "AND (position, event_id) > ({position:Int64}, {event:String}) "
        "ORDER BY position, event_id LIMIT {limit:UInt32}",
        {"job": job_id, "position": position, "event": event_id, "limit": limit},
        rows_a_batch=ROWS_A_BATCH,
    )
    count, last = 0, None
    for batch in _batches(packed, KEYS):
        if batch.num_rows:
            count, last = count + batch.num_rows, batch
    next_after = None
    if last is not None and count >= limit:
        row = last.slice(last.num_rows - 1).to_pylist()[0]
        next_after = (int(row["position"]), str(row["event_id"]))
    return PackedItems(
        parts=partial(_parts, packed), count=count, size_bytes=len(packed), next_after=next_after
    )


def _parts(packed: bytes) -> Iterator[Sequence[Mapping[str, Any]]]:
    for batch in _batches(packed, FIELDS):
        fields = batch.column(0)
        for first in range(0, len(fields), ROWS_A_PART):
            some = fields.slice(first, ROWS_A_PART).to_pylist()
            yield [msgspec.json.decode(text) for text in some]


def _batches(packed: bytes, columns: list[int]) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow stream with some of ``COLUMNS``; one is unpacked at a time."""
    if not packed:  # no row
        return
    try:
        # The system's pool gives back what Arrow's own keeps for each thread that it met.
        pool, options = pa.system_memory_pool(), pa.ipc.IpcReadOptions(included_fields=columns)
        yield from pa.ipc.open_stream(packed, options=options, memory_pool=pool)
    except pa.ArrowInvalid as error:
        raise StoreUnavailableError(f"ClickHouse: no rows came but {error}"[:300]) from error
