"""``GET /jobs/{id}/reviews`` as a file: every format has all rows, or is visibly broken."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import httpx2
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import api.routes.reviews
from streams.adapters.memory_store import MemoryJobStore
from streams.domain.ids import JobId
from streams.errors import StoreUnavailableError
from streams.ports import ItemPage
from tests.api.job_events import BEGAN, completed, progress, started
from tests.api.test_reviews_resource import finished
from tests.api.world import World

COUNT = 25
NAMES = [f"review-{number}" for number in range(1, COUNT + 1)]
STREAMED = ("json", "jsonl", "csv", "parquet")


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several pages for a few reviews."""
    monkeypatch.setattr(api.routes.reviews, "REVIEWS_A_PAGE", 10)
    monkeypatch.setattr(api.routes.reviews, "REVIEWS_A_FILE_PAGE", 10)


def csv_in(content: bytes) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def xlsx_in(content: bytes, sheet: str = "items") -> list[dict[str, Any]]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    head, *rows = book[sheet].iter_rows(values_only=True)
    return [dict(zip(map(str, head), row, strict=True)) for row in rows]


READ: Mapping[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "json": lambda content: json.loads(content)["reviews"],
    "jsonl": lambda content: [json.loads(line) for line in content.splitlines()],
    "csv": csv_in,
    "parquet": lambda content: pq.read_table(io.BytesIO(content)).to_pylist(),
    "xlsx": xlsx_in,
}


@pytest.mark.parametrize("form", READ)
async def test_every_format_has_every_review_and_announces_how_many(
    world: World, form: str
) -> None:
    process = await world.start()
    job_id = await finished(world, process, COUNT)
    answer = await process.client.get(f"/jobs/{job_id}/reviews", params={"format": form})
    assert answer.status_code == 200, answer.text
    assert (answer.headers["x-total-count"], answer.headers["x-job-complete"]) == ("25", "true")
    disposition = answer.headers.get("content-disposition", "")
    assert disposition == (
        "" if form == "json" else f'attachment; filename="reviews-{job_id}.{form}"'
    )
    rows = READ[form](answer.content)
    assert [row["review_id"] for row in rows] == NAMES
    assert rows[0]["text"] == 'Über 1 "quoted"\n'
    assert float(rows[0]["rating"]) == 4.0


async def test_parquet_is_typed_and_its_footer_has_the_count(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, COUNT)
    answer = await process.client.get(f"/jobs/{job_id}/reviews?format=parquet")
    file = pq.ParquetFile(io.BytesIO(answer.content))
    types = {field.name: field.type for field in file.schema_arrow}
    assert types["published_at"] == pa.timestamp("us", tz="UTC")
    assert (types["rating"], types["likes"]) == (pa.float64(), pa.int64())
    assert types["photo_urls"] == pa.list_(pa.string())
    assert types["sub_ratings"] == pa.map_(pa.string(), pa.float64())
    assert types["author_is_local_guide"] == pa.bool_()
    assert not {"job_id", "event_id", "tenant", "occurred_at"} & set(types)
    assert file.metadata.num_rows == COUNT
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    facts = file.metadata.metadata
    assert facts[b"scrapestream.rows"] == b"25"
    assert facts[b"scrapestream.job_id"] == job_id.encode()
    assert facts[b"scrapestream.complete"] == b"true"
    assert file.read().to_pylist()[0]["published_at"] == BEGAN


async def test_a_workbook_has_typed_cells_and_says_what_it_is(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, COUNT)
    answer = await process.client.get(f"/jobs/{job_id}/reviews?format=xlsx")
    assert int(answer.headers["content-length"]) == len(answer.content)
    first = xlsx_in(answer.content)[0]
    assert (first["rating"], first["position"]) == (4, 1)
    assert first["published_at"] == BEGAN.replace(tzinfo=None)
    book = openpyxl.load_workbook(io.BytesIO(answer.content))
    facts = dict(book["about"].iter_rows(values_only=True))
    assert (facts["scrapestream.rows"], facts["scrapestream.job_id"]) == ("25", job_id)


