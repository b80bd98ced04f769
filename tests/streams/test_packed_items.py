"""Very many items of a job come in a few queries, each once and in the order of the list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from streams.adapters.clickhouse import ClickHouse, open_clickhouse
from streams.adapters.clickhouse_items import ROWS_A_BATCH, ROWS_A_PART, read_packed_items
from streams.adapters.clickhouse_store import ClickHouseStore
from streams.domain.erasure import ERASED
from streams.domain.ids import JobId, new_job_id
from streams.domain.items import RecordedItem
from streams.errors import StoreUnavailableError
from streams.exports.rows import MOST_ROWS, PACKED_BYTES, next_limit
from streams.ports import PackedItems
from streams.projections import items
from streams.settings import Settings

COUNT = ROWS_A_BATCH + 40


async def fill(clickhouse: ClickHouse, job_id: JobId, count: int) -> None:
    """``count`` items; one of them came twice, and one more was forgotten."""
    rows = [
        RecordedItem(
            job_id=job_id,
            tenant="public",
            event_id=f"{(number * 7_919) % 100_003:06}",  # another order than the positions'
            occurred_at=datetime.now(UTC),
            partition=0,
            offset=number,
            schema="GoogleReview",
            fields={"review_id": f"r{number}", "position": number // 2, "text": "größer\n😀"},
        )
        for number in range(count)
    ]
    rows.append(replace(rows[0], offset=count, fields={**rows[0].fields, "text": "later"}))
    forgotten = replace(rows[1], event_id="x", offset=count + 1, schema=ERASED, fields={})
    written = [items.row(each) for each in (*rows, forgotten)]
    await clickhouse.insert(items.projection, written, token=f"test:{job_id}")


def unpacked(page: PackedItems) -> list[Sequence[Any]]:
    return [list(part) for part in page.parts()]


async def test_packed_items_are_those_of_the_pages_in_parts(parts: Settings) -> None:
    job_id = new_job_id()
    async with open_clickhouse(parts) as clickhouse:
        await fill(clickhouse, job_id, COUNT)
        store = ClickHouseStore(clickhouse)
        expected = (await store.read_items(job_id, after=None, limit=COUNT + 1)).items
        assert len(expected) == COUNT

        whole = await store.read_packed_items(job_id, after=None, limit=COUNT + 1)
        found = unpacked(whole)
        assert [item for part in found for item in part] == expected
        assert max(map(len, found)) <= ROWS_A_PART
        assert (whole.count, whole.next_after) == (COUNT, None)
        assert 0 < whole.size_bytes < len(str(expected))
        assert unpacked(whole) == found, "they can be read again"

        first = await store.read_packed_items(job_id, after=None, limit=31)
        rest = await store.read_packed_items(job_id, after=first.next_after, limit=COUNT)
        joined = [item for page in (first, rest) for part in page.parts() for item in part]
        assert (first.count, rest.next_after, joined) == (31, None, expected)

        none = await store.read_packed_items(new_job_id(), after=None, limit=10)
        assert (unpacked(none), none.count, none.next_after) == ([], 0, None)


class Answers(ClickHouse):
    """A server that answers with bytes of its own."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    async def packed(self, *_: Any, **__: Any) -> bytes:
        return self._answer


async def test_an_answer_that_is_no_rows_is_a_store_that_is_away() -> None:
    with pytest.raises(StoreUnavailableError, match="no rows came"):
        await read_packed_items(
            Answers(b"Code: 241. DB::Exception: memory"), new_job_id(), after=None, limit=10
        )


def page_of(count: int, size_bytes: int) -> PackedItems:
    def none() -> Iterator[Sequence[Any]]:
        return iter(())

    return PackedItems(parts=none, count=count, size_bytes=size_bytes, next_after=None)


def test_the_next_page_has_as_many_items_as_are_small_enough() -> None:
    assert next_limit(page_of(1_000, 1_000 * 400), 1_000) == PACKED_BYTES // 400
    assert next_limit(page_of(1_000, 1_000), 1_000) == MOST_ROWS
    assert next_limit(page_of(1_000, PACKED_BYTES), 1_000) == 1_000
    assert next_limit(page_of(1_000, 0), 1_000) == 1_000, "nobody knows how large they are"
