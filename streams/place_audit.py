"""Holds the stored history of places against the log: each event once, and as it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from streams.adapters.clickhouse import ClickHouse
from streams.domain.place import PLACE_EVENT_TYPES, RecordedPlaceEvent
from streams.findings import Findings
from streams.projections import place_events
from streams.topics import PLACE_EVENTS

COMPARED_AT_ONCE = 5_000
"""Events: some megabytes of reviews on either side."""
TABLE = place_events.projection.table
COLUMNS = tuple(name for name, _ in place_events.projection.columns)


async def check_place_events(
    partition: int,
    end: int,
    events: AsyncIterator[RecordedPlaceEvent],
    clickhouse: ClickHouse,
    findings: Findings,
) -> None:
    """Compare ``events``, all that can be read of a partition below ``end``, with their rows.

    Raises:
        StoreUnavailableError: and what ``events`` raises; try again.
    """
    newest: dict[tuple[str, str], int] = {}
    some: list[RecordedPlaceEvent] = []
    async for recorded in events:
        # An event that was appended again replaces its row, sooner or later.
        newest[recorded.place_id, recorded.event_id] = recorded.offset
        some.append(recorded)
        if len(some) == COMPARED_AT_ONCE:
            await _check_rows(some, clickhouse, findings)
            some.clear()
    if some:
        await _check_rows(some, clickhouse, findings)
    findings.place_events += len(newest)
    rows = await clickhouse.rows(
        f"SELECT offset FROM {TABLE} "  # noqa: S608 - our own names
        "WHERE partition = {partition:Int32} AND offset < {end:Int64}",
        {"partition": partition, "end": end},
    )
    stored = [int(offset) for (offset,) in rows]
    findings.compare("place_event", f"{PLACE_EVENTS}/{partition}", set(newest.values()), stored)


async def _check_rows(
    some: Sequence[RecordedPlaceEvent], clickhouse: ClickHouse, findings: Findings
) -> None:
    """Compare the rows that are stored of ``some``, which are of one partition and in order."""
    rows = await clickhouse.rows(
        f"SELECT {', '.join(COLUMNS)} FROM {TABLE} "  # noqa: S608 - our own names
        "WHERE partition = {partition:Int32} AND offset BETWEEN {first:Int64} AND {last:Int64}",
        {"partition": some[0].partition, "first": some[0].offset, "last": some[-1].offset},
    )
    by_offset = {recorded.offset: recorded for recorded in some}
    told: set[int] = set()
    for row in rows:
        offset = int(row[COLUMNS.index("offset")])
        recorded = by_offset.get(offset)
        if recorded is None or offset in told:
            continue
        if names := differing(recorded, row):
            told.add(offset)
            findings.add(
                "place_event_differs", recorded.place_id, f"at {offset}: {', '.join(names)}"
            )


def differing(recorded: RecordedPlaceEvent, row: Sequence[Any]) -> list[str]:
    """The columns in which a stored row is not what the log says.

    A payload is compared by what it means: an older version did not write newer fields.
    """
    expected = place_events.row(recorded)
    return [
        name
        for name, told, found in zip_longest(COLUMNS, expected, row)
        if told != found
        and (name != "payload" or _meaning(recorded, str(found)) != _meaning(recorded, str(told)))
    ]


def _meaning(recorded: RecordedPlaceEvent, payload: str) -> object:
    """The event in a payload; the payload itself when it is none, as one that was forgotten."""
    try:
        return msgspec.json.decode(payload, type=PLACE_EVENT_TYPES[type(recorded.event).__name__])
    except msgspec.DecodeError:
        return payload