@pytest.mark.parametrize("form", READ)
async def test_a_job_without_reviews_gives_a_readable_file(world: World, form: str) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started(), *completed(0))
    await process.is_caught_up()
    answer = await process.client.get(f"/jobs/{job_id}/reviews", params={"format": form})
    assert (answer.status_code, answer.headers["x-total-count"]) == (200, "0")
    assert READ[form](answer.content) == []


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/jsonl", "application/x-ndjson"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("application/x-ndjson;q=0, text/csv;q=0.1", "text/csv; charset=utf-8"),
        ("application/json, text/csv", "application/json"),
        ("*/*, text/csv;q=0.9", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("text/csv;q=x", "application/json"),
        ("", "application/json"),
    ],
)
async def test_the_format_follows_from_accept(world: World, accept: str, media_type: str) -> None:
    process = await world.start()
    job_id = await finished(world, process, 1)
    answer = await process.client.get(f"/jobs/{job_id}/reviews", headers={"Accept": accept})
    assert answer.headers["content-type"] == media_type
    named = await process.client.get(
        f"/jobs/{job_id}/reviews?format=json", headers={"Accept": accept}
    )
    assert named.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "query",
    ["format=xml", "format=", "bom=2", "format=csv&limit=5", "format=xlsx&cursor=WzEsIngiXQ"],
)
async def test_a_wish_that_cannot_be_met_is_refused(world: World, query: str) -> None:
    process = await world.start()
    job_id = await finished(world, process, 1)
    answer = await process.client.get(f"/jobs/{job_id}/reviews?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


async def test_head_announces_and_reads_nothing(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, COUNT)
    for form in READ:
        answer = await process.client.head(f"/jobs/{job_id}/reviews", params={"format": form})
        assert (answer.headers["x-total-count"], answer.content) == ("25", b"")


async def test_a_byte_order_mark_comes_when_it_is_wanted(world: World) -> None:
    process = await world.start()
    job_id = await finished(world, process, 1)
    path = f"/jobs/{job_id}/reviews?format=csv"
    plain = (await process.client.get(path)).content
    marked = (await process.client.get(f"{path}&bom=true")).content
    assert marked == b"\xef\xbb\xbf" + plain


async def test_an_open_job_exports_what_was_announced_and_says_that_it_goes_on(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await world.start()
    job_id = await process.submit()
    await world.append(job_id, *started())
    items = await world.put_items(job_id, 15)
    await world.append(job_id, progress(15, items=items))
    await process.is_caught_up()
    read_items = MemoryJobStore.read_items

    async def more_meanwhile(store: MemoryJobStore, job: JobId, **page: Any) -> ItemPage:
        await world.put_items(job_id, 10, first=16)
        return await read_items(store, job, **page)

    monkeypatch.setattr(MemoryJobStore, "read_items", more_meanwhile)
    answer = await process.client.get(f"/jobs/{job_id}/reviews?format=jsonl")
    assert (answer.headers["x-total-count"], answer.headers["x-job-complete"]) == ("15", "false")
    assert [row["review_id"] for row in READ["jsonl"](answer.content)] == NAMES[:15]


def breaks(monkeypatch: pytest.MonkeyPatch, *, ends_early: bool) -> None:
    """A store that loses its second page: with an error, or with no word at all."""
    read_items = MemoryJobStore.read_items

    async def broken(
        store: MemoryJobStore, job: JobId, *, after: tuple[int, str] | None, limit: int
    ) -> ItemPage:
        if after is None:
            return await read_items(store, job, after=after, limit=limit)
        if ends_early:
            return ItemPage(items=[], next_after=None)
        raise StoreUnavailableError("gone in the middle")

    monkeypatch.setattr(MemoryJobStore, "read_items", broken)


@pytest.mark.parametrize("ends_early", [False, True])
@pytest.mark.parametrize("form", STREAMED)
async def test_a_store_that_fails_in_the_middle_never_gives_a_whole_answer(
    world: World, monkeypatch: pytest.MonkeyPatch, form: str, ends_early: bool
) -> None:
    process = await world.serve()
    job_id = await finished(world, process, COUNT)
    breaks(monkeypatch, ends_early=ends_early)
    pieces: list[bytes] = []

    async def download() -> None:
        path, params = f"/jobs/{job_id}/reviews", {"format": form}
        async with process.client.stream("GET", path, params=params) as answer:
            assert answer.headers["x-total-count"] == "25"
            async for piece in answer.aiter_bytes():
                pieces.append(piece)  # noqa: PERF401 - what came before the break counts

    with pytest.raises(httpx2.RemoteProtocolError, match="incomplete chunked read"):
        await download()
    got = b"".join(pieces)
    assert form == "parquet" or b"review-1" in got  # it had begun
    assert b"review-11" not in got


async def test_a_workbook_whose_rows_cannot_be_read_is_a_503(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = await world.start()
    job_id = await finished(world, process, COUNT)
    breaks(monkeypatch, ends_early=False)
    answer = await process.client.get(f"/jobs/{job_id}/reviews?format=xlsx")
    assert (answer.status_code, answer.json()["code"]) == (503, "storage.unavailable")


@pytest.mark.parametrize("form", READ)
async def test_an_export_waits_until_all_is_stored(world: World, form: str) -> None:
    process = await world.start()
    world.store.is_held = True  # the materializer is late
    job_id = await finished(world, process, 12)
    asking = asyncio.create_task(
        process.client.get(f"/jobs/{job_id}/reviews", params={"format": form})
    )
    await asyncio.sleep(0.05)  # time to answer too early
    assert not asking.done()
    world.store.is_held = False
    answer = await asking
    assert answer.headers["x-total-count"] == "12"
    assert len(READ[form](answer.content)) == 12


async def test_files_of_a_kind_that_is_known_no_more_are_refused_with_a_way_out(
    world: World,
) -> None:
    process = await world.start()
    job_id = await finished(world, process, 1)
    kinds = api_kinds(process.app.state.api)
    kinds.clear()
    refused = await process.client.get(f"/jobs/{job_id}/reviews?format=csv")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert "ask for JSON" in refused.json()["detail"]
    assert (await process.client.get(f"/jobs/{job_id}/reviews?format=json")).status_code == 200


def api_kinds(api: Any) -> list[Any]:
    kinds: list[Any] = api.parts.catalogue.kinds
    return kinds
