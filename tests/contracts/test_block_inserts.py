"""Rows go into the real engine in packed blocks, and come out as they were."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from streams.adapters.clickhouse import open_clickhouse
from streams.adapters.clickhouse_block import block_of
from streams.projections.catalogue import all_projections
from streams.projections.jobs import projection as jobs
from streams.projections.projection import Projection
from streams.settings import Settings

AT = datetime(2026, 11, 22, 23, 59, 59, 123457, tzinfo=UTC)
VALUES: Sequence[tuple[str, Any]] = (
    ("String", "naïve \x00 '\\ 漢"),
    ("LowCardinality(String)", "public"),
    ("String CODEC(ZSTD(3))", "{}"),
    ("Int32", -(2**31)),
    ("Int64", 2**63 - 1),
    ("UInt64", 2**64 - 1),
    ("Float64", 4.5),
    ("Bool", True),
    ("DateTime64(6, 'UTC')", AT),
    ("Nullable(DateTime64(6, 'UTC'))", None),
    ("Nullable(Int64)", None),
    ("Nullable(Float64)", 0.25),
    ("Array(String)", ["a", ""]),
    ("Map(String, Float64)", {"Food": 5.0}),
)


def a_table(columns: Sequence[tuple[str, str]]) -> Projection:
    return replace(
        jobs, name=f"it_{uuid4().hex[:12]}", columns=columns, order_by="number", newest_by="number"
    )


def test_every_column_of_every_projection_can_be_packed() -> None:
    for projection in all_projections():
        assert block_of(projection.columns, []) is not None, projection.name


def test_a_type_that_is_not_known_is_no_block() -> None:
    assert block_of([("x", "IPv6")], [("::1",)]) is None


@pytest.mark.parametrize("other", [(), (("address", "IPv4"),)])  # packed, and by the client
async def test_values_of_every_type_come_out_as_they_went_in(
    parts: Settings, other: Sequence[tuple[str, str]]
) -> None:
    columns = [("number", "Int64"), *((f"c{n}", t) for n, (t, _) in enumerate(VALUES)), *other]
    projection = a_table(columns)
    rows = [(n, *(value for _, value in VALUES), *("127.0.0.1" for _ in other)) for n in (1, 2)]
    assert (block_of(columns, rows) is None) == bool(other)
    async with open_clickhouse(parts) as clickhouse:
        await clickhouse.run(projection.create(projection.table))
        for _ in range(2):  # the same token again stores nothing
            await clickhouse.insert(projection, rows, "token")
        found = await clickhouse.rows(f"SELECT * FROM {projection.table} ORDER BY number")
        await clickhouse.run(f"DROP TABLE {projection.table} SYNC")
    assert [tuple(row)[: len(VALUES) + 1] for row in found] == [
        row[: len(VALUES) + 1] for row in rows
    ]
